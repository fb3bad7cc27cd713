"""The child of `fault_matrix.py`: runs named cases with one library and writes a line of JSON for each.

    python fault_worker.py LIBRARY < names

Nothing of fastlasso is imported here but for the library of that name: the judgement is the parent's.
"""

import json
import os
import sys
import warnings

import numpy as np
from fault_cases import CASES


class NotOffered(Exception):
    """The library has no such option."""


def offered(options, *names):
    """Return the options as they are, if all of them are among `names`."""
    missing = set(options) - set(names)
    if missing:
        raise NotOffered(", ".join(sorted(missing)))
    return options


def named_loss(text):
    """Return what fastlasso takes as `loss`: a name, or NAME:PARAMETER as an object."""
    from fastlasso import Huber, NegativeBinomial, Tweedie

    kinds = {"tweedie": Tweedie, "huber": Huber, "negative_binomial": NegativeBinomial}
    name, _, parameter = text.partition(":")
    return kinds[name](float(parameter)) if parameter else name


def fastlasso(X, y, alpha, positive=False, loss=None, **options):
    from fastlasso import fit

    if loss is not None:
        options["loss"] = named_loss(loss)
    found = fit(X, y, alpha, **options, **({"lower": 0.0} if positive else {}))
    return found.coef, found.intercept


def scikit_learn(X, y, alpha, sample_weight=None, loss=None, **options):
    from sklearn.linear_model import ElasticNet, LogisticRegression

    if loss == "log_loss":
        offered(options, "l1_ratio", "fit_intercept", "tol", "max_iter")
        total = np.shape(X)[0] if sample_weight is None else np.sum(sample_weight)
        model = LogisticRegression(C=1 / (total * alpha), solver="saga", **{"l1_ratio": 1.0, **options})
        model.fit(X, y, sample_weight=sample_weight)
        return model.coef_[0], model.intercept_[0]
    if loss is not None:
        raise NotOffered(loss)
    offered(options, "positive", "l1_ratio", "fit_intercept", "tol", "max_iter")
    model = ElasticNet(alpha=alpha, **{"l1_ratio": 1.0, **options}).fit(X, y, sample_weight=sample_weight)
    return model.coef_, model.intercept_


def celer(X, y, alpha, penalty_factor=None, l1_ratio=1.0, **options):
    from celer import ElasticNet, Lasso

    offered(options, "positive", "fit_intercept", "tol", "max_iter")
    kind = Lasso if isinstance(l1_ratio, float) and l1_ratio == 1 else ElasticNet
    extra = {} if kind is Lasso else {"l1_ratio": l1_ratio}
    model = kind(alpha=alpha, weights=penalty_factor, **extra, **options).fit(X, y)
    return model.coef_, model.intercept_


def skglm(X, y, alpha, penalty_factor=None, l1_ratio=1.0, **options):
    from skglm import ElasticNet, Lasso, WeightedLasso

    offered(options, "positive", "fit_intercept", "tol", "max_iter")
    if penalty_factor is not None:
        model = WeightedLasso(alpha=alpha, weights=penalty_factor, **options)
    elif isinstance(l1_ratio, float) and l1_ratio == 1:
        model = Lasso(alpha=alpha, **options)
    else:
        model = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, **options)
    model.fit(X, y)
    return model.coef_, model.intercept_


GLUM_FAMILIES = {None: "normal", "log_loss": "binomial", "poisson": "poisson", "gamma": "gamma"}


def glum(X, y, alpha, sample_weight=None, penalty_factor=None, positive=False, tol=None, l1_ratio=1.0, loss=None,
         offset=None, **options):
    from glum import GeneralizedLinearRegressor

    if loss not in GLUM_FAMILIES:
        raise NotOffered(loss)
    options |= {"link": "log"} if loss == "gamma" else {}

    offered(options, "fit_intercept", "max_iter", "link")
    model = GeneralizedLinearRegressor(
        family=GLUM_FAMILIES[loss], alpha=alpha, l1_ratio=l1_ratio,
        lower_bounds=np.zeros(np.shape(X)[1]) if positive else None,
        P1="identity" if penalty_factor is None else penalty_factor, gradient_tol=tol, **options)
    model.fit(X, y, sample_weight=sample_weight, offset=offset)
    return model.coef_, model.intercept_


def python_glmnet(X, y, alpha, sample_weight=None, l1_ratio=1.0, penalty_factor=None, positive=False, **options):
    from glmnet import ElasticNet

    offered(options, "fit_intercept", "tol", "max_iter")
    bounds = {"lower_limits": np.zeros(np.shape(X)[1])} if positive else {}
    model = ElasticNet(alpha=l1_ratio, lambda_path=np.array([alpha]), n_splits=0, standardize=False, **bounds,
                       **options)
    model.fit(X, y, sample_weight=sample_weight, relative_penalties=penalty_factor)
    return model.coef_path_[:, 0], model.intercept_path_[0]


def adelie(X, y, alpha, sample_weight=None, penalty_factor=None, l1_ratio=1.0, fit_intercept=True, tol=1e-7, **options):
    import adelie as ad
    from scipy import sparse

    offered(options, "max_iter")
    if sparse.issparse(X):
        X = ad.matrix.sparse(sparse.csr_matrix(X) if X.format == "csr" else sparse.csc_matrix(X), method="naive")
    limit = {"max_iters": options["max_iter"]} if "max_iter" in options else {}
    state = ad.grpnet(X, ad.glm.gaussian(y, weights=sample_weight), lmda_path=np.array([alpha]), alpha=l1_ratio,
                      penalty=penalty_factor, tol=tol, early_exit=False, intercept=fit_intercept, progress_bar=False,
                      **limit)
    return state.betas.toarray()[0], state.intercepts[0]


LIBRARIES = {solve.__name__: solve for solve in
             (fastlasso, scikit_learn, celer, skglm, glum, python_glmnet, adelie)}


def answer(case, solve):
    """Run one case; return what came of it, ready for JSON."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = case.run(solve)
        except (NotOffered, ImportError) as error:
            return {"status": "not offered", "text": str(error)}
        except (Exception, KeyboardInterrupt) as error:
            return {"status": "error", "kind": type(error).__name__, "text": str(error)[:200]}
    if isinstance(found, (bool, np.bool_)):
        return {"status": "judged", "well": bool(found)}
    coef, intercept = found
    return {"status": "answer", "coef": np.asarray(coef, float).ravel().tolist(), "intercept": float(intercept),
            "warned": [str(warning.message)[:100] for warning in caught
                       if not issubclass(warning.category, DeprecationWarning | FutureWarning)]}


def main(library):
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)       # what a library prints is not an answer
    answer(CASES["csc_matrix"], LIBRARIES[library])     # imports and compiles: not part of any case
    answer(CASES["l1_ratio 0.5"], LIBRARIES[library])
    answer(CASES["no intercept"], LIBRARIES[library])
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(CASES[line.strip()], LIBRARIES[library])), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
