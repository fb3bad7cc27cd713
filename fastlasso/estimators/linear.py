"""`Lasso` and `ElasticNet`, and their path functions `lasso_path` and `enet_path`."""

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import MultiOutputMixin
from sklearn.utils.metadata_routing import UNUSED

from ..annotations import ArrayLike, ByColumn, Data, RandomState
from ..matrices.choose import as_matrix
from ..path.fit import fit_each, fit_path, paths_on_one_grid
from ..validation import UNBOUNDED
from .base import LinearModel, all_or_nothing, as_float, asked_grid, check_gram, progress, warnings_of_both
from .parameters import GRAM, check_parameters, described, keep_arguments

# What `enet_path` takes by **params, with the defaults of scikit-learn's solver.
SOLVER_DEFAULTS = {"tol": 1e-4, "max_iter": 1000, "sample_weight": None, "random_state": None, "selection": "cyclic",
                   "do_screening": True, "X_offset": None, "X_scale": None}


def lasso_path(X: Data, y: ArrayLike, *, eps: float = 1e-3, n_alphas: int | str = "deprecated", alphas: ArrayLike = 100,
               precompute: bool | str | ArrayLike = "auto", Xy: ArrayLike | None = None, copy_X: bool = True,
               coef_init: ArrayLike | None = None, verbose: bool | int = False, return_n_iter: bool = False,
               positive: bool = False, **params: Any) -> tuple[Any, ...]:
    """Solve the lasso without intercept at every alpha of a grid.

        1/(2 n) |y - X b|^2 + alpha |b|_1

    This is `enet_path` with l1_ratio = 1, which describes arguments and results.

    Examples
    --------
    >>> from fastlasso import lasso_path
    >>> alphas, coefs, dual_gaps = lasso_path([[1, 2], [2, 5], [3, 4]], [1.0, 2.0, 3.0], alphas=[5.0, 1.0, 0.5])
    >>> coefs.round(3)
    array([[0.   , 0.   , 0.417],
           [0.2  , 0.467, 0.278]])
    """
    return enet_path(X, y, l1_ratio=1.0, eps=eps, n_alphas=n_alphas, alphas=alphas, precompute=precompute, Xy=Xy,
                     copy_X=copy_X, coef_init=coef_init, verbose=verbose, return_n_iter=return_n_iter,
                     positive=positive, **params)


def enet_path(X: Data, y: ArrayLike, *, l1_ratio: float = 0.5, eps: float = 1e-3, n_alphas: int | str = "deprecated",
              alphas: ArrayLike = 100, precompute: bool | str | ArrayLike = "auto", Xy: ArrayLike | None = None,
              copy_X: bool = True, coef_init: ArrayLike | None = None, verbose: bool | int = False,
              return_n_iter: bool = False, positive: bool = False, check_input: bool = True,
              **params: Any) -> tuple[Any, ...]:
    """Solve the elastic net without intercept at every alpha of a grid.

        1/(2 n) |y - X b|^2 + alpha ( l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2 )

    In place of `sklearn.linear_model.enet_path`. `fastlasso.fit_path` returns more: intercepts, sparse coefficients.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples,) or (n_samples, n_targets)
        Several targets are fitted each for itself along one grid; scikit-learn couples them by a penalty on rows.
    l1_ratio : float in [0, 1], default=0.5
    eps : float, default=1e-3
        Smallest alpha of an automatic grid as a fraction of the largest.
    n_alphas : int
        Older name of an integer `alphas`; gives a FutureWarning, as in scikit-learn.
    alphas : int or array of floats, default=100
        How many alphas, or which.
    verbose : bool or int, default=False
        Write a line per alpha to standard error.
    return_n_iter : bool, default=False
    positive : bool, default=False
        Coefficients >= 0.
    precompute, Xy, copy_X, coef_init, check_input
        Checked for their kind and shape; they change neither result nor cost.
    **params
        tol (default 1e-4, the promised duality gap as a fraction of P(0)), max_iter (default 1000), sample_weight
        (rows weighted, only ratios matter); random_state, selection and do_screening make no difference.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        Descending.
    coefs : ndarray of shape (n_features, n_alphas), or (n_targets, n_features, n_alphas) for y of two dimensions
        In X's dtype.
    dual_gaps : ndarray of shape (n_alphas,)
        In units of the objective, summed over the targets.
    n_iters : list of int
        Passes over X, rounded up, at least 1; only if `return_n_iter`.

    Raises
    ------
    ValueError, TypeError
        For bad input, and for several targets with positive=True, as in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from fastlasso import enet_path
    >>> alphas, coefs, gaps = enet_path(np.eye(3), [3.0, 1.0, 2.0], l1_ratio=0.9, alphas=4)
    >>> coefs.shape, bool((gaps <= 1e-12).all())
    ((3, 4), True)
    """
    if unexpected := params.keys() - SOLVER_DEFAULTS.keys():
        raise ValueError(f"Unexpected parameters in params: {sorted(unexpected)}")
    arguments = SOLVER_DEFAULTS | params | {
        "l1_ratio": l1_ratio, "eps": eps, "n_alphas": n_alphas, "alphas": alphas, "precompute": precompute, "Xy": Xy,
        "copy_X": copy_X, "coef_init": coef_init, "verbose": verbose, "return_n_iter": return_n_iter,
        "positive": positive, "check_input": check_input}
    check_parameters("enet_path", arguments, {})
    matrix = as_matrix(X)
    check_path_data(matrix.shape, y, arguments)
    y = as_float(np.asarray(y))
    targets = [y] if y.ndim < 2 else list(np.ascontiguousarray(y.T))
    paths = solved_paths(X if isinstance(X, np.ndarray) else matrix, targets, arguments)
    coefs = np.stack([path.coefs.toarray().astype(matrix.dtype, copy=False) for path in paths])
    gaps = sum(path.gaps for path in paths[1:]) + paths[0].gaps if len(paths) > 1 else paths[0].gaps
    results = paths[0].alphas, coefs[0] if y.ndim < 2 else coefs, gaps
    passes = [np.maximum(1, np.ceil(np.diff(path.n_passes, prepend=0.0))).astype(int) for path in paths]
    return (*results, np.max(passes, axis=0).tolist()) if return_n_iter else results


def check_path_data(shape, y, arguments):
    """Raise ValueError for several targets with positive=True, foreign centring, and arrays of a wrong shape."""
    if np.ndim(y) > 1 and np.shape(y)[1] != 1 and arguments["positive"]:
        raise ValueError("positive=True is not allowed for multi-output (y.ndim != 1)")
    if arguments["X_offset"] is not None or arguments["X_scale"] is not None:
        raise ValueError("X_offset and X_scale are not supported: fastlasso.fit_path centres and standardises X itself")
    check_gram(arguments["precompute"], shape[1])
    for name in ("Xy", "coef_init"):
        value = arguments[name]
        if value is not None and np.size(value) != shape[1]:
            raise ValueError(f"{name}.shape == {np.shape(value)}, expected {(shape[1],)}")


def solved_paths(X, targets, arguments):
    """Call `fit_path` with the arguments of `enet_path` for each target, all along one grid."""
    problem = {"l1_ratio": arguments["l1_ratio"], "fit_intercept": False, "sample_weight": arguments["sample_weight"],
               "lower": 0.0 if arguments["positive"] else UNBOUNDED[0]}
    with warnings_of_both():
        alphas = asked_grid(arguments["alphas"], arguments["n_alphas"])
        how = problem | {"eps": arguments["eps"], "tol": arguments["tol"], "max_iter": arguments["max_iter"],
                         "callback": progress(arguments["verbose"])}
        if len(targets) == 1:
            return [fit_path(X, targets[0], alphas=alphas, **how)]
        return paths_on_one_grid(X, targets, alphas=alphas, **how)


@described
class ElasticNet(MultiOutputMixin, LinearModel):
    """Linear regression with L1 and L2 penalty.

        1/(2 W) sum_i w_i (y_i - b0 - x_i . b)^2 + alpha ( l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2 ),  W = sum_i w_i

    In place of `sklearn.linear_model.ElasticNet`.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
    l1_ratio : float in [0, 1], default=0.5
        1 is the lasso, 0 ridge regression.
    fit_intercept : bool, default=True
    max_iter : int, default=1000
        Largest number of coordinate descent epochs, where descent is used at all.
    tol : float, default=1e-4
        Promised duality gap as a fraction of P(0), the objective of the empty model.
    positive : bool, default=False
        Coefficients >= 0.
    precompute, copy_X, warm_start, random_state, selection
        Checked; they change neither result nor cost. X is never copied and never written to.
    standardize : bool, default=False
        Penalise as if every column had standard deviation one; `coef_` stays in the units of X.
    penalty_factor : array of shape (n_features,), optional
        Multiplies the penalty of each coefficient: 0 is never penalised, inf never used.
    n_jobs : int, optional
        Threads; None is every core this process may use. The result does not depend on it, to the last bit.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        In X's dtype.
    sparse_coef_ : sparse matrix of shape (1, n_features) or (n_targets, n_features)
    intercept_ : float or ndarray of shape (n_targets,)
    dual_gap_ : float or ndarray of shape (n_targets,)
        In units of the objective, of the solution before it is rounded to X's dtype.
    n_iter_ : int or list of int
        Passes over X, rounded up, at least 1.
    n_features_in_, feature_names_in_
        As in `LinearModel`.

    Examples
    --------
    >>> from fastlasso import ElasticNet
    >>> model = ElasticNet(alpha=0.1).fit([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]], [0.0, 1.0, 2.0])
    >>> model.coef_.round(3)
    array([0.86, 0.  ])
    """

    # As in scikit-learn, `check_input` is not routed as metadata.
    __metadata_request__fit: ClassVar = {"check_input": UNUSED}
    _rules: ClassVar = {"precompute": GRAM}

    path = staticmethod(enet_path)

    def __init__(self, alpha: float = 1.0, *, l1_ratio: float = 0.5, fit_intercept: bool = True,
                 precompute: bool | str | ArrayLike = False, max_iter: int = 1000, copy_X: bool = True,
                 tol: float = 1e-4, warm_start: bool = False, positive: bool = False,
                 random_state: RandomState | None = None, selection: str = "cyclic", standardize: bool = False,
                 penalty_factor: ByColumn | None = None, n_jobs: int | None = None) -> None:
        keep_arguments(locals())

    @all_or_nothing
    def fit(self, X: Data, y: ArrayLike, sample_weight: ArrayLike | None = None, check_input: bool = True) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : array of shape (n_samples,) or (n_samples, n_targets)
            Each target is a problem of its own.
        sample_weight : float or array of shape (n_samples,), optional
            Weights >= 0; only ratios matter.
        check_input : bool, default=True
            Makes no difference: the input is always checked.
        """
        self._check_parameters()
        X, y = self._validated(X, y)
        check_gram(self.precompute, X.shape[1])
        y = as_float(y)
        targets = [y] if y.ndim < 2 else np.ascontiguousarray(y.T)
        options = self._options(sample_weight)
        solutions = fit_each(X, targets, self.alpha, l1_ratio=self.l1_ratio, **options)
        return self._keep(solutions, X.dtype, y.ndim < 2)


@described
class Lasso(ElasticNet):
    """Linear regression with L1 penalty.

        1/(2 W) sum_i w_i (y_i - b0 - x_i . b)^2 + alpha |b|_1,  W = sum_i w_i

    In place of `sklearn.linear_model.Lasso`.

    Parameters
    ----------
    alpha, fit_intercept, max_iter, tol, positive, precompute, copy_X, warm_start, random_state, selection, \
standardize, penalty_factor, n_jobs
        As in `ElasticNet`.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in `ElasticNet`.

    Examples
    --------
    >>> from fastlasso import Lasso
    >>> model = Lasso(alpha=0.1).fit([[0, 0], [1, 1], [2, 2]], [0, 1, 2])
    >>> model.coef_.round(2), round(float(model.intercept_), 2)
    (array([0.85, 0.  ]), 0.15)
    """

    def __init__(self, alpha: float = 1.0, *, fit_intercept: bool = True, precompute: bool | str | ArrayLike = False,
                 copy_X: bool = True, max_iter: int = 1000, tol: float = 1e-4, warm_start: bool = False,
                 positive: bool = False, random_state: RandomState | None = None, selection: str = "cyclic",
                 standardize: bool = False, penalty_factor: ByColumn | None = None, n_jobs: int | None = None) -> None:
        keep_arguments(locals())
        self.l1_ratio = 1.0
