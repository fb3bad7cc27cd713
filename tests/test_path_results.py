"""What a path and a fit give back: fields, values between grid points, selection, files, and every way to stop."""

import gc
import io
import json
import pickle
import warnings
import weakref
import zipfile
from pathlib import Path

import numpy as np
import pandas
import pytest
from layouts import PLAIN, build, exact_matrix, target
from scipy import sparse
from scipy.special import gammaln

import fastlasso
from fastlasso import ConvergenceWarning, LassoFit, LassoPath, alpha_max, fit, fit_path, verify
from fastlasso.ways import going

ARRAYS = ("alphas", "indptr", "indices", "values", "intercepts", "gaps", "r2", "n_passes")


MISSED = {"lower": -0.01, "upper": 0.01, "tol": 0.0}      # no gap is zero


@pytest.fixture(scope="module")
def data():
    A = exact_matrix(40, 90, seed=5)
    return A, target(A, seed=5)


@pytest.fixture(scope="module")
def path(data):
    return fit_path(*data, alphas=30, eps=1e-2)


def equal(a, b):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype == getattr(b, name).dtype
    for name in ("null_objective", "tol", "status", "seconds", "n_samples", "n_features", "params", "feature_names"):
        assert getattr(a, name) == getattr(b, name)


# ---------------------------------------------------------------- fields

def test_fields(path, data):
    A, y = data
    assert len(path) == 30
    assert path.alphas[0] == alpha_max(A, y)
    np.testing.assert_allclose(path.alphas, np.geomspace(path.alphas[0], 1e-2 * path.alphas[0], 30), rtol=1e-12)
    assert isinstance(path.coefs, sparse.csc_array)
    assert path.coefs.shape == (90, 30)
    assert path.coefs.has_canonical_format
    assert (path.coefs.data != 0).all()
    for name in ("intercepts", "gaps", "r2", "n_passes", "alphas"):
        assert getattr(path, name).shape == (30,)
        assert getattr(path, name).dtype == np.float64
    assert path.df.dtype.kind == "i"
    np.testing.assert_array_equal(path.df, np.count_nonzero(path.coefs.toarray(), axis=0))
    np.testing.assert_array_equal(path.certified, path.gaps <= path.tol * path.null_objective)
    assert path.certified.all()
    assert (np.diff(path.n_passes) >= 0).all()
    assert path.n_passes[0] > 0
    assert (path.status, path.tol, path.n_samples, path.n_features) == ("complete", 1e-6, 40, 90)
    assert path.null_objective == pytest.approx(np.var(y) / 2)
    assert path.seconds > 0
    assert path.feature_names is None
    assert path.params["l1_ratio"] == 1.0
    assert path.params["fit_intercept"] is True
    assert path.r2[0] == pytest.approx(0, abs=1e-12)
    assert (np.diff(path.r2) >= 0).all()


def test_the_first_alpha_of_a_path_has_no_feature_and_the_second_has(path):
    assert path.df[0] == 0
    assert path.df[1] >= 1


def test_options_of_numpy_types_are_kept_as_plain_ones(data):
    path = fit_path(*data, alphas=3, l1_ratio=np.float32(1), fit_intercept=np.bool_(False), lower=np.int64(-2))
    plain = {"l1_ratio": 1.0, "fit_intercept": False, "standardize": False, "lower": -2.0, "upper": np.inf}
    assert path.params == plain
    assert {type(value) for value in path.params.values()} == {bool, float}
    assert path.select() >= 0


def test_results_equal_only_themselves(path):
    solution = path.fit_at(1)
    assert path == path
    assert path != pickle.loads(pickle.dumps(path))
    assert solution != path.fit_at(1)
    assert "certified" in repr(solution)
    assert len(repr(solution)) < 100


def test_a_path_without_alphas_selects_none(data):
    path = fit_path(*data, alphas=[0.01], dfmax=0)
    assert len(path) == 0
    with pytest.raises(ValueError, match="no alphas"):
        path.select()


def test_a_path_describes_itself(path):
    assert "30 alphas" in repr(path)
    assert "certified" in repr(path)
    text = path.summary()
    assert len(text.splitlines()) == 13
    assert "R2" in text.splitlines()[0]
    assert len(path.summary(rows=3).splitlines()) == 4
    assert len(path.summary(rows=1000).splitlines()) == 31


def test_fit_fields(data, judge):
    A, y = data
    found = fit(A, y, 0.1)
    assert isinstance(found, LassoFit)
    assert found.coef.shape == (90,)
    assert isinstance(found.intercept, float)
    assert found.alpha == 0.1
    assert found.tol == 1e-6
    assert found.certified is True
    assert found.n_passes > 0
    assert found.r2 == pytest.approx(1 - np.var(y - found.predict(A)) / np.var(y), abs=1e-9)
    judge(A, y, found)


# ---------------------------------------------------------------- predictions

@pytest.mark.parametrize("layout", PLAIN)
def test_predict_shapes(path, data, layout):
    A, _ = data
    X, offset = build(layout, A[:7]), np.arange(7.0)
    every = path.predict(X)
    assert every.shape == (7, 30)
    np.testing.assert_allclose(every, A[:7] @ path.coefs.toarray() + path.intercepts, atol=1e-12)
    np.testing.assert_allclose(path.predict(X, offset=offset), every + offset[:, None], atol=1e-12)
    one = path.predict(X, alpha=path.alphas[4])
    assert one.shape == (7,)
    np.testing.assert_allclose(one, every[:, 4], atol=1e-12)
    np.testing.assert_allclose(path.fit_at(4).predict(X, offset), every[:, 4] + offset, atol=1e-12)
    np.testing.assert_allclose(path.fit_at(-1).predict(X), every[:, -1], atol=1e-12)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.coo_matrix])
def test_predictions_from_sparse_matrices_are_arrays(path, data, kind):
    X = kind(data[0][:7])
    for found in (path.predict(X), path.predict(X, offset=np.zeros(7))):
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, path.predict(data[0][:7]), atol=1e-12)
    assert type(path.fit_at(4).predict(X)) is np.ndarray


def test_predict_refuses_masked_entries(path, data):
    X = np.ma.masked_array(data[0], mask=np.zeros(data[0].shape, bool))
    np.testing.assert_array_equal(path.predict(X), path.predict(data[0]))
    X[0, 0] = np.ma.masked
    with pytest.raises(ValueError, match="masked"):
        path.predict(X)


def test_predict_refuses_other_shapes(path, data):
    for X in (data[0][:, :-1], data[0][0], sparse.csr_array(data[0][:, 1:])):
        with pytest.raises(ValueError, match=r"features|shape"):
            path.predict(X)
    with pytest.raises(ValueError, match="offset"):
        path.predict(data[0], offset=np.ones(3))


# ---------------------------------------------------------------- at()

def test_at_a_grid_point_is_the_grid_point(path):
    found = path.at(path.alphas[7])
    np.testing.assert_array_equal(found.coef, path.coefs[:, [7]].toarray()[:, 0])
    assert found.intercept == path.intercepts[7]
    assert found.gap == path.gaps[7]


@pytest.mark.parametrize("share", [0.001, 0.3, 0.5, 0.999])
def test_at_between_grid_points_is_exact_and_certified(path, data, share, judge):
    A, y = data
    for k in range(len(path) - 1):
        alpha = share * path.alphas[k] + (1 - share) * path.alphas[k + 1]
        judge(A, y, path.at(alpha))


@pytest.mark.parametrize("options", [{"l1_ratio": 0.5}, {"lower": 0.0}, {"lower": -0.1, "upper": 0.2},
                                     {"penalty_factor": np.arange(90) % 3 / 2.0}, {"standardize": True},
                                     {"fit_intercept": False}])
def test_at_between_grid_points_of_every_problem(data, options, judge):
    A, y = data
    path = fit_path(A, y, alphas=25, eps=0.05, **options)
    for k in range(0, 24, 3):
        judge(A, y, path.at(0.5 * (path.alphas[k] + path.alphas[k + 1])), **options)


def test_at_claims_no_gap_that_it_does_not_have(data):
    """Ends that are barely certified: what lies between is claimed honestly."""
    A, y = data
    path = fit_path(A, y, alphas=60, eps=0.05, tol=1e-3)
    for k in range(59):
        alpha = 0.5 * (path.alphas[k] + path.alphas[k + 1])
        found = path.at(alpha)
        true = verify(A, y, found.coef, found.intercept, alpha=alpha)
        assert true.gap <= found.gap + 1e-9 * true.null_objective


def test_at_outside_the_grid_solves_again(path, data, judge):
    A, y = data
    judge(A, y, path.at(0.3 * path.alphas[-1]))
    assert not path.at(2 * path.alphas[0]).coef.any()


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_what_lies_between_explains_what_it_explains(path, data, share):
    A, y = data
    for k in range(len(path) - 1):
        found = path.at(share * path.alphas[k] + (1 - share) * path.alphas[k + 1])
        assert found.r2 == pytest.approx(1 - np.var(y - found.predict(A)) / np.var(y), abs=2e-6)


def test_at_solves_where_the_bound_misses_the_promise(data, judge):
    A, y = data
    path = fit_path(A, y, alphas=60, eps=0.05)
    path.gaps[:] = 0.9 * path.tol * path.null_objective     # barely certified ends
    straight = []
    for k in range(59):
        alpha = 0.5 * (path.alphas[k] + path.alphas[k + 1])
        if path._interpolated(alpha) is not None:
            straight.append(alpha)
            judge(A, y, path.at(alpha))
    copy = pickle.loads(pickle.dumps(path))
    assert straight
    assert not any(copy.at(alpha).certified for alpha in straight)


def test_at_solves_with_the_settings_of_the_path(data):
    A, y = data
    path = fit_path(A, y, alphas=5, screening=False, max_iter=123, n_threads=1)
    seen = {}
    path.remember(lambda *_, **options: seen.update(options), *path._data[1:2], *path._data[2:4], **path._data[4])
    path.at(0.5 * path.alphas[-1])
    assert (seen["screening"], seen["max_iter"], seen["n_threads"], seen["tol"]) == (False, 123, 1, 1e-6)


def corner(path):
    """An alpha between grid points whose signs differ."""
    signs = np.sign(path.coefs.toarray())
    k = int(np.argmax((signs[:, 1:] != signs[:, :-1]).any(axis=0)))
    return 0.5 * (path.alphas[k] + path.alphas[k + 1])


def test_at_needs_X_where_the_path_turns_and_X_is_gone(data):
    A, y = data[0].copy(), data[1]
    path = fit_path(A, y, alphas=20)
    alpha = corner(path)
    expected = path.at(alpha)
    del A
    gc.collect()
    rough = path.at(alpha)
    assert not rough.exact
    assert not rough.certified
    np.testing.assert_allclose(rough.coef, expected.coef, atol=0.1 * np.abs(expected.coef).max())
    np.testing.assert_array_equal(path.at(alpha, X=data[0]).coef, expected.coef)
    path.at(path.alphas[3])


@pytest.mark.parametrize("form", [np.array, np.asfortranarray, sparse.csr_array, sparse.csc_matrix, "frame"])
def test_at_does_not_solve_on_an_X_that_has_changed(form, data):
    A = pytest.importorskip("pandas").DataFrame(data[0].copy()) if form == "frame" else form(data[0])
    path = fit_path(A, data[1], alphas=20)
    alpha = corner(path)
    assert path.at(alpha).exact
    if sparse.issparse(A):
        A.data *= 10
    elif form == "frame":
        A *= 10
    else:
        A[5, 3] = 99.0      # one value of a small X
    changed = path.at(alpha)
    assert not changed.exact
    assert not changed.certified


def test_a_path_keeps_no_matrix_alive(data):
    A = sparse.csr_array(data[0])
    path = fit_path(A, data[1], alphas=5)
    alive = weakref.ref(A)
    del A
    gc.collect()
    assert alive() is None
    assert not path.at(0.5 * path.alphas[-1]).exact


def test_at_knows_y_and_options_as_they_were(data, judge):
    A, y = data[0], data[1].copy()
    w = np.ones(40)
    path = fit_path(A, y, alphas=20, sample_weight=w)
    alpha = corner(path)
    before = path.at(alpha).coef
    y += 100.0 * np.arange(40)
    w[:20] = 0
    np.testing.assert_array_equal(path.at(alpha).coef, before)


def test_a_pickled_path_needs_its_data_again(path, data, judge):
    copy = pickle.loads(pickle.dumps(path))
    equal(copy, path)
    assert copy.at(path.alphas[3]).gap == path.gaps[3]
    alpha = corner(path)
    assert not copy.at(alpha).exact
    again = copy.at(alpha, *data)
    assert not again.exact      # the options are gone, too


# ---------------------------------------------------------------- selection

def test_criteria_are_their_formulas(path, data):
    A, y = data
    n, p, df = 40, 90, path.df
    rss = ((y[:, None] - path.predict(A)) ** 2).sum(axis=0)
    aic = n * np.log(rss / n) + 2 * df
    bic = n * np.log(rss / n) + np.log(n) * df
    binomial = gammaln(p + 1) - gammaln(df + 1) - gammaln(p - df + 1)
    for name, values in (("aic", aic), ("bic", bic), ("ebic", bic + 2 * 0.5 * binomial)):
        np.testing.assert_allclose(path.criterion(name), values, atol=1e-6)
        assert path.select(name) == np.argmin(values)
    np.testing.assert_allclose(path.criterion("ebic", gamma=1.0), bic + 2 * binomial, atol=1e-6)
    assert path.select() == path.select("bic")
    with pytest.raises(ValueError, match="criterion"):
        path.select("cp")


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_rows_of_weight_zero_count_in_no_criterion(data, l1_ratio):
    A, y = data
    kept = np.arange(40) % 3 > 0
    given = {"alphas": np.geomspace(1, 0.01, 9), "l1_ratio": l1_ratio}
    weighted, without = fit_path(A, y, sample_weight=2.5 * kept, **given), fit_path(A[kept], y[kept], **given)
    assert weighted.n_samples == without.n_samples == kept.sum()
    for name in ("aic", "bic", "ebic"):
        df = weighted.effective_df(A), without.effective_df(A[kept])
        np.testing.assert_allclose(weighted.criterion(name, df=df[0]), without.criterion(name, df=df[1]), rtol=1e-6)


def test_degrees_of_freedom_of_ridge_are_the_trace_of_the_hat_matrix():
    A = np.delete(exact_matrix(30, 9), 2, axis=1)
    y = target(A)
    for options in ({"l1_ratio": 0.0}, {"l1_ratio": 0.5}, {"l1_ratio": 0.5, "sample_weight": np.arange(30) % 3 + 1.0},
                    {"l1_ratio": 0.5, "standardize": True}):
        path = fit_path(A, y, alphas=[0.5, 0.05], **options)
        w = np.broadcast_to(options.get("sample_weight", 1.0), 30) / np.sum(np.broadcast_to(
            options.get("sample_weight", 1.0), 30))
        centred = np.sqrt(w)[:, None] * (A - w @ A)
        scale = (centred**2).sum(axis=0) if options.get("standardize") else np.ones(8)
        for k, alpha in enumerate(path.alphas):
            used = path.coefs.toarray()[:, k] != 0
            Z = centred[:, used]
            ridge = alpha * (1 - options["l1_ratio"]) * np.diag(scale[used])
            hat = Z @ np.linalg.solve(Z.T @ Z + ridge, Z.T)
            assert path.effective_df()[k] == pytest.approx(np.trace(hat), rel=1e-9)


def test_degrees_of_freedom_of_ridge_need_the_data_while_they_are_there(data):
    path = fit_path(data[0].copy(), data[1], l1_ratio=0.5, alphas=5)
    gc.collect()
    with pytest.raises(ValueError, match="data of the fit, which are gone"):
        path.select("bic")
    np.testing.assert_array_equal(path.effective_df(data[0]), fit_path(*data, l1_ratio=0.5, alphas=5).effective_df())


# ---------------------------------------------------------------- files

def test_a_saved_path_comes_back_whole(path, data, tmp_path):
    path.save(tmp_path / "path.npz")
    copy = LassoPath.load(tmp_path / "path.npz")
    equal(copy, path)
    np.testing.assert_array_equal(copy.coefs.toarray(), path.coefs.toarray())
    np.testing.assert_array_equal(copy.predict(data[0]), path.predict(data[0]))
    assert copy.select() == path.select()
    assert copy.summary() == path.summary()


@pytest.mark.parametrize("options", [{"alphas": 1}, {"alphas": [100.0]}, {"dfmax": 0}, {"l1_ratio": 0.5, "alphas": 3}])
def test_small_and_stopped_paths_come_back_too(data, options, tmp_path):
    path = fit_path(*data, **options)
    path.feature_names = [f"wörd {j}" for j in range(90)]
    path.save(tmp_path / "path.npz")
    equal(LassoPath.load(tmp_path / "path.npz"), path)


@pytest.mark.parametrize("kind", [np.array, lambda names: np.array(names, dtype=object), tuple])
def test_names_of_any_kind_are_saved(path, kind, tmp_path):
    copy, names = pickle.loads(pickle.dumps(path)), [f"f{j}" for j in range(90)]
    copy.feature_names = kind(names)
    copy.save(tmp_path / "path.npz")
    assert LassoPath.load(tmp_path / "path.npz").feature_names == names


REFINED = {
    "mcp": lambda A, y: fastlasso.reweighted_path(A, y, alphas=8, eps=0.1),
    "lq": lambda A, y: fastlasso.reweighted_path(A, y, penalty="lq", q=0.3, gamma=2.0, alphas=8, eps=0.1,
                                                 penalty_factor=np.arange(90) % 3 / 2.0),
    "adaptive": lambda A, y: fastlasso.adaptive_path(A, y, pilot="marginal", alphas=8, eps=0.1),
}


@pytest.mark.parametrize("name", REFINED)
def test_a_refined_path_comes_back_as_what_it_is(data, name, tmp_path, judge):
    path, file = REFINED[name](*data), tmp_path / "path.npz"
    path.save(file)
    for copy in (LassoPath.load(file), type(path).load(file)):
        assert type(copy) is type(path)
        equal(copy, path)
        for extra in path.extra_arrays:
            np.testing.assert_array_equal(getattr(copy, extra), getattr(path, extra))
        assert getattr(copy, "penalty", None) == getattr(path, "penalty", None)
    if name != "adaptive":
        for k in (2, 5):
            factor = copy.penalty_factor_at(k)
            judge(*data, copy.fit_at(k), penalty_factor=factor)
        assert not copy.at(0.5 * (path.alphas[2] + path.alphas[3])).exact


def test_a_path_of_another_kind_is_refused(path, data, tmp_path):
    path.save(tmp_path / "lasso.npz")
    REFINED["mcp"](*data).save(tmp_path / "mcp.npz")
    for kind, file in ((fastlasso.ReweightedPath, "lasso"), (fastlasso.AdaptivePath, "mcp")):
        with pytest.raises(ValueError, match=f"not a {kind.__name__}"):
            kind.load(tmp_path / f"{file}.npz")


@pytest.mark.parametrize("name", ["mcp", "adaptive"])
def test_altered_extras_of_a_refined_path_are_refused(data, name, tmp_path):
    path, file = REFINED[name](*data), tmp_path / "path.npz"
    path.save(file)
    with np.load(file) as stored:
        whole = {part: stored[part] for part in stored.files}
    for extra in path.extra_arrays:
        for damaged in (whole[extra][:-1], np.full_like(whole[extra], -1, dtype=float), whole[extra][0], None):
            parts = {part: array for part, array in whole.items() if part != extra}
            if not (extra in ("pilot", "objectives") and np.size(damaged) == len(whole[extra])):    # may be negative
                np.savez(file, **parts, **({} if damaged is None else {extra: damaged}))
                with pytest.raises(ValueError, match="not a path saved by fastlasso"):
                    LassoPath.load(file)


@pytest.mark.parametrize(("kind", "value"), [("kind", "Lasso"), ("kind", "LassoPath"), ("kind", 3), ("penalty", "mcp"),
                                             ("penalty", {"name": "mcp", "gamma": 0.5}), ("penalty", {})])
def test_altered_facts_of_a_refined_path_are_refused(data, kind, value, tmp_path):
    REFINED["mcp"](*data).save(tmp_path / "path.npz")
    with np.load(tmp_path / "path.npz") as stored:
        parts = {part: stored[part] for part in stored.files}
    meta = json.loads(parts.pop("meta").tobytes()) | {kind: value}
    np.savez(tmp_path / "path.npz", meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **parts)
    with pytest.raises(ValueError, match="not a path saved by fastlasso"):
        LassoPath.load(tmp_path / "path.npz")


def test_a_float32_path_keeps_the_coefficients_it_certified(data, tmp_path, judge):
    X = data[0].astype(np.float32)
    path = fit_path(X, data[1], alphas=5, tol=1e-10)
    path.save(tmp_path / "path.npz")
    loaded = LassoPath.load(tmp_path / "path.npz")
    assert loaded.coefs.dtype == np.float64
    judge(X, data[1], loaded, (2, 4))


def test_open_files_are_taken(path):
    file = io.BytesIO()
    path.save(file)
    file.seek(0)
    equal(LassoPath.load(file), path)


def test_a_saved_path_holds_no_pickle(path, tmp_path):
    path.save(tmp_path / "path.npz")
    with np.load(tmp_path / "path.npz", allow_pickle=False) as stored:
        assert {stored[name].dtype.kind for name in stored.files} <= {"f", "i", "u"}


@pytest.fixture
def saved(path, tmp_path):
    """The parts of a saved path: (arrays, meta), and a function that writes them back and loads the file."""
    path.save(tmp_path / "path.npz")
    with np.load(tmp_path / "path.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    meta = json.loads(arrays.pop("meta").tobytes())

    def reload():
        np.savez(tmp_path / "altered.npz", meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)
        return LassoPath.load(tmp_path / "altered.npz")

    return arrays, meta, reload


def test_unaltered_parts_load(saved, path):
    equal(saved[2](), path)


@pytest.mark.parametrize("name", ARRAYS)
def test_altered_arrays_are_refused(saved, name):
    arrays, _, reload = saved
    whole = arrays[name]
    for part in (whole[:-1], whole[:, None], whole[:0], whole.astype("U5"), whole.astype(complex), np.r_[whole, whole]):
        arrays[name] = part
        with pytest.raises(ValueError, match="not a path saved by fastlasso"):
            reload()
    del arrays[name]
    with pytest.raises(ValueError, match="not a path saved by fastlasso"):
        reload()


@pytest.mark.parametrize(("name", "at", "value"), [
    ("indices", 0, -1), ("indices", -1, 90), ("indptr", 0, 1), ("indptr", 5, 10**6), ("indptr", -1, 3),
    ("alphas", 3, np.nan), ("alphas", 0, -1.0), ("values", 2, np.nan), ("intercepts", 1, np.inf), ("gaps", 1, np.nan),
    ("gaps", 1, -1.0)])
def test_altered_values_are_refused(saved, name, at, value):
    arrays, _, reload = saved
    arrays[name][at] = value
    with pytest.raises(ValueError, match="not a path saved by fastlasso"):
        reload()


@pytest.mark.parametrize(("name", "value"), [
    ("format", 10**6), ("format", None), ("format", "1"), ("n_features", 3), ("n_features", -1), ("n_features", 90.5),
    ("n_features", None), ("n_samples", "x"), ("null_objective", "x"), ("tol", None), ("params", None), ("status", 3),
    ("feature_names", ["a"]), ("feature_names", 3), ("surprise", 1)])
def test_altered_facts_are_refused(saved, name, value):
    _, meta, reload = saved
    meta[name] = value
    with pytest.raises(ValueError, match="not a path saved by fastlasso"):
        reload()


def test_missing_facts_are_refused(saved):
    _, meta, reload = saved
    for name in list(meta):
        kept = meta.pop(name)
        if name != "feature_names":
            with pytest.raises(ValueError, match="not a path saved by fastlasso"):
                reload()
        meta[name] = kept


@pytest.fixture(scope="module")
def small_file(data, tmp_path_factory):
    """A saved path of two alphas: (it, its file, the bytes)."""
    path = fit_path(*data, alphas=2, eps=0.5)
    file = tmp_path_factory.mktemp("file") / "path.npz"
    path.save(file)
    return path, file, file.read_bytes()


def test_a_file_cut_anywhere_is_refused(small_file):
    _, file, whole = small_file
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="not a path saved by fastlasso"):
            LassoPath.load(file)


def test_a_byte_changed_anywhere_is_refused_or_does_no_harm(small_file):
    """Dates and the like, of which zip keeps no checksum, may change; the path may not."""
    path, file, whole = small_file
    refused = 0
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1:])
        try:
            equal(LassoPath.load(file), path)
        except ValueError as error:
            assert "not a path saved by fastlasso" in str(error)  # noqa: PT017
            refused += 1
    assert refused > len(whole) / 2


GOLDEN = sorted((Path(__file__).parent / "data").glob("path-*.npz"))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_paths_saved_by_every_release_load(file, judge):
    """Made by `fit_path(exact_matrix(30, 12), target(...), alphas=5, eps=0.05)`, with names f0 to f11."""
    A = exact_matrix(30, 12)
    path = LassoPath.load(file)
    judge(A, target(A), path)
    assert len(path) == 5
    assert path.feature_names == [f"f{j}" for j in range(12)]
    assert path.status == "complete"


def test_there_is_a_file_of_this_release():
    assert f"path-{fastlasso.__version__}" in {file.stem for file in GOLDEN}


def test_nothing_of_the_library_imports_pickle():
    package = Path(fastlasso.__file__).parent
    for file in package.rglob("*.py"):
        assert "import pickle" not in file.read_text(), file
        assert "allow_pickle=True" not in file.read_text(), file


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04rubbish"])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "path.npz").write_bytes(content)
    with pytest.raises(ValueError, match="not a path saved by fastlasso"):
        LassoPath.load(tmp_path / "path.npz")


def test_other_npz_npy_and_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    np.save(tmp_path / "other.npy", np.ones(3))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "object.npz", meta=np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "text.zip", "w") as file:
        file.writestr("meta.npy", "not an array")
    for name in ("other.npz", "other.npy", "object.npy", "object.npz", "text.zip"):
        with pytest.raises(ValueError, match="not a path saved by fastlasso"):
            LassoPath.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        LassoPath.load(tmp_path / "missing.npz")


# ---------------------------------------------------------------- stops

@pytest.mark.parametrize("layout", PLAIN)
def test_dfmax_stops_before_the_first_solution_with_more(data, layout):
    A, y = data
    whole = fit_path(A, y, alphas=30, eps=1e-2)
    for limit in (0, 1, 5, 12):
        path = fit_path(build(layout, A), y, alphas=30, eps=1e-2, dfmax=limit)
        first = int(np.argmax(whole.df > limit))
        assert (path.status, len(path)) == ("dfmax", first)
        assert max(path.df) <= limit
        np.testing.assert_allclose(path.coefs.toarray(), whole.coefs[:, :first].toarray(), atol=1e-4)
    assert fit_path(A, y, alphas=30, dfmax=90).status == "complete"


def test_max_r2_stops_after_the_first_solution_with_more(data):
    A, y = data
    whole = fit_path(A, y, alphas=30, eps=1e-2)
    for limit in (0.0, 0.4, 0.9):
        path = fit_path(A, y, alphas=30, eps=1e-2, max_r2=limit)
        assert path.status == "r2"
        assert len(path) == np.argmax(whole.r2 > limit) + 1
        assert path.r2[-1] > limit >= path.r2[-2]


@pytest.mark.parametrize("shape", [(40, 90), (40, 12)])
def test_a_callback_sees_every_alpha_and_may_stop(shape):
    A = exact_matrix(*shape, seed=5)
    y, seen = target(A, seed=5), []
    path = fit_path(A, y, alphas=30, eps=1e-2, callback=seen.append)
    assert path.status == "complete"
    assert [state.index for state in seen] == list(range(30))
    assert {state.n_alphas for state in seen} == {30}
    np.testing.assert_array_equal([state.alpha for state in seen], path.alphas)
    np.testing.assert_array_equal([state.df for state in seen], path.df)
    np.testing.assert_array_equal([state.gap for state in seen], path.gaps)
    np.testing.assert_array_equal([state.r2 for state in seen], path.r2)
    np.testing.assert_array_equal([state.n_passes for state in seen], path.n_passes)
    part = fit_path(A, y, alphas=30, eps=1e-2, callback=lambda state: state.index == 6)
    assert (part.status, len(part)) == ("callback", 7)
    assert part.certified.all()
    np.testing.assert_allclose(part.coefs.toarray(), path.coefs[:, :7].toarray(), atol=1e-5)


def test_an_exception_of_the_callback_comes_through(data):
    class MineError(Exception):
        pass

    def callback(state):
        if state.index == 3:
            raise MineError

    with pytest.raises(MineError):
        fit_path(*data, alphas=10, callback=callback)
    assert fit_path(*data, alphas=3).certified.all()


# ---------------------------------------------------------------- grids

def test_user_grids_in_any_order_with_repeats(data, judge):
    A, y = data
    path = fit_path(A, y, alphas=[0.1, 2.0, 0.5, 0.1, 0.5, 0.03])
    np.testing.assert_array_equal(path.alphas, [2.0, 0.5, 0.5, 0.1, 0.1, 0.03])
    np.testing.assert_array_equal(path.coefs.toarray()[:, 1], path.coefs.toarray()[:, 2])
    np.testing.assert_allclose(path.coefs.toarray()[:, 3], path.coefs.toarray()[:, 4], atol=1e-9)
    judge(A, y, path)
    for kind in (tuple, np.array, lambda a: np.array(a, dtype=np.float32)):
        np.testing.assert_allclose(fit_path(A, y, alphas=kind([0.1, 0.5])).alphas, [0.5, 0.1], rtol=1e-6)
    grid = np.array([0.1, 0.5])
    fit_path(A, y, alphas=grid)
    np.testing.assert_array_equal(grid, [0.1, 0.5])


@pytest.mark.parametrize("shape", [(40, 90), (40, 12)])
def test_alphas_above_alpha_max_give_the_empty_model(shape, judge):
    A = exact_matrix(*shape, seed=5)
    y = target(A, seed=5)
    top = alpha_max(A, y)
    path = fit_path(A, y, alphas=[1e6 * top, 10 * top, 1.0001 * top, 0.5 * top, 0.4 * top])
    np.testing.assert_array_equal(path.df[:3], 0)
    np.testing.assert_allclose(path.intercepts[:3], y.mean())
    judge(A, y, path)
    judge(A, y, fit_path(A, y, alphas=[5 * top]))
    judge(A, y, fit(A, y, 5 * top))


@pytest.mark.parametrize("alphas", [1, [0.2], 0.2])
def test_a_grid_of_one(data, alphas, judge):
    path = fit_path(*data, alphas=[alphas] if alphas == 0.2 else alphas)
    assert len(path) == 1
    judge(*data, path)


def test_eps_of_one_is_a_grid_of_repeats(data, judge):
    path = fit_path(*data, alphas=4, eps=1.0)
    assert set(path.alphas) == {path.alphas[0]}
    judge(*data, path)


# ---------------------------------------------------------------- promises not kept

def test_a_grid_does_not_go_down_into_rounding(judge):
    """Where unpenalised columns explain y, alpha_max is what rounding left; where nothing may enter it is zero."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((20, 6))
    free = {"penalty_factor": np.r_[np.zeros(3), np.ones(3)]}
    path = fit_path(A, A[:, :3].sum(axis=1), alphas=5, eps=1e-2, **free)
    judge(A, A[:, :3].sum(axis=1), path, **free)
    assert (path.df == 3).all()
    y = -A[:, 0]
    path = fit_path(A[:, :1], y, alphas=5, lower=0.0)
    judge(A[:, :1], y, path, lower=0.0)
    assert (path.df == 0).all()


def test_what_is_not_certified_is_said(data):
    """max_iter=0 leaves sweeps unstarted: the warning names alpha, gap, target and remedy."""
    A, y = data
    options = {"lower": -0.01, "upper": 0.01, "max_iter": 0, "tol": 1e-12}
    with going(small=0, compress_features=0, gram_form=False):
        with pytest.warns(ConvergenceWarning, match=r"alpha=.*gap is .*target .*Raise max_iter") as caught:
            path = fit_path(A[:, :65], y, alphas=5, eps=1e-2, **options)
        assert caught[0].filename == __file__
        assert not path.certified.all()
        with pytest.warns(ConvergenceWarning, match="alpha=0.01") as caught:
            found = fit(A, y, 0.01, **options)
    assert caught[0].filename == __file__
    assert not found.certified
    true = verify(A, y, found.coef, found.intercept, alpha=0.01, lower=-0.01, upper=0.01)
    assert found.gap == pytest.approx(true.gap, rel=0.1)


def test_a_bound_reached_between_grid_points_is_a_corner():
    """The signs of both ends are the same, the path between them is not straight: it has to be solved."""
    X = np.sqrt(4) * np.eye(4)
    y = np.sqrt(4) * np.array([3.0, 2.0, 0.0, 0.0])
    options = {"upper": np.full(4, 1.5), "fit_intercept": False}
    between = fit_path(X, y, alphas=[1.9, 0.1], **options).at(0.5)
    np.testing.assert_allclose(between.coef, [1.5, 1.5, 0, 0])
    assert verify(X, y, between.coef, 0.0, alpha=0.5, **options).gap <= 1e-12


def test_the_effective_df_of_an_elastic_net_needs_the_data(tmp_path):
    X = np.random.default_rng(0).standard_normal((20, 4))
    fit_path(X, X[:, 0], l1_ratio=0.5, alphas=3).save(tmp_path / "p.npz")
    loaded = LassoPath.load(tmp_path / "p.npz")
    with pytest.raises(ValueError, match="needs the data"):
        loaded.effective_df()


@pytest.mark.parametrize("call", [
    lambda X, y: fit(X, y, 0.01, **MISSED), lambda X, y: fit_path(X, y, alphas=5, **MISSED),
    lambda X, y: fastlasso.cross_validate_path(X, y, cv=2, alphas=5, **MISSED),
    lambda X, y: fastlasso.relaxed_path(X, y, alphas=5, **MISSED),
    lambda X, y: fastlasso.reweighted_path(X, y, alphas=5, **MISSED),
    lambda X, y: fastlasso.fit_schedule(X, y, [fastlasso.Stage(0.01)], **MISSED),
    lambda X, y: fastlasso.stability_selection(X, y, n_pairs=1, **MISSED),
    lambda X, y: fastlasso.Lasso(alpha=0.01, tol=0.0).fit(X, y),
    lambda X, y: fastlasso.LassoCV(cv=2, alphas=5, tol=0.0).fit(X, y)])
def test_warnings_name_the_line_of_the_caller(data, call):
    """However many frames of the package stand between."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*data)
    assert {warning.filename for warning in caught if issubclass(warning.category, ConvergenceWarning)} == {__file__}


@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "poisson"])
@pytest.mark.parametrize("options", [{}, {"l1_ratio": 0.5, "standardize": True}, {"offset": "given"}], ids=str)
def test_at_starts_from_the_solution_above(loss, options):
    """A cold fit at a low alpha walks down to it, and reads X more often."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((80, 400)) + 1.0
    y = np.abs(np.round(X[:, :4].sum(axis=1) - 4 + rng.standard_normal(80))) if loss == "poisson" else (
        X[:, :4].sum(axis=1) + rng.standard_normal(80) > 4).astype(float)
    options = {**options, **({"offset": 0.1 * rng.standard_normal(80)} if "offset" in options else {}), "loss": loss}
    with going(small=0):
        path = fit_path(X, y, alphas=20, eps=0.05, **options)
        alpha = float(np.sqrt(path.alphas[-1] * path.alphas[-2]))
        near, cold = path.at(alpha), fit(X, y, alpha, **options)
    assert near.certified
    assert near.exact
    judged = verify(X, y, near.coef, near.intercept, alpha=alpha, **options)
    assert judged.relative_gap <= 1.01e-6
    np.testing.assert_allclose(near.coef, cold.coef, atol=2e-2)
    assert near.n_passes < 0.7 * cold.n_passes


def message_of(X, y, **options):
    with pytest.warns(ConvergenceWarning) as caught:
        fit_path(X, y, **options)
    return str(caught[0].message)


def test_a_warning_says_what_rounding_limits_and_what_helps():
    rng = np.random.default_rng(0)
    t = np.linspace(0, 10, 300)
    y = np.sin(t) + 0.1 * rng.standard_normal(300)
    powers, stamps = t[:, None] ** np.arange(1, 21), 1.7e9 + 60 * np.arange(300.0)
    assert "standardize=True helps" in message_of(powers, y, eps=1e-10)
    stamps = np.column_stack([np.sin(stamps), stamps, stamps**2])
    assert "the mean of column 1 is 3e+05 times" in message_of(stamps, y, eps=1e-6, standardize=True)
    named = pandas.DataFrame(stamps, columns=["wave", "seconds", "square"])
    assert "the mean of column 'seconds' is" in message_of(named, y, eps=1e-6, standardize=True)


def test_a_warning_says_raise_max_iter_where_that_is_the_limit():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((100, 1)) + 0.01 * rng.standard_normal((100, 60))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(100)
    with going(small=0, compress_features=0, gram_form=False):
        assert "Raise max_iter" in message_of(X, y, max_iter=5)


def test_a_tolerance_of_zero_is_named_in_the_warning():
    A, y = exact_matrix(40, 60, seed=3), np.arange(40.0) ** 2
    with pytest.warns(ConvergenceWarning, match="tol=0 asks for no rounding at all"):
        fit_path(A, y, alphas=5, tol=0.0)
