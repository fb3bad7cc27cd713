"""The pictures: they are drawn, say what they should, and do without matplotlib until asked for."""

import sys

import numpy as np
import pandas as pd
import pytest

import fastlasso
from fastlasso import LassoCV, LassoPath, cross_validate_path, fit_path, plotting
from fastlasso.datasets import load_diabetes
from fastlasso.plotting import axes

matplotlib = pytest.importorskip("matplotlib")
figure = pytest.importorskip("matplotlib.figure")


@pytest.fixture(scope="module")
def data():
    return load_diabetes()


@pytest.fixture(scope="module")
def pathcv(data):
    result = cross_validate_path(data.X, data.y, cv=5, alphas=40, random_state=0)
    result.path.feature_names = list(data.feature_names)
    return result


@pytest.fixture(autouse=True)
def _closed():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture
def ax():
    return figure.Figure(layout="constrained").subplots()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_plot_path_names_the_strongest(pathcv, ax):
    path = pathcv.path
    assert plotting.plot_path(path, ax, n_labels=5) is ax
    end = np.abs(path.coefs[:, [-1]].toarray().ravel())
    assert set(texts(ax)) == {path.feature_names[j] for j in np.argsort(-end)[:5]}
    assert ax.get_xscale() == "log"
    assert ax.get_xlim() == (path.alphas[0], path.alphas[-1])


def test_plot_path_may_rank_elsewhere_and_scale(pathcv, ax):
    path = pathcv.path
    scale = np.linspace(0.1, 3, path.n_features)
    plotting.plot_path(path, ax, n_labels=3, scale=scale, rank_at=pathcv.index)
    there = np.abs(path.coefs[:, [pathcv.index]].toarray().ravel()) * scale
    assert set(texts(ax)) == {path.feature_names[j] for j in np.argsort(-there)[:3]}
    assert "standard deviation" in ax.get_ylabel()


def test_only_features_ever_used_are_drawn(pathcv, ax):
    path = pathcv.path
    plotting.plot_path(path, ax, n_labels=0)
    used = np.count_nonzero(np.diff(path.coefs.tocsr().indptr))
    assert len(ax.collections[0].get_paths()) == used < path.n_features
    assert texts(ax) == []


def test_features_in_use_are_counted_above(pathcv, ax):
    plotting.plot_path(pathcv.path, ax)
    above = ax.child_axes[0]
    ax.figure.canvas.draw()
    labels = [label.get_text() for label in above.get_xticklabels()]
    assert labels[0] == "0"
    assert labels[-1] == f"{pathcv.path.df[-1]:,}"


def test_plot_cv_marks_both_choices(pathcv, ax):
    assert plotting.plot_cv(pathcv, ax) is ax
    notes = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"alpha {pathcv.alpha_min:.3g}" in notes[0]
    assert f"alpha {pathcv.alpha_1se:.3g}" in notes[1]
    assert "lowest error" in notes[0]


def test_labels_do_not_touch(ax):
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.normal(size=rng.integers(1, 9)) * rng.choice([1e-3, 1])
        places = axes.spread(values, 0.5, -2.0, 2.5)
        order = np.argsort(values, kind="stable")
        assert (np.diff(places[order]) > 0.5 - 1e-12).all()
        assert places.min() >= -2 - 1e-12
        assert places.max() <= 2.5 + 1e-12


def test_labels_with_room_stay_where_they_belong():
    values = np.array([3.0, -1.0, 1.0])
    np.testing.assert_array_equal(axes.spread(values, 0.5, -2, 4), values)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_plot_both_writes_a_file(pathcv, tmp_path, suffix):
    file = tmp_path / f"picture{suffix}"
    plotting.plot_both(pathcv, file, title="a $title$")
    assert file.stat().st_size > 5000


def test_names_are_never_mathematics(data, ax):
    path = fit_path(data.X[:, :3], data.y, alphas=5)
    path.feature_names = ["$\\frac{", "under_score^2", "a name that is much longer than any label may be"]
    plotting.plot_path(path, ax)
    ax.figure.canvas.draw()
    assert max(map(len, texts(ax))) <= axes.MAX_LABEL


@pytest.mark.parametrize("alphas", [[1.0], [2.0, 0.0], [0.0], [0.0, 0.0], [1e9], 1])
def test_odd_paths_are_drawn_too(data, ax, alphas):
    path = fit_path(data.X, data.y, alphas=alphas)
    plotting.plot_path(path, ax)
    ax.figure.canvas.draw()


def test_methods_draw(pathcv, ax):
    assert pathcv.path.plot(ax) is ax
    assert pathcv.plot(ax) is ax


def test_new_axes_by_default(pathcv, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    matplotlib.use("agg")
    assert plotting.plot_cv(pathcv).lines


def test_without_matplotlib_the_error_says_what_to_install(pathcv, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (lambda: plotting.plot_path(pathcv.path), lambda: plotting.plot_cv(pathcv),
                 lambda: plotting.plot_both(pathcv, "never.png")):
        with pytest.raises(ImportError, match=r'pip install "fastlasso\[plot\]"'):
            draw()


def test_importing_fastlasso_does_not_import_matplotlib(tmp_path):
    import subprocess

    code = "import sys, fastlasso, fastlasso.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0
    assert fastlasso


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("alphas", [[3.0, 0.0], [0.0]])
def test_alpha_0_has_no_place_on_the_axis_but_is_named(data, ax, tmp_path, alphas):
    pathcv = cross_validate_path(data.X[:, :3], data.y, cv=5, alphas=alphas)
    assert pathcv.alpha_min == 0
    plotting.plot_cv(pathcv, ax)
    ax.figure.canvas.draw()
    assert ax.get_legend().get_texts()[0].get_text() == "lowest error: alpha 0, 3 features"
    plotting.plot_both(pathcv, tmp_path / "p.png")


@pytest.mark.filterwarnings("error")
def test_plot_both_without_a_title_and_with_one_choice_for_both_rules(tmp_path):
    data = load_diabetes(quadratic=False)
    pathcv = cross_validate_path(data.X, data.y, cv=5, alphas=[3.0, 0.0])
    assert pathcv.best_index == pathcv.index_1se == 1
    plotting.plot_both(pathcv, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000


# ---------------------------------------------------------------- what is drawn, and where


@pytest.fixture(scope="module")
def of_units():
    """Two features as strong as each other in standard deviations, one in units a thousand times larger."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((80, 4)), columns=["metres", "b", "c", "kilograms"])
    X["metres"] *= 1000
    y = 3 * X.metres / 1000 + X.kilograms + 0.1 * rng.standard_normal(80)
    return fit_path(X, y, standardize=True, alphas=20)


def test_standardised_paths_rank_by_what_was_standardised(of_units, tmp_path):
    of_units.save(tmp_path / "path.npz")
    for path in (of_units, LassoPath.load(tmp_path / "path.npz")):
        assert texts(path.plot(n_labels=1)) == ["metres"]
        ax = path.plot(scaled=True, n_labels=1)
        assert ax.get_ylabel() == "coefficient × standard deviation"
        assert ax.get_ylim()[1] > 2.5


def test_features_are_chosen_by_name_or_number(of_units):
    assert set(texts(of_units.plot(features=["kilograms", 0]))) == {"metres", "kilograms"}
    with pytest.raises(ValueError, match="features names 'pounds'"):
        of_units.plot(features=["pounds"])


@pytest.mark.parametrize(("x", "label"), [("norm", "sum of absolute coefficients"), ("df", "features in use")])
def test_the_axis_may_be_norm_or_df(of_units, x, label):
    ax = of_units.plot(x=x, alphas=[0.1])
    assert (ax.get_xlabel(), ax.get_xscale()) == (label, "linear")
    with pytest.raises(ValueError, match="x must be"):
        of_units.plot(x="lambda")


def test_scaled_needs_standard_deviations():
    with pytest.raises(ValueError, match="standardize=True"):
        fit_path(np.eye(3), [1.0, 2.0, 4.0], alphas=2).plot(scaled=True)


def test_the_axis_names_the_score_of_an_estimator():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    for scoring, words in (("neg_median_absolute_error", "median absolute error"),
                           ("explained_variance", "-explained_variance"), ("r2", "1 - R2"), (None, "squared error")):
        model = LassoCV(alphas=4, scoring=scoring).fit(X, X[:, 0])
        assert f"cross-validated {words} " in model.cv_result_.plot().get_ylabel()


# ---------------------------------------------------------------- themes, labels, several paths, empty ones


def luminance(colour):
    return float(np.dot(matplotlib.colors.to_rgb(colour), (0.299, 0.587, 0.114)))


@pytest.mark.parametrize("style", ["default", "dark_background", "ggplot", "black axes"])
def test_colours_are_those_of_the_theme(pathcv, style):
    from matplotlib import pyplot

    black = {"axes.facecolor": "black", "figure.facecolor": "black", "text.color": "white"}
    with pyplot.style.context(black if style == "black axes" else style):
        made = figure.Figure(layout="constrained")
        left, right = made.subplots(1, 2)
        pathcv.path.plot(left)
        pathcv.plot(right)
        face = luminance(left.get_facecolor())
        drawn = [line.get_color() for line in left.lines] + [text.get_color() for text in left.texts]
        assert min(abs(luminance(colour) - face) for colour in drawn) > (0.09 if style == "ggplot" else 0.15)
        assert luminance(right.get_legend().get_frame().get_facecolor()) == face
        first = left.texts[0].get_color()
        cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
        assert (first in cycle) == (style in ("dark_background", "ggplot"))
        made.canvas.draw()


def test_a_feature_that_never_enters_is_named(data, ax):
    path = fit_path(data.X[:, :8], data.y, alphas=[5.0, 2.0], standardize=True)
    path.feature_names = list("abcdefgh")
    idle = next(name for name, used in zip("abcdefgh", path.coefs.toarray().any(axis=1), strict=True) if not used)
    path.plot(ax, features=[idle, "c"])
    assert texts(ax) == [f"{idle}: never enters", "c"]
    assert ax.texts[0].get_color() in {line.get_color() for line in ax.lines}


def test_features_are_coloured_in_the_order_they_were_asked_for(of_units, ax):
    of_units.plot(ax, features=["b", "metres", "b", 0])
    assert texts(ax) == ["b", "metres"]


def test_more_labels_than_colours_differ_by_their_lines(pathcv, ax):
    pathcv.path.plot(ax, n_labels=12)
    assert len(texts(ax)) == 12
    styles = {(line.get_color(), line.get_linestyle()) for line in ax.lines if len(line.get_xdata()) > 2}
    assert len(styles) == 12


def test_lines_at_alphas_must_be_within_the_picture(pathcv, ax):
    pathcv.path.plot(ax, alphas=1.0)
    for bad in (1e6, 0.0, [1.0, 1e-9]):
        with pytest.raises(ValueError, match="not among the alphas that are drawn"):
            pathcv.path.plot(alphas=bad)


def test_names_stay_between_subplots():
    """Without a layout of the figure axes give up width for their names; the last that do not fit are left out."""
    path = fit_path(np.eye(30) + 0.1, np.arange(30.0), alphas=8)
    path.feature_names = [f"feature number {k}" for k in range(30)]
    made = figure.Figure(figsize=(9, 3))
    axes_of = made.subplots(1, 3)
    before = [ax.get_position().x1 for ax in axes_of]
    for ax in axes_of:
        path.plot(ax, n_labels=30)
    made.canvas.draw()
    for ax, end in zip(axes_of, before, strict=True):
        assert 0 < len(ax.texts) < 30
        ends = [text.get_window_extent().x1 / made.bbox.width for text in ax.texts]
        assert max(ends) <= end + 0.02
        heights = sorted(text.get_window_extent().y0 for text in ax.texts)
        assert min(np.diff(heights)) > 0.7 * ax.texts[0].get_window_extent().height


def test_an_empty_path_is_drawn_and_says_why(data, ax):
    path = fit_path(data.X, data.y, dfmax=0, alphas=[0.01])
    path.plot(ax, features=[0])
    ax.figure.canvas.draw()
    assert texts(ax) == ["no solutions: dfmax"]


def test_labels_of_less_than_two_decades_can_be_read(ax, data):
    fit_path(data.X, data.y, alphas=[20.0, 10.0, 5.0, 2.0]).plot(ax)
    ax.figure.canvas.draw()
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert {"20", "10", "5", "2"} <= set(shown)
    assert not any(label.get_text() for label in ax.get_xticklabels(minor=True))


@pytest.mark.parametrize("x", ["alpha", "norm", "df"])
def test_two_paths_on_the_same_axes(of_units, ax, x):
    half = fit_path(pd.DataFrame(np.eye(4, 4), columns=of_units.feature_names), np.arange(4.0), alphas=[0.5, 0.01])
    plotting.compare_paths({"one": of_units, "two": half}, ax, features=["b", "metres"], x=x)
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]
    assert texts(ax) == ["b", "metres"]
    ends = [np.asarray(line.get_xdata())[[0, -1]] for line in ax.lines if len(line.get_xdata()) > 2]
    low, high = sorted(ax.get_xlim())
    assert all(low - 1e-12 <= end.min() and end.max() <= high + 1e-12 for end in ends)
    plotting.compare_paths({"one": of_units, "two": half}, n_labels=1)


def test_paths_of_other_features_are_not_compared(of_units, pathcv):
    with pytest.raises(ValueError, match="'other' has other features"):
        plotting.compare_paths({"one": of_units, "other": pathcv.path})
    for bad in ({}, [of_units], {str(k): of_units for k in range(5)}):
        with pytest.raises(ValueError, match="up to 4 paths by name"):
            plotting.compare_paths(bad)


def test_stability_is_drawn_with_its_threshold(ax):
    P = np.array([[0.1, 0.9, 1.0], [0.0, 0.5, 0.8], [0.0, 0.1, 0.3], [0.0, 0.0, 0.0]])
    stable = fastlasso.StabilityPath(np.array([1.0, 0.5, 0.2]), P, P.sum(axis=0), 10, 1.0, list("abcd"))
    stable.plot(ax, alphas=0.5)
    assert texts(ax) == ["a", "b"]
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.child_axes[0].get_xticklabels()] == ["0", "1", "2"]
    other = figure.Figure().subplots()
    stable.plot(other, threshold=0.95, features=["d"])
    assert texts(other) == ["d"]


def test_stages_and_targets_are_drawn(data):
    run = fastlasso.fit_schedule(data.X[:, :8], data.y, [fastlasso.Stage(20.0),
                                                         fastlasso.Stage(5.0, factor="support")])
    run.feature_names = list("abcdefgh")
    ax = run.plot()
    assert {text.get_text() for text in ax.texts} == {"abcdefgh"[j] for j in np.flatnonzero(run.fits[0].coef)}
    assert [label.get_text().split("\n")[0] for label in ax.get_xticklabels()] == ["alpha 20", "alpha 5"]
    targets = fit_path(data.X[:, :8], np.column_stack([data.y] * 5), alphas=4)
    axes_of = targets.plot(x="norm")
    assert [ax.get_title() for ax in axes_of] == [f"target {k}" for k in range(5)]
    with pytest.raises(ValueError, match="5 targets"):
        targets.plot(axes_of[:2])


def test_the_picture_of_a_relaxed_choice_names_every_phi(data):
    relaxed = fastlasso.cross_validate_relaxed(data.X[:, :8], data.y, alphas=6, phis=[0, 0.5, 1])
    ax = relaxed.plot()
    assert texts(ax) == ["phi 0", "phi 0.5", "phi 1"]
    assert f"alpha {relaxed.alpha:.3g}, phi {relaxed.phi:g}" in ax.get_legend().get_texts()[0].get_text()
