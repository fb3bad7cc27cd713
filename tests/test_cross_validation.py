"""Cross-validation is the fit of each fold's training rows, judged on the rows it did not see."""

import threading

import numpy as np
import pytest
from layouts import PLAIN, build, exact_matrix, folds_of, target
from sklearn.linear_model import LassoCV
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

import fastlasso
from fastlasso import (
    ConvergenceWarning,
    Stage,
    cross_validate_adaptive,
    cross_validate_path,
    cross_validate_relaxed,
    cross_validate_reweighted,
    fit_path,
    fit_schedule,
)
from fastlasso.matrices.choose import as_matrix
from fastlasso.parallel import Pool
from fastlasso.path.path_solver import PathSolver
from fastlasso.refinement.reweighting import ReweightedSolver
from fastlasso.ways import going

SHAPES = {"tall": (60, 12), "wide": (45, 100)}


@pytest.fixture(params=SHAPES)
def data(request):
    A = exact_matrix(*SHAPES[request.param], seed=9)
    return A, target(A, seed=9)


@pytest.mark.parametrize("layout", PLAIN)
def test_errors_are_those_of_scikit_learn(data, layout):
    A, y = data
    ours = cross_validate_path(build(layout, A), y, cv=5, random_state=None, alphas=12, eps=0.02, tol=1e-12)
    peer = LassoCV(alphas=ours.alphas, cv=5, tol=1e-12, max_iter=200_000).fit(A, y)
    np.testing.assert_allclose(ours.errors, peer.mse_path_, rtol=1e-6)
    assert ours.alpha == pytest.approx(peer.alpha_)
    np.testing.assert_allclose(ours.coef, peer.coef_, atol=1e-6)
    assert ours.intercept == pytest.approx(peer.intercept_, abs=1e-6)


@pytest.mark.parametrize("options", [{}, {"standardize": True}, {"l1_ratio": 0.5}, {"fit_intercept": False},
                                     {"lower": 0.0, "upper": 0.4}, {"penalty_factor": 0.5},
                                     {"penalty_factor": "two free columns"}, {"l1_ratio": 0.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_folds_are_fits_of_their_training_rows(data, options, weighted):
    A, y = data
    w = np.arange(len(y)) % 3 + 0.5 if weighted else np.ones(len(y))
    offset = np.sin(np.arange(len(y)))
    splits = folds_of(len(y))
    if options.get("penalty_factor") == "two free columns":
        options = {"penalty_factor": np.r_[0.0, 0.0, np.ones(A.shape[1] - 2)]}
    ours = cross_validate_path(A, y, cv=splits, alphas=6, eps=0.05, tol=1e-14, offset=offset, sample_weight=w,
                               **options)
    assert len(ours.fold_paths) == 4
    for f, (train, test) in enumerate(splits):
        alone = fit_path(A[train], y[train], alphas=ours.alphas, tol=1e-14, offset=offset[train],
                         sample_weight=w[train], **options)
        np.testing.assert_allclose(ours.fold_paths[f].coefs.toarray(), alone.coefs.toarray(), atol=1e-5)
        predicted = alone.predict(A[test], offset=offset[test])
        errors = np.average((y[test][:, None] - predicted) ** 2, axis=0, weights=w[test])
        np.testing.assert_allclose(ours.errors[:, f], errors, rtol=1e-6)
        np.testing.assert_allclose(ours.oof_predictions[test], predicted[:, ours.index], atol=1e-5)


@pytest.mark.parametrize("layout", ["F", "C"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_column_that_is_constant_in_the_training_rows_of_a_fold_is_not_used_there(layout, fit_intercept):
    """Its variance there is the rounding of a difference of sums: standardised by that it would cost nothing."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((1000, 6)) + 0.1
    y = A[:, 0] + rng.standard_normal(1000)
    test = np.arange(200)
    A[:, 3], A[200:, 3] = rng.standard_normal(1000), 0.3
    A[:, 4], A[200:, 4] = 1e3 * rng.standard_normal(1000), 77.7
    splits = [(np.arange(200, 1000), test), (np.arange(200), np.arange(200, 1000))]
    ours = cross_validate_path(build(layout, A), y, cv=splits, alphas=8, standardize=True, fit_intercept=fit_intercept)
    assert not ours.fold_paths[0].coefs.toarray()[3:5].any()
    for (train, _), fold in zip(splits, ours.fold_paths, strict=True):
        alone = fit_path(A[train], y[train], alphas=ours.alphas, standardize=True, fit_intercept=fit_intercept)
        np.testing.assert_allclose(fold.coefs.toarray(), alone.coefs.toarray(), atol=1e-5)


@pytest.mark.parametrize("layout", PLAIN)
def test_a_fold_that_weighs_next_to_nothing_keeps_its_digits(layout):
    """Its weight is the difference of two large ones, and so is what divides its sums."""
    rng = np.random.default_rng(0)
    A = rng.choice([-1.0, 1.0], (60, 5))
    A[:30, :2] = A[0, :2]       # of these columns, the rows held out have nothing to take off
    y, w = A[:, 0] + A[:, 2] + rng.standard_normal(60), np.where(np.arange(60) < 30, 1.0, 1e-9)
    splits = [(np.arange(30, 60), np.arange(30))]
    (fold,) = cross_validate_path(build(layout, A), y, cv=splits, alphas=5, sample_weight=w, tol=1e-12).fold_paths
    alone = fit_path(A[30:], y[30:], alphas=fold.alphas, tol=1e-12)
    np.testing.assert_allclose(fold.coefs.toarray(), alone.coefs.toarray(), atol=1e-12)


def test_fields(data):
    A, y = data
    result = cross_validate_path(A, y, cv=5, alphas=20)
    assert result.errors.shape == (20, 5)
    np.testing.assert_allclose(result.mean_error, result.errors.mean(axis=1))
    np.testing.assert_allclose(result.standard_error, result.errors.std(axis=1, ddof=1) / np.sqrt(5))
    assert result.best_index == np.argmin(result.mean_error)
    bar = result.mean_error[result.best_index] + result.standard_error[result.best_index]
    assert result.mean_error[result.index_1se] <= bar
    assert (result.mean_error[:result.index_1se] > bar).all()
    assert result.index == result.best_index
    assert (result.alpha, result.alpha_min) == (result.alphas[result.index],) * 2
    assert result.alpha_1se == result.alphas[result.index_1se]
    np.testing.assert_array_equal(result.coef, result.path.fit_at(result.index).coef)
    np.testing.assert_allclose(result.predict(A, offset=0.0), A @ result.coef + result.intercept)
    assert result.oof_predictions.shape == y.shape
    assert np.isfinite(result.oof_predictions).all()
    np.testing.assert_allclose(result.alphas, fit_path(A, y, alphas=20).alphas, rtol=1e-14)


def test_a_cross_validation_describes_itself(data):
    result = cross_validate_path(*data, alphas=5, cv=3)
    assert repr(result).startswith("<PathCV: 5 alphas, 3 folds, rule 'min': alpha=")
    assert result != cross_validate_path(*data, alphas=5, cv=3)


@pytest.mark.parametrize("cv", [None, True, 2.5])
def test_what_is_no_cv_is_told(data, cv):
    for call in (cross_validate_path, cross_validate_adaptive, cross_validate_reweighted):
        with pytest.raises(TypeError, match="cv must be an integer"):
            call(*data, cv=cv, alphas=3)
    with pytest.raises(TypeError, match="cv must be an integer"):
        fit_schedule(*data, [Stage("min")], cv=cv)


def test_the_rule_of_one_standard_error(data):
    A, y = data
    best, simple = (cross_validate_path(A, y, alphas=20, rule=rule) for rule in ("min", "1se"))
    np.testing.assert_array_equal(best.errors, simple.errors)
    assert simple.index == simple.index_1se == best.index_1se
    assert simple.alpha >= best.alpha
    assert simple.alpha == simple.alpha_1se


@pytest.mark.parametrize("cv", [KFold(4), KFold(4, shuffle=True, random_state=1), folds_of(60), iter(folds_of(60)),
                                [(train.tolist(), test.tolist()) for train, test in folds_of(60)],
                                [(np.isin(np.arange(60), train), np.isin(np.arange(60), test))
                                 for train, test in folds_of(60)]],
                         ids=["kfold", "shuffled", "list", "iterator", "lists", "masks"])
def test_every_kind_of_cv(cv):
    A = exact_matrix(60, 12, seed=9)
    y = target(A, seed=9)
    ours = cross_validate_path(A, y, cv=cv, alphas=5, tol=1e-12)
    if hasattr(cv, "split"):
        peer = LassoCV(alphas=ours.alphas, cv=cv, tol=1e-12, max_iter=100_000).fit(A, y)
        np.testing.assert_allclose(ours.errors, peer.mse_path_, rtol=1e-6)
    else:
        listed = cross_validate_path(A, y, cv=folds_of(60), alphas=5, tol=1e-12)
        np.testing.assert_allclose(ours.errors, listed.errors, rtol=1e-12)
        np.testing.assert_array_equal(ours.oof_predictions, listed.oof_predictions)


def bootstrap(n, k):
    rng = np.random.default_rng(3)
    rows = [rng.integers(0, n, n) for _ in range(k)]
    return [(drawn, np.setdiff1d(np.arange(n), drawn)) for drawn in rows]


@pytest.mark.parametrize("cv", [TimeSeriesSplit(3), ShuffleSplit(3, test_size=0.2, train_size=0.5, random_state=0),
                                RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), bootstrap(60, 3),
                                [(np.arange(60), np.arange(20)), (np.arange(40), np.arange(60))]],
                         ids=["time", "shuffle", "repeated", "bootstrap", "overlapping"])
@pytest.mark.parametrize("large", [1 << 18, 1], ids=["", "summed"])
def test_splits_that_are_no_partition(cv, large):
    A = exact_matrix(60, 12, seed=9)
    y = target(A, seed=9)
    with going(summed_from=large):
        ours = cross_validate_path(A, y, cv=cv, alphas=5, tol=1e-12)
    peer = LassoCV(alphas=ours.alphas, cv=cv, tol=1e-12, max_iter=100_000).fit(A, y)
    np.testing.assert_allclose(ours.errors, peer.mse_path_, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", ["mse", "mae", "r2", "callable"])
def test_scorings(data, scoring, weighted):
    A, y = data
    w = np.arange(len(y)) % 3 + 0.5 if weighted else None
    splits = folds_of(len(y))
    ours = cross_validate_path(A, y, cv=splits, alphas=6, tol=1e-10, sample_weight=w,
                               scoring=r2_score if scoring == "callable" else scoring)
    judge = {"mse": mean_squared_error, "mae": mean_absolute_error, "r2": lambda *a, **k: 1 - r2_score(*a, **k),
             "callable": lambda *a, **k: -r2_score(*a, **k)}[scoring]
    for f, (_, test) in enumerate(splits):
        predicted = ours.fold_paths[f].predict(A[test])
        expected = [judge(y[test], column, sample_weight=None if w is None else w[test]) for column in predicted.T]
        np.testing.assert_allclose(ours.errors[:, f], expected, rtol=1e-8)
    assert ours.best_index == np.argmin(ours.mean_error)


@pytest.mark.parametrize("cv", [KFold(3), KFold(3, shuffle=True, random_state=0)], ids=["contiguous", "shuffled"])
@pytest.mark.parametrize("layout", PLAIN)
def test_absolute_errors_of_summed_data(layout, cv):
    A = exact_matrix(60, 12, seed=9)
    y = target(A, seed=9)
    with going(summed_from=1):
        ours = cross_validate_path(build(layout, A), y, cv=cv, alphas=5, scoring="mae")
    for fold, ((_, test), path) in enumerate(zip(cv.split(A), ours.fold_paths, strict=True)):
        expected = np.abs(y[test, None] - path.predict(A[test])).mean(axis=0)
        np.testing.assert_allclose(ours.errors[:, fold], expected, rtol=1e-10)


def test_an_error_that_is_no_number_is_refused(data):
    A, y = data
    with pytest.raises(ValueError, match="fold 1 is NaN or infinite at alpha"):
        cross_validate_path(A, np.where(np.isin(np.arange(len(y)), folds_of(len(y))[1][1]), 2.0, y),
                            cv=folds_of(len(y)), alphas=4, scoring="r2")


# ---------------------------------------------------------------- n >> p: sums over groups of rows

GROUPINGS = {"contiguous": lambda n: np.arange(n) * 3 // n, "scattered": lambda n: np.arange(n) * 7 % 5,
             "blocks": lambda n: np.arange(n) // 1000 % 2, "some alone": lambda n: np.where(np.arange(n) % 3, 0, -1),
             "rare": lambda n: np.where(np.arange(n) % 997, 0, 1)}


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_sums_over_groups_are_those_of_their_rows(layout, grouping):
    n, p = 30_000, 4        # so that several groups are gathered together
    A = exact_matrix(n, p, seed=3)
    y, owner, centre = target(A, seed=3), GROUPINGS[grouping](n), np.array([0.5, -1.0, 0.0, 4.5])
    w = np.random.default_rng(3).random(n)
    groups = [np.flatnonzero(owner == k) for k in range(owner.max() + 1)]
    with Pool(2) as pool:
        sums = as_matrix(build(layout, A)).group_sums(groups, centre, y, w, pool)
    for S, rows in zip(sums, groups, strict=True):
        a = np.column_stack([A[rows] - centre, y[rows], np.ones(len(rows))])
        np.testing.assert_allclose(S, (a * w[rows, None]).T @ a, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"standardize": True, "l1_ratio": 0.5}])
def test_folds_from_sums_are_folds_from_rows(layout, shuffled, options):
    A = exact_matrix(700, 9, seed=2)
    A[:, 3] += 512.0                            # far from zero
    A[:, 4] = 3.0                               # constant
    A[:, 5] = np.arange(700) < 100              # varies in the first fold alone
    A[600:, 6] = A[600:, 6] * 2.0**-14 + 1.0    # next to nothing outside the others
    y, w = target(A, seed=2), np.arange(700) % 5 + 0.5
    X = build(layout, A)
    arguments = dict(cv=7, alphas=6, eps=0.01, tol=1e-12, sample_weight=w, random_state=0 if shuffled else None)
    arguments |= options
    summed = cross_validate_path(X, y, **arguments)
    with going(fold_sums=False):
        direct = cross_validate_path(X, y, **arguments)
    np.testing.assert_allclose(summed.errors, direct.errors, rtol=1e-9)
    np.testing.assert_allclose(summed.oof_predictions, direct.oof_predictions, rtol=1e-9)
    for ours, theirs in zip(summed.fold_paths, direct.fold_paths, strict=True):
        np.testing.assert_allclose(ours.coefs.toarray(), theirs.coefs.toarray(), atol=1e-9)
        assert ours.certified.all()


def test_held_out_errors_next_to_nothing_are_summed_up_anew():
    A = exact_matrix(200, 5, seed=2)
    y = A @ np.arange(1.0, 6.0) + 7
    result = cross_validate_path(A, y, cv=5, alphas=[1.0, 1e-9], tol=1e-13)
    for k, (path, test) in enumerate(zip(result.fold_paths, np.array_split(np.arange(200), 5), strict=True)):
        predicted = path.predict(A[test])[:, 1]
        assert result.errors[1, k] == pytest.approx(np.mean((y[test] - predicted) ** 2), rel=1e-3)
        assert result.errors[1, k] < 1e-12


def test_groups():
    A = exact_matrix(60, 12, seed=9)
    y, groups = target(A, seed=9), np.arange(60) // 7
    splits = list(GroupKFold(3).split(A, y, groups))
    pairs = cross_validate_path(A, y, cv=splits, alphas=5).errors
    np.testing.assert_array_equal(cross_validate_path(A, y, cv=GroupKFold(3), groups=groups, alphas=5).errors, pairs)


def test_shuffling_is_seeded_and_only_on_request(data):
    A, y = data
    plain, one, again, two = (cross_validate_path(A, y, cv=4, alphas=5, random_state=seed).errors
                              for seed in (None, 1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != two).any()
    assert (one != plain).any()
    contiguous = [(np.setdiff1d(np.arange(len(y)), part), part) for part in np.array_split(np.arange(len(y)), 4)]
    np.testing.assert_array_equal(plain, cross_validate_path(A, y, cv=contiguous, alphas=5).errors)
    generator = cross_validate_path(A, y, cv=4, alphas=5, random_state=np.random.default_rng(1)).errors
    np.testing.assert_array_equal(generator, one)


@pytest.mark.parametrize("layout", PLAIN)
def test_threads_change_no_bit(data, layout):
    A, y = data
    X = build(layout, A)
    one, two, three = (cross_validate_path(X, y, cv=3, alphas=8, n_threads=k) for k in (1, 2, 3))
    for other in (two, three):
        assert other.errors.tobytes() == one.errors.tobytes()
        assert other.oof_predictions.tobytes() == one.oof_predictions.tobytes()
        assert other.path.values.tobytes() == one.path.values.tobytes()


def test_folds_are_at_random_by_a_fixed_seed(data):
    """A number of folds means the same rows in every call and on the command line; None keeps the order of the rows."""
    A, y = data
    first, again = (cross_validate_path(A, y, cv=4, alphas=3).errors for _ in range(2))
    order = np.random.default_rng(0).permutation(len(y))
    fold_of = np.empty(len(y), int)
    for k, rows in enumerate(np.array_split(order, 4)):
        fold_of[rows] = k
    for same in (again, cross_validate_path(A, y, cv=fold_of, alphas=3).errors,
                 cross_validate_path(A, y, cv=4, random_state=0, alphas=3).errors):
        np.testing.assert_array_equal(first, same)
    in_order = cross_validate_path(A, y, cv=4, random_state=None, alphas=3).errors
    np.testing.assert_array_equal(in_order, cross_validate_path(A, y, cv=np.sort(fold_of), alphas=3).errors)
    assert not np.allclose(first, in_order)


@pytest.mark.parametrize("refine", [fastlasso.cross_validate_relaxed, fastlasso.cross_validate_reweighted,
                                    fastlasso.cross_validate_adaptive])
def test_refinements_take_the_same_folds(data, refine):
    A, y = data
    usual, none = (refine(A, y, cv=3, alphas=3, eps=0.3, **more).errors for more in ({}, {"random_state": None}))
    np.testing.assert_array_equal(usual, refine(A, y, cv=3, alphas=3, eps=0.3, random_state=0).errors)
    assert not np.allclose(usual, none)


def test_leave_one_out():
    A = exact_matrix(15, 4, seed=9)
    y = target(A, seed=9)
    ours = cross_validate_path(A, y, cv=15, random_state=None, alphas=4, tol=1e-12)
    peer = LassoCV(alphas=ours.alphas, cv=15, tol=1e-12).fit(A, y)
    np.testing.assert_allclose(ours.errors, peer.mse_path_, rtol=1e-5)


def test_rows_of_weight_zero_count_nowhere(data):
    A, y = data
    w = (np.arange(len(y)) % 5 > 0).astype(float)
    wild = np.where(w > 0, y, 1e6)
    a, b = (cross_validate_path(A, target, cv=4, alphas=5, sample_weight=w).errors for target in (y, wild))
    np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("kind", ["rows", "classes", "groups"])
@pytest.mark.parametrize("random_state", [None, 0])
def test_a_number_of_folds_is_cut_from_the_rows_of_positive_weight(data, kind, random_state):
    """As if the others were deleted: a third of the rows, nearly all of one class, or whole groups."""
    A, y = data
    n, more = len(y), {"cv": 3, "alphas": 4, "random_state": random_state}
    rows, groups = np.arange(n) >= n // 3, np.arange(n) * 7 // n
    if kind == "classes":
        y = y > np.median(y)
        rows, more = ~y | (np.cumsum(y) <= 6), more | {"loss": "log_loss", "measure": "auc"}
    own = [{"groups": groups[which]} if kind == "groups" else {} for which in (slice(None), rows)]
    whole = cross_validate_path(A, y, sample_weight=rows, **own[0], **more)
    part = cross_validate_path(A[rows], y[rows], **own[1], **more)
    np.testing.assert_allclose(whole.alphas, part.alphas)
    np.testing.assert_allclose(whole.errors, part.errors, rtol=1e-6)


def thirds(y):
    """Fold numbers of three folds in the order of the rows."""
    return np.arange(len(y)) * 3 // len(y)


def test_a_fold_of_rows_of_weight_zero_is_refused(data):
    A, y = data
    with pytest.raises(ValueError, match="weight zero"):
        cross_validate_path(A, y, cv=thirds(y), alphas=4, sample_weight=np.arange(len(y)) >= len(y) / 3)


def test_training_rows_of_weight_zero_are_refused(data):
    A, y = data
    with pytest.raises(ValueError, match="fold 0: all rows that it trains on have sample_weight 0"):
        cross_validate_path(A, y, cv=thirds(y), alphas=4, sample_weight=np.arange(len(y)) < len(y) / 3)


def test_the_callback_stops_the_path_and_the_folds_follow(data):
    A, y = data
    result = cross_validate_path(A, y, cv=3, alphas=10, callback=lambda state: state.index == 4)
    assert result.path.status == "callback"
    assert result.errors.shape == (5, 3)


def test_y_as_a_column_and_as_integers(data):
    A, y = data
    y = np.round(y)
    plain = cross_validate_path(A, y, cv=3, alphas=4).errors
    for form in (y[:, None], y.astype(int), y.tolist()):
        np.testing.assert_array_equal(cross_validate_path(A, form, cv=3, alphas=4).errors, plain)


def test_uncertified_folds_are_said(data):
    A, y = data
    with pytest.warns(ConvergenceWarning):
        cross_validate_path(A, y, cv=3, alphas=4, lower=-0.01, upper=0.01, tol=0.0)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("intercept", [True, False])
def test_folds_with_unpenalised_columns(data, layout, intercept, judge):
    A, y = data
    options = {"penalty_factor": (np.arange(A.shape[1]) > 1).astype(float), "fit_intercept": intercept}
    splits = folds_of(len(y))
    result = cross_validate_path(build(layout, A), y, cv=splits, alphas=8, eps=0.05, **options)
    judge(A, y, result.path, (1, 7), **options)
    for (_, test), path in zip(splits, result.fold_paths, strict=True):
        judge(A, y, path, (1, 7), sample_weight=np.isin(np.arange(len(y)), test, invert=True), **options)


# ---------------------------------------------------------------- every method goes the same way

METHODS = {
    "lasso": cross_validate_path, "adaptive": cross_validate_adaptive, "relaxed": cross_validate_relaxed,
    "reweighted": lambda *data, **options: cross_validate_reweighted(*data, eps=0.1, **options),
    "schedule": lambda *data, alphas, **options: fit_schedule(
        *data, [Stage("1se", alphas=alphas), Stage("min", factor="adaptive", alphas=alphas)], **options).cvs[1]}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_groups(data, method):
    A, y = data
    groups = np.arange(len(y)) % 6
    ours = METHODS[method](A, y, cv=GroupKFold(3), groups=groups, alphas=5)
    pairs = METHODS[method](A, y, cv=list(GroupKFold(3).split(A, y, groups)), alphas=5)
    np.testing.assert_array_equal(ours.errors, pairs.errors)


@pytest.mark.parametrize("method", METHODS)
def test_threads_change_no_bit_of_any_method(data, method):
    one, two, eight = (METHODS[method](*data, cv=3, alphas=5, n_threads=k) for k in (1, 2, 8))
    for other in (two, eight):
        assert other.errors.tobytes() == one.errors.tobytes()
        assert other.oof_predictions.tobytes() == one.oof_predictions.tobytes()
        assert other.coef.tobytes() == one.coef.tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_folds_are_fitted_at_once(data, method, monkeypatch):
    """The first two paths wait for each other, so that one thread alone would never end."""
    both, begun = threading.Barrier(2, timeout=60), iter(range(2))

    def waiting(down):
        def go(self, grid):
            if next(begun, None) is not None:
                both.wait()
            return down(self, grid)

        return go

    for kind in (PathSolver, ReweightedSolver):
        monkeypatch.setattr(kind, "down", waiting(kind.down))
    METHODS[method](*data, cv=3, alphas=5, n_threads=2)
    assert next(begun, None) is None
