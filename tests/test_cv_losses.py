"""Cross-validation of losses beyond squared error: each fold against a fit of its training rows alone, each measure
against the formulas of scikit-learn."""

import pickle
import warnings

import numpy as np
import pytest
from layouts import build, exact_matrix, folds_of
from sklearn import metrics
from sklearn.model_selection import GroupKFold, StratifiedKFold

from fastlasso import LassoPath, cross_validate_path, fit_path, plotting, stability_selection
from fastlasso.losses.log_link import NegativeBinomial, Tweedie
from fastlasso.matrices.choose import as_matrix
from fastlasso.parallel import Pool
from fastlasso.path.path_solver import Limits
from fastlasso.problem.options import Options
from fastlasso.selection import stability
from fastlasso.selection.cross_validation import cross_validate_ratios
from fastlasso.selection.folds import Folds
from fastlasso.selection.measures import area_under_curve
from fastlasso.selection.splits import splits_of

LOSSES = ["log_loss", "poisson", "gamma", "tweedie", "negative_binomial", "huber", "squared_hinge"]
CLASSIFIERS = ["log_loss", "squared_hinge"]
CSR = "csr_array-int32-sorted"
LABELS = np.array(["no", "yes"])
SHAPES = {"tall": (90, 12), "wide": (60, 90)}


def target_for(loss, A, seed=4):
    """y of a kind that the loss takes."""
    rng = np.random.default_rng(seed)
    score = A[:, :6] @ rng.standard_normal(6)[:A.shape[1]] / 3
    score -= score.mean()
    if loss in CLASSIFIERS:
        return LABELS[(rng.random(len(A)) < 1 / (1 + np.exp(-score))).astype(int)]
    if loss == "gamma":
        return np.exp(0.5 * score) * rng.gamma(3.0, 1.0, len(A))
    if loss == "huber":
        return score + rng.standard_t(2, len(A))
    return rng.poisson(np.exp(0.5 * score + 0.5)).astype(float)


def deviance(loss, y, eta, w):
    """The weighted mean unit deviance, by scikit-learn's formulas where it has them."""
    mu = np.exp(eta)
    if loss == "log_loss":
        return 2 * metrics.log_loss(y, 1 / (1 + np.exp(-eta)), sample_weight=w, labels=LABELS)
    if loss == "squared_hinge":
        return np.average(np.maximum(1 - np.where(y == "yes", eta, -eta), 0) ** 2, weights=w)
    if loss == "huber":
        size = np.abs(y - eta)
        return np.average(np.where(size <= 1.35, size**2, 1.35 * (2 * size - 1.35)), weights=w)
    if loss == "negative_binomial":
        logs = np.where(y > 0, y * np.log(np.maximum(y, 1e-300) / mu), 0.0)
        return np.average(2 * (logs - (y + 1) * np.log((y + 1) / (mu + 1))), weights=w)
    power = {"poisson": 1, "gamma": 2, "tweedie": 1.5}[loss]
    return metrics.mean_tweedie_deviance(y, mu, sample_weight=w, power=power)


@pytest.fixture(params=SHAPES)
def A(request):
    return exact_matrix(*SHAPES[request.param], seed=9)


# ---------------------------------------------------------------- against fits of the training rows


@pytest.mark.parametrize("layout", ["C", "F", CSR])
@pytest.mark.parametrize("loss", LOSSES)
def test_errors_are_those_of_fits_on_the_training_rows(A, loss, layout):
    y, n = target_for(loss, A), len(A)
    w, offset, splits = np.arange(n) % 3 + 0.5, 0.2 * np.sin(np.arange(n)), folds_of(n)
    options = {"loss": loss, "tol": 1e-11}
    ours = cross_validate_path(build(layout, A), y, cv=splits, alphas=7, eps=0.1, sample_weight=w, offset=offset,
                               **options)
    assert ours.measure == "deviance"
    for k, (train, test) in enumerate(splits):
        alone = fit_path(A[train], y[train], alphas=ours.alphas, sample_weight=w[train], offset=offset[train],
                         **options)
        eta = alone.predict(A[test], offset=offset[test])
        errors = [deviance(loss, y[test], column, w[test]) for column in eta.T]
        np.testing.assert_allclose(ours.errors[:, k], errors, rtol=1e-5)
        means = alone.predict(A[test], offset=offset[test], kind="mean")[:, ours.index]
        if loss != "squared_hinge":     # whose mean is a sign
            np.testing.assert_allclose(ours.oof_predictions[test], means, rtol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_differences_of_means(A, loss):
    y, n = target_for(loss, A), len(A)
    splits = folds_of(n)
    numbers = y if loss not in CLASSIFIERS else (y == "yes") * (2.0 if loss == "squared_hinge" else 1.0)
    numbers = numbers - 1 if loss == "squared_hinge" else numbers
    for measure, norm in (("mse", np.square), ("mae", np.abs)):
        ours = cross_validate_path(A, y, loss=loss, cv=splits, alphas=5, eps=0.2, measure=measure)
        for k, (_, test) in enumerate(splits):
            means = ours.fold_paths[k].predict(A[test], kind="mean")
            np.testing.assert_allclose(ours.errors[:, k], norm(numbers[test, None] - means).mean(axis=0), rtol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", CLASSIFIERS)
def test_measures_of_classifiers(A, loss, weighted):
    y, n = target_for(loss, A), len(A)
    w = np.arange(n) % 4 + 0.5 if weighted else None
    splits = list(StratifiedKFold(3).split(A, y))
    by_area, by_class = (cross_validate_path(A, y, loss=loss, cv=splits, alphas=8, eps=0.1, measure=measure,
                                             sample_weight=w) for measure in ("auc", "class"))
    for k, (_, test) in enumerate(splits):
        own = None if w is None else w[test]
        eta = by_area.fold_paths[k].predict(A[test])
        areas = [metrics.roc_auc_score(y[test], column, sample_weight=own) for column in eta.T]
        np.testing.assert_allclose(by_area.errors[:, k], 1 - np.array(areas), atol=1e-12)
        chosen = by_area.fold_paths[k].predict(A[test], kind="class")
        shares = [1 - metrics.accuracy_score(y[test], column, sample_weight=own) for column in chosen.T]
        np.testing.assert_allclose(by_class.errors[:, k], shares, atol=1e-12)


def test_equal_scores_are_half_an_area(A):
    y = target_for("log_loss", A)
    assert (cross_validate_path(A, y, loss="log_loss", alphas=[10.0], measure="auc").errors == 0.5).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_errors_of_paths_are_those_observed_on_the_way(A, loss):
    """Refinements ask for the errors of a path, which reads the held-out rows of X once more."""
    y, n = target_for(loss, A), len(A)
    options, splits = Options(loss=loss, offset=0.1 * np.cos(np.arange(n))), folds_of(n)
    with Pool(1) as pool:
        folds = Folds(as_matrix(A), y, options, Limits.checked(1e-7, 1000), splits, pool)
        (paths, errors), = folds.fit([1.0], 6, 0.2, None)
        for k, path in enumerate(paths[1:]):
            np.testing.assert_allclose(folds.errors(k, path, pool), errors[k], rtol=1e-9)


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_rows_of_weight_zero_count_nowhere(A, loss):
    y, n = target_for(loss, A), len(A)
    w = (np.arange(n) % 5 > 0).astype(float)
    other = np.roll(LABELS, 1)[(y == "yes").astype(int)] if loss == "log_loss" else y + 1e6
    wild = np.where(w > 0, y, other)
    splits = folds_of(n)
    one, two = (cross_validate_path(A, values, loss=loss, cv=splits, alphas=5, sample_weight=w, tol=1e-9).errors
                for values in (y, wild))
    np.testing.assert_allclose(one, two, rtol=1e-5)


def test_exposure_as_offset_is_exposure_as_weights(A):
    """The offset is in the scores that held-out errors come from."""
    y, n = target_for("poisson", A), len(A)
    e, owner = np.arange(n) % 3 + 1.0, np.arange(n) // 3 % 4
    splits = [(np.flatnonzero(owner != k), np.flatnonzero(owner == k)) for k in range(4)]    # 2 on average in each
    counts = cross_validate_path(A, y, loss="poisson", cv=splits, offset=np.log(e), alphas=5, tol=1e-11)
    rates = cross_validate_path(A, y / e, loss="poisson", cv=splits, sample_weight=e,
                                alphas=counts.alphas / 2, tol=1e-11)
    np.testing.assert_allclose(counts.errors, 2 * rates.errors, rtol=2e-4)


# ---------------------------------------------------------------- the area under the curve


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("values", [2, 7, 10**6])
def test_the_area_under_the_curve_counts_ties_half(weighted, values):
    rng = np.random.default_rng(values)
    scores, y = rng.integers(0, values, 500) / 3.0, rng.random(500) < 0.3
    w = rng.integers(0, 4, 500) + 0.0 if weighted else None
    ours = area_under_curve(scores, y.astype(float), w)
    assert ours == pytest.approx(metrics.roc_auc_score(y, scores, sample_weight=w), abs=1e-13)


def test_the_area_of_proportions_is_that_of_the_trials():
    rng = np.random.default_rng(0)
    scores, trials = rng.integers(0, 20, 60), rng.integers(1, 6, 60)
    hits = rng.binomial(trials, 0.4)
    single = np.concatenate([np.r_[np.ones(h), np.zeros(t - h)] for h, t in zip(hits, trials, strict=True)])
    expected = metrics.roc_auc_score(single, np.repeat(scores, trials))
    assert area_under_curve(scores, hits / trials, trials.astype(float)) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("measure", ["deviance", "auc", "class"])
def test_proportions_are_trials(measure):
    """Proportions with the numbers of trials as weights; the deviance differs by that of the saturated model."""
    A = exact_matrix(80, 8, seed=3)
    rng = np.random.default_rng(0)
    trials = rng.integers(1, 5, 80)
    hits = rng.binomial(trials, 1 / (1 + np.exp(-A[:, 0])))
    rows = np.repeat(np.arange(80), trials)
    single = np.concatenate([np.r_[np.ones(h), np.zeros(t - h)] for h, t in zip(hits, trials, strict=True)])
    splits = folds_of(80)
    repeated = [(np.flatnonzero(np.isin(rows, train)), np.flatnonzero(np.isin(rows, test))) for train, test in splits]
    shares = cross_validate_path(A, hits / trials, loss="log_loss", cv=splits, sample_weight=trials, alphas=6,
                                 measure=measure, tol=1e-11)
    alone = cross_validate_path(A[rows], single, loss="log_loss", cv=repeated, alphas=shares.alphas, measure=measure,
                                tol=1e-11)
    difference = alone.errors - shares.errors
    if measure == "deviance":
        difference -= difference[0]
    np.testing.assert_allclose(difference, 0, atol=1e-6 if measure == "deviance" else 1e-12)


# ---------------------------------------------------------------- folds


@pytest.mark.parametrize("loss", CLASSIFIERS)
@pytest.mark.parametrize("n", [11, 40, 83])
@pytest.mark.parametrize("cv", [2, 3, 5])
def test_folds_of_classes_are_those_of_scikit_learn(loss, n, cv):
    y = LABELS[(np.random.default_rng(n).random(n) < 0.4).astype(int)]
    ours = splits_of(cv, None, y, None, n, None, loss)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")     # fewer rows of a class than folds
        theirs = list(StratifiedKFold(cv).split(y, y))
    for (train, test), (_, expected) in zip(ours, theirs, strict=True):
        assert train is None
        np.testing.assert_array_equal(test, expected)


def test_shuffled_folds_of_classes_are_balanced_and_seeded():
    y = np.repeat([3, 8], [27, 61])
    one, again, two = (splits_of(5, None, y, None, 88, seed, "log_loss") for seed in (0, 0, 1))
    for (_, a), (_, b), (_, c) in zip(one, again, two, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
        assert np.count_nonzero(y[a] == 3) in (5, 6)
        assert len(a) in (17, 18)
    assert np.array_equal(np.sort(np.concatenate([test for _, test in one])), np.arange(88))


def test_folds_of_proportions_and_counts_are_ordinary():
    y = np.linspace(0, 1, 20)
    for loss in ("log_loss", "poisson"):
        splits = splits_of(4, None, y, None, 20, None, loss)
        np.testing.assert_array_equal(np.concatenate([test for _, test in splits]), np.arange(20))


def test_sorted_classes_make_no_fold_of_one_class():
    A = exact_matrix(60, 8, seed=2)
    y = np.sort(target_for("log_loss", A))
    assert np.isfinite(cross_validate_path(A, y, loss="log_loss", measure="auc", alphas=5).errors).all()


def test_groups_go_to_the_splitter(A):
    y, groups = target_for("log_loss", A), np.arange(len(A)) % 9
    ours = cross_validate_path(A, y, loss="log_loss", cv=GroupKFold(3), groups=groups, alphas=4)
    pairs = cross_validate_path(A, y, loss="log_loss", cv=list(GroupKFold(3).split(A, y, groups)), alphas=4)
    np.testing.assert_array_equal(ours.errors, pairs.errors)


def test_training_rows_of_one_class_are_told():
    A = exact_matrix(30, 5, seed=1)
    y = np.where(np.arange(30) < 10, "no", "yes")
    splits = [(np.arange(0, 30, 2), np.arange(1, 30, 2)), (np.arange(10, 30), np.arange(10))]
    for loss in CLASSIFIERS:
        with pytest.raises(ValueError, match=r"training rows of fold 1 are 'yes'.*an integer cv does"):
            cross_validate_path(A, y, loss=loss, cv=splits)
    lonely = np.where(np.arange(30) == 17, "no", "yes")
    with pytest.raises(ValueError, match="training rows of fold 4 are 'yes'"):
        cross_validate_path(A, lonely, loss="log_loss", cv=5)


def test_held_out_rows_of_one_class_have_no_auc():
    A = exact_matrix(30, 5, seed=1)
    y = np.where(np.arange(30) < 10, "no", "yes")
    splits = [(np.arange(0, 30, 2), np.arange(1, 30, 2)), (np.arange(15), np.arange(15, 30))]
    with pytest.raises(ValueError, match=r"fold 1 holds out are of one class.*measure='deviance'"):
        cross_validate_path(A, y, loss="log_loss", cv=splits, measure="auc")
    assert np.isfinite(cross_validate_path(A, y, loss="log_loss", cv=splits, alphas=4).errors).all()


def test_training_rows_of_zero_counts_are_told():
    A = exact_matrix(30, 5, seed=1)
    y = np.where(np.arange(30) < 10, 2.0, 0.0)
    for loss in ("poisson", Tweedie(1.2), NegativeBinomial(2.0)):
        with pytest.raises(ValueError, match=r"training rows of fold 0: .*are 0\. Take fewer folds, or shuffle"):
            cross_validate_path(A, y, loss=loss, cv=3, random_state=None)
    assert np.isfinite(cross_validate_path(A, y, loss="poisson", cv=3, alphas=4, random_state=0).errors).all()


# ---------------------------------------------------------------- the same bits


@pytest.mark.parametrize("layout", ["C", CSR])
@pytest.mark.parametrize("loss", ["log_loss", "poisson", "huber"])
def test_threads_change_no_bit(A, loss, layout):
    X, y = build(layout, A), target_for(loss, A)
    measure = "auc" if loss == "log_loss" else "deviance"
    one, two, three = (cross_validate_path(X, y, loss=loss, cv=3, alphas=8, eps=0.05, n_threads=k, measure=measure)
                       for k in (1, 2, 3))
    for other in (two, three):
        assert other.errors.tobytes() == one.errors.tobytes()
        assert other.oof_predictions.tobytes() == one.oof_predictions.tobytes()
        assert other.path.values.tobytes() == one.path.values.tobytes()


def test_ratios_share_what_is_measured(A):
    y = target_for("log_loss", A)
    both = cross_validate_ratios(A, y, [1.0, 0.5], loss="log_loss", alphas=6, eps=0.1, random_state=0)
    for result, ratio in zip(both, (1.0, 0.5), strict=True):
        alone = cross_validate_path(A, y, loss="log_loss", l1_ratio=ratio, alphas=6, eps=0.1)
        np.testing.assert_allclose(result.errors, alone.errors, rtol=1e-12)


# ---------------------------------------------------------------- measures as arguments


def test_a_callable_sees_y_as_given_and_means(A):
    y, splits, seen = target_for("log_loss", A), list(StratifiedKFold(3).split(A, target_for("log_loss", A))), []

    def score(y_true, y_pred, sample_weight=None):
        seen.append((y_true, y_pred))
        return metrics.roc_auc_score(y_true, y_pred, sample_weight=sample_weight)

    ours = cross_validate_path(A, y, loss="log_loss", cv=splits, measure=score, alphas=5, n_threads=1)
    area = cross_validate_path(A, y, loss="log_loss", cv=splits, measure="auc", alphas=5)
    np.testing.assert_allclose(ours.errors, area.errors - 1, atol=1e-12)
    np.testing.assert_array_equal(seen[0][0], y[splits[0][1]])
    assert all((0 < means).all() and (means < 1).all() for _, means in seen)
    assert ours.measure is score


def test_scoring_is_a_synonym(A):
    y = target_for("log_loss", A)
    one, two = (cross_validate_path(A, y, loss="log_loss", alphas=3, **{name: "class"})
                for name in ("measure", "scoring"))
    np.testing.assert_array_equal(one.errors, two.errors)
    assert one.scoring == one.measure == "class"
    with pytest.raises(ValueError, match="measure and scoring are the same"):
        cross_validate_path(A, y, loss="log_loss", measure="auc", scoring="auc")


@pytest.mark.parametrize(("loss", "measure", "words"), [
    ("squared_error", "auc", "measure='auc' needs a classifier"), ("poisson", "class", "needs a classifier"),
    ("log_loss", "r2", "measure must be 'deviance', 'mse'"), ("log_loss", "brier", "got 'brier', for loss 'log_loss'"),
    ("squared_error", "rmse", "measure must be 'deviance', 'mse', 'mae', 'r2'"), ("log_loss", 3, "got 3"),
])
def test_measures_that_do_not_fit(loss, measure, words):
    A = exact_matrix(30, 5, seed=1)
    with pytest.raises(ValueError, match=words):
        cross_validate_path(A, target_for(loss, A), loss=loss, measure=measure)


@pytest.mark.parametrize("summed", [True, False])
def test_the_deviance_of_squared_error_is_the_mean_square(summed):
    A = exact_matrix(*((60, 8) if summed else (40, 90)), seed=9)
    y = A[:, 0] + np.sin(np.arange(len(A)))
    one, two = (cross_validate_path(A, y, cv=3, alphas=5, measure=measure) for measure in ("deviance", None))
    assert (one.measure, two.measure) == ("deviance", "mse")
    assert one.errors.tobytes() == two.errors.tobytes()


# ---------------------------------------------------------------- the result


def test_predictions_out_of_fold_are_means_and_nan_where_no_fold_holds_a_row_out(A):
    for loss in ("log_loss", "poisson"):
        y, n = target_for(loss, A), len(A)
        splits = [(np.arange(n // 2), np.arange(n // 2, n - 3))]
        ours = cross_validate_path(A, y, loss=loss, cv=splits, alphas=5, eps=0.2)
        assert np.isnan(ours.oof_predictions[:n // 2]).all()
        assert np.isnan(ours.oof_predictions[-3:]).all()
        assert (ours.oof_predictions[n // 2:-3] > 0).all()


def test_kinds_of_predictions(A):
    y, offset = target_for("log_loss", A), np.cos(np.arange(len(A)))
    ours = cross_validate_path(A, y, loss="log_loss", alphas=8, rule="1se", offset=offset)
    score = A @ ours.coef + ours.intercept + offset
    np.testing.assert_allclose(ours.predict(A, offset), score, atol=1e-12)
    np.testing.assert_allclose(ours.predict(A, offset=offset, kind="mean"), 1 / (1 + np.exp(-score)), rtol=1e-10)
    np.testing.assert_array_equal(ours.predict(A, offset, "class"), LABELS[(score > 0).astype(int)])
    assert ours.fold_paths[0].classes.tolist() == ["no", "yes"]


def test_the_callback_stops_the_path_and_the_folds_follow(A):
    ours = cross_validate_path(A, target_for("poisson", A), loss="poisson", cv=3, alphas=10,
                               callback=lambda state: state.index == 4)
    assert ours.path.status == "callback"
    assert ours.errors.shape == (5, 3)


def test_results_are_pickled_and_saved(A, tmp_path):
    ours = cross_validate_path(A, target_for("log_loss", A), loss="log_loss", alphas=5, measure="auc")
    again = pickle.loads(pickle.dumps(ours))
    assert again.measure == "auc"
    np.testing.assert_array_equal(again.errors, ours.errors)
    np.testing.assert_array_equal(again.predict(A, kind="class"), ours.predict(A, kind="class"))
    ours.path.save(tmp_path / "path.npz")
    np.testing.assert_array_equal(LassoPath.load(tmp_path / "path.npz").values, ours.path.values)


def test_the_path_solves_between_its_alphas_with_its_loss(A):
    ours = cross_validate_path(A, target_for("log_loss", A), loss="log_loss", alphas=5)
    between = ours.path.at(0.5 * (ours.alphas[1] + ours.alphas[2]))
    assert between.loss.name == "log_loss"
    assert between.certified


def share_right(y, means, sample_weight=None):
    return metrics.accuracy_score(y, LABELS[(means > 0.5).astype(int)], sample_weight=sample_weight)


@pytest.mark.parametrize(("measure", "words"), [
    ("deviance", "deviance"), ("auc", "1 - AUC"), ("class", "misclassification"), ("mae", "absolute error"),
    (share_right, "-share_right")])
def test_the_axis_names_the_measure(measure, words):
    figure = pytest.importorskip("matplotlib.figure")
    A = exact_matrix(60, 8, seed=2)
    ours = cross_validate_path(A, target_for("log_loss", A), loss="log_loss", measure=measure, alphas=4)
    ax = figure.Figure().subplots()
    plotting.plot_cv(ours, ax)
    assert ax.get_ylabel() == f"cross-validated {words} ± 1 se"


# ---------------------------------------------------------------- stability selection


def test_halves_share_out_the_classes(monkeypatch):
    seen, made = [], stability.ComplementaryPairs.__init__

    def noting(self, *args):
        made(self, *args)
        seen.extend(np.flatnonzero(pair == half) for pair in self.half_of for half in (0, 1))

    monkeypatch.setattr(stability.ComplementaryPairs, "__init__", noting)
    A = exact_matrix(61, 8, seed=2)
    for small in (2, 5, 24):
        seen.clear()
        y, w = np.where(np.arange(61) < small, "no", "yes"), (np.arange(61) < 60).astype(float)
        stable = stability_selection(A, y, loss="log_loss", n_pairs=6, random_state=0, alphas=3, eps=0.5,
                                     sample_weight=w)
        assert stable.n_pairs == 6
        for one, two in zip(seen[::2], seen[1::2], strict=True):
            assert not set(one) & set(two)
            assert (len(one), len(two)) == (30, 30)
            for half in (one, two):
                assert np.count_nonzero(y[half] == "no") in (small // 2, -(-small // 2))


def test_halves_need_both_classes_and_counts():
    A = exact_matrix(40, 6, seed=2)
    with pytest.raises(ValueError, match="at least 2 rows of each class, y has one that is 'no'"):
        stability_selection(A, np.where(np.arange(40) == 5, "no", "yes"), loss="log_loss")
    with pytest.raises(ValueError, match="a random half of the rows cannot be fitted: loss 'poisson'"):
        stability_selection(A, (np.arange(40) == 5).astype(float), loss="poisson", n_pairs=2)


def test_stable_columns_of_a_classifier():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 60))
    y = rng.random(300) < 1 / (1 + np.exp(-3 * X[:, 0] + 3 * X[:, 1]))
    one, two = (stability_selection(X, y, loss="log_loss", n_pairs=8, random_state=0, alphas=15, n_threads=k)
                for k in (1, 2))
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    np.testing.assert_array_equal(one.support(0.9, max_false=1.0), [0, 1])
