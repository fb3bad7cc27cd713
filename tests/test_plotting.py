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
