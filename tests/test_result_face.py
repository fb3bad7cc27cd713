"""All results have one face: names, tables, coefficients by name, solutions at any alpha."""

import builtins
import gc

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

import fastlasso
from fastlasso import LassoPath, fit_path

NAMES = list("abcdef")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((80, 6)), columns=NAMES)
    return frame.assign(y=2 * frame.a - frame.c + rng.standard_normal(80))


@pytest.fixture(scope="module")
def results(table):
    X, y = table[NAMES], table.y
    return {"fit": fastlasso.fit(X, y, 0.1), "path": fit_path(X, y, alphas=7),
            "cv": fastlasso.cross_validate_path(X, y, alphas=7), "relaxed": fastlasso.relaxed_path(X, y, alphas=7),
            "relaxed cv": fastlasso.cross_validate_relaxed(X, y, alphas=7),
            "adaptive": fastlasso.adaptive_path(X, y, alphas=7, pilot_alpha=0.01),
            "mcp": fastlasso.reweighted_path(X, y, alphas=7),
            "schedule": fastlasso.fit_schedule(X, y, [fastlasso.Stage("bic"), fastlasso.Stage(0.1)]),
            "stability": fastlasso.stability_selection(X, y, n_pairs=2, alphas=7, random_state=0),
            "targets": fit_path(X, pd.DataFrame({"u": y, "v": -y}), alphas=7)}


ALL = ["fit", "path", "cv", "relaxed", "relaxed cv", "adaptive", "mcp", "schedule", "stability", "targets"]


@pytest.mark.parametrize("name", ALL)
def test_every_result_has_names_and_tables(results, name):
    result = results[name]
    assert result.feature_names == NAMES
    frame, text = result.to_frame(), result.summary(4)
    assert isinstance(frame, pd.DataFrame)
    assert repr(text) == str(text)
    assert 2 <= len(text.splitlines()) <= 5
    html = result._repr_html_()
    assert html.count("<tr>") == 1 + min(len(frame), 8)
    assert len(html) < 5000
    assert "&lt;" in html


@pytest.mark.parametrize("name", ["fit", "path", "cv", "relaxed", "relaxed cv", "adaptive", "mcp", "schedule"])
def test_coefficients_go_by_name(results, name):
    result = results[name]
    alpha = [float(result.alphas[3])] if name in ("path", "relaxed", "adaptive", "mcp") else []
    fit = result.at(*alpha)
    everything = result.coefficients(*alpha)
    assert everything.index.tolist() == NAMES
    np.testing.assert_array_equal(everything.to_numpy(), fit.coef)
    used = result.coefficients(*alpha, nonzero=True)
    assert len(used) == np.count_nonzero(fit.coef)
    assert (np.diff(used.abs()) <= 0).all()
    assert used["a"] == everything["a"]


@pytest.mark.parametrize("name", ALL)
def test_every_result_is_saved_and_loaded_as_its_own_class(results, name, tmp_path):
    result = results[name]
    result.save(tmp_path / "result.npz")
    for copy in (fastlasso.load(tmp_path / "result.npz"), type(result).load(tmp_path / "result.npz")):
        assert type(copy) is type(result)
        assert copy.feature_names == NAMES
        assert repr(copy) == repr(result)
        pd.testing.assert_frame_equal(copy.to_frame(), result.to_frame())
        copy.save(tmp_path / "copy.npz")
        with np.load(tmp_path / "result.npz") as first, np.load(tmp_path / "copy.npz") as second:
            assert first.files == second.files
            for member in first.files:
                np.testing.assert_array_equal(first[member], second[member])


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("fit", "path", "cv", "adaptive", "mcp")])
def test_altered_files_of_results_are_refused(results, name, tmp_path):
    results[name].save(tmp_path / "result.npz")
    with np.load(tmp_path / "result.npz") as stored:
        members = dict(stored)
    for member, array in members.items():
        changed = array[:-1] if array.ndim == 1 else array * np.nan
        np.savez(tmp_path / "bad.npz", **members | {member: changed})
        if not array.size or "oof_predictions" in member or member.endswith("classes"):
            continue
        with pytest.raises(ValueError, match=r"is not a .* saved by fastlasso"):
            fastlasso.load(tmp_path / "bad.npz")
    with pytest.raises(ValueError, match="saved by fastlasso"):
        fastlasso.LassoPath.load(tmp_path / "result.npz")
    other = fastlasso.RelaxedPath if name != "relaxed" else fastlasso.StabilityPath
    with pytest.raises(ValueError, match="it holds a"):
        other.load(tmp_path / "result.npz")


def test_other_files_are_no_results(tmp_path):
    np.savez(tmp_path / "array.npz", X=np.eye(2))
    (tmp_path / "text.npz").write_text("alpha,beta")
    for file in ("array.npz", "text.npz"):
        with pytest.raises(ValueError, match="is not a result saved by fastlasso"):
            fastlasso.load(tmp_path / file)
    with pytest.raises(FileNotFoundError):
        fastlasso.load(tmp_path / "missing.npz")


@pytest.mark.parametrize("alpha", [0.0, 0.003, 0.2, 5.0, np.inf])
@pytest.mark.parametrize("name", ["path", "cv", "relaxed", "relaxed cv", "adaptive", "mcp", "schedule", "targets"])
@pytest.mark.filterwarnings("ignore:alpha=.* is between")
def test_loaded_results_predict_at_any_alpha(results, table, name, alpha, tmp_path):
    if name == "schedule":
        result = fastlasso.fit_schedule(table[NAMES], table.y, [fastlasso.Stage("bic"), fastlasso.Stage("bic")])
    else:
        result = results[name]
    result.save(tmp_path / "result.npz")
    copy = fastlasso.load(tmp_path / "result.npz")
    predicted = copy.predict(table[NAMES], alpha=alpha)
    fits = copy.at(alpha) if name == "targets" else [copy.at(alpha)]
    np.testing.assert_array_equal(np.squeeze(predicted), np.squeeze([fit.predict(table[NAMES]) for fit in fits]).T)
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("phi", [0.0, 0.4, 1.0])
def test_a_blend_between_knots_is_exact_where_the_lasso_is(table, phi):
    path = fastlasso.relaxed_path(table[NAMES], table.y, alphas=12)
    seen = set()
    for alpha in np.geomspace(path.alphas[0], path.alphas[-1], 30):
        fit = path.at(alpha, phi)
        seen.add(fit.exact)
        if fit.exact and alpha not in path.alphas:
            expected = fastlasso.relaxed_path(table[NAMES], table.y, alphas=[alpha], tol=1e-12).coef_at(0, phi)
            np.testing.assert_allclose(fit.coef, expected, atol=1e-7)
    assert seen == {True, False}
    assert [one.alpha for one in path.at([0.5, 0.1], phi)] == [0.5, 0.1]


def test_probabilities_at_an_alpha_go_by_name(results):
    stable = results["stability"]
    between = 0.5 * (stable.alphas[2] + stable.alphas[3])
    assert stable.at(between).index.tolist() == NAMES
    for alpha, k in ((None, -1), (between, 2), (0.0, -1), (np.inf, 0), (stable.alphas[4], 4)):
        np.testing.assert_array_equal(stable.at(alpha).to_numpy(), stable.probabilities[:, k])
    for verb in (lambda: stable.predict(np.eye(6)), stable.coefficients):
        with pytest.raises(TypeError, match="fit a model to those"):
            verb()


def test_a_stage_with_a_given_alpha_has_no_other(results):
    with pytest.raises(ValueError, match=r"was solved at alpha=0.1 alone"):
        results["schedule"].at(0.2)


@pytest.mark.parametrize("name", ALL)
def test_every_result_is_drawn(results, name):
    axes = np.atleast_1d(results[name].plot())
    for ax in axes:
        ax.figure.canvas.draw()
        assert ax.lines or ax.patches
    pyplot.close("all")


def test_the_choices_of_a_cross_validation_by_name(results):
    cv = results["cv"]
    for rule, alpha in (("1se", cv.alpha_1se), ("min", cv.alpha_min)):
        np.testing.assert_array_equal(cv.coefficients(rule), cv.path.at(alpha).coef)
    with pytest.raises(ValueError, match="alpha must be one of"):
        cv.at("best")


def test_without_pandas_tables_are_structured_arrays(results, monkeypatch):
    original = builtins.__import__

    def without_pandas(name, *rest):
        if name == "pandas":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    used = results["cv"].coefficients(nonzero=True)
    assert used.dtype.names == ("feature", "coef")
    assert used["feature"][0] == "a"
    assert results["path"].to_frame().dtype.names[:2] == ("alpha", "features")


def test_a_path_is_a_sequence_of_solutions(results):
    path = results["path"]
    assert [fit.alpha for fit in path] == path.alphas.tolist()
    assert path[2].alpha == path.alphas[2]
    assert [fit.alpha for fit in path[-2:]] == path.alphas[-2:].tolist()
    with pytest.raises(IndexError):
        path[7]
    assert [fit.alpha for fit in path.at([0.5, 0.1])] == [0.5, 0.1]


# ---------------------------------------------------------------- any alpha


def gone(table, **more):
    """A path whose X lives nowhere else: the idiom of data frames."""
    path = fit_path(table.drop(columns="y"), table.y, alphas=7, **more)
    gc.collect()
    return path


@pytest.mark.parametrize("alpha", [0, 0.003, 0.3, 1.9, 100.0, np.inf])
def test_predictions_at_any_alpha_without_data(table, alpha):
    path = gone(table)
    fit = path.at(alpha)
    if fit.exact:
        np.testing.assert_array_equal(path.predict(table[NAMES], alpha), fit.predict(table[NAMES]))
    else:
        assert not fit.certified
        with pytest.warns(UserWarning, match="interpolated linearly"):
            path.predict(table[NAMES], alpha)


def test_what_is_exact_is_so(table):
    path, kept = gone(table), gone(table, keep_data=True)
    seen = set()
    for alpha in np.geomspace(3, 1e-3, 25):
        fit, expected = path.at(alpha), fastlasso.fit(table[NAMES], table.y, alpha, tol=1e-10)
        seen.add(fit.exact)
        if fit.exact:
            np.testing.assert_allclose(fit.coef, expected.coef, atol=1e-6)
        assert kept.at(alpha).exact
        np.testing.assert_allclose(kept.at(alpha).coef, expected.coef, atol=1e-6)
    assert seen == {True, False}


def test_interpolation_is_linear(table):
    path = gone(table)
    k = next(k for k in range(6) if path.df[k] != path.df[k + 1])
    middle = 0.5 * (path.alphas[k] + path.alphas[k + 1])
    fit = path.at(middle)
    assert not fit.exact
    np.testing.assert_allclose(fit.coef, 0.5 * (path[k].coef + path[k + 1].coef), rtol=1e-12)
    below = path.at(0.0)
    np.testing.assert_array_equal(below.coef, path[-1].coef)


def test_data_may_be_passed_for_an_exact_prediction(table):
    path = gone(table)
    expected = fastlasso.fit(table[NAMES], table.y, 0.003).predict(table[NAMES])
    ours = path.predict(table[NAMES], 0.003, data=(table[NAMES], table.y))
    np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.02, 0.3, 50.0])
def test_a_loaded_path_predicts_anywhere(table, alpha, tmp_path):
    gone(table).save(tmp_path / "path.npz")
    path = LassoPath.load(tmp_path / "path.npz")
    assert np.isfinite(path.at(alpha).predict(table[NAMES])).all()


@pytest.mark.parametrize(("alpha", "error"), [(-1.0, ValueError), (np.nan, ValueError), ("x", TypeError)])
def test_bad_alphas(results, alpha, error):
    with pytest.raises(error, match="alpha"):
        results["path"].at(alpha)


def test_an_empty_path_says_so(table):
    path = fit_path(table[NAMES], table.y, dfmax=0, alphas=[0.01])
    assert len(path) == 0
    assert path.plot() is not None


# ---------------------------------------------------------------- files of a choice, and the judge


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_a_saved_cross_validation_keeps_its_choice(table, rule, tmp_path):
    def own_score(y_true, y_pred, sample_weight=None):
        return -np.abs(y_true - y_pred).max()

    for measure in ("mae", own_score):
        cv = fastlasso.cross_validate_path(table[NAMES], table.y, alphas=7, rule=rule, measure=measure, offset=0.5)
        cv.save(tmp_path / "cv.npz")
        copy = fastlasso.PathCV.load(tmp_path / "cv.npz")
        for name in ("errors", "oof_predictions", "coef", "alpha", "index", "alpha_1se", "rule"):
            np.testing.assert_array_equal(getattr(copy, name), getattr(cv, name))
        assert copy.feature_names == NAMES
        assert copy.path.has_offset
        np.testing.assert_array_equal(copy.predict(table[NAMES], offset=1.0), cv.predict(table[NAMES], offset=1.0))
        assert copy.plot().get_ylabel() == cv.plot().get_ylabel()
        pyplot.close("all")
        np.testing.assert_array_equal(LassoPath.load(tmp_path / "cv.npz").alphas, cv.alphas)


def test_other_files_hold_no_cross_validation(table, tmp_path):
    cv = fastlasso.cross_validate_path(table[NAMES], table.y, alphas=3)
    cv.path.save(tmp_path / "path.npz")
    with pytest.raises(ValueError, match="a path without a cross-validation"):
        fastlasso.PathCV.load(tmp_path / "path.npz")
    cv.save(tmp_path / "cv.npz")
    with np.load(tmp_path / "cv.npz") as stored:
        arrays = dict(stored)
    for name, value in (("cv_errors", np.full((3, 5), np.nan)), ("cv_errors", np.zeros((2, 5))),
                        ("cv_meta", arrays["cv_meta"][:-1])):
        np.savez(tmp_path / "bad.npz", **arrays | {name: value})
        with pytest.raises(ValueError, match="is not a cross-validation saved by fastlasso"):
            fastlasso.PathCV.load(tmp_path / "bad.npz")


SOLVED = {
    "fit": lambda X, y: fastlasso.fit(X, y, 0.1, penalty_factor={"b": 0.0}, standardize=True, offset=0.1 * y),
    "path": lambda X, y: fit_path(X, y, alphas=5, l1_ratio=0.5, sample_weight=1 + np.arange(80.0),
                                  lower={"c": -0.2})[3],
    "between": lambda X, y: fit_path(X, y, alphas=5).at(0.123),
    "cv": lambda X, y: fastlasso.cross_validate_path(X, y, alphas=5).at(),
    "mcp": lambda X, y: fastlasso.reweighted_path(X, y, alphas=5)[2],
    "stage": lambda X, y: fastlasso.fit_schedule(X, y, [fastlasso.Stage("bic"),
                                                        fastlasso.Stage(0.1, factor="adaptive")]).at(),
    "Lasso": lambda X, y: fastlasso.Lasso(0.1, tol=1e-9).fit(X, y),
    "LassoCV": lambda X, y: fastlasso.LassoCV(alphas=5, tol=1e-9).fit(X, y),
    "AdaptiveLasso": lambda X, y: fastlasso.AdaptiveLasso(0.1).fit(X, y),
    "ReweightedLasso": lambda X, y: fastlasso.ReweightedLasso(0.1).fit(X, y),
    "HuberLasso": lambda X, y: fastlasso.HuberLasso(0.1, tol=1e-9).fit(X, y),
}


@pytest.mark.parametrize("name", SOLVED)
def test_the_judge_takes_a_fit_with_its_options(table, name):
    X, y = table[NAMES], table.y
    solution = SOLVED[name](X, y)
    assert fastlasso.verify(X, y, solution).relative_gap < 2e-6
    if isinstance(solution, fastlasso.LassoFit):
        moved = solution.moved(0.5 * solution.alpha)
        assert fastlasso.verify(X, y, moved).relative_gap > 1e-5


def test_the_judge_takes_a_classifier(table):
    model = fastlasso.LogisticRegression(l1_ratio=1, tol=1e-9).fit(table[NAMES], table.y > 0)
    assert fastlasso.verify(table[NAMES], table.y > 0, model).relative_gap < 1e-8


def test_the_judge_refuses_what_it_cannot_know(table, tmp_path):
    X, y = table[NAMES], table.y
    path = fit_path(X, y, alphas=3)
    path.save(tmp_path / "path.npz")
    with pytest.raises(ValueError, match="does not know the options"):
        fastlasso.verify(X, y, LassoPath.load(tmp_path / "path.npz")[1])
    with pytest.raises(ValueError, match="no single certified solution"):
        fastlasso.verify(X, y, fastlasso.Lasso().fit(X, np.column_stack([y, -y])))
    with pytest.raises(TypeError, match="needs alpha"):
        fastlasso.verify(X, y, path[1].coef)
