"""Estimators hand on their result: names, tables, files, and no row matched by place unseen."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import fastlasso
from fastlasso.datasets import load_debian_words, load_diabetes

ESTIMATORS = [fastlasso.Lasso(0.1), fastlasso.LassoCV(cv=3), fastlasso.LassoIC(), fastlasso.HuberLasso(alpha=0.1),
              fastlasso.HuberLassoCV(cv=3), fastlasso.AdaptiveLasso(0.1), fastlasso.ReweightedLasso(0.1),
              fastlasso.RelaxedLasso(0.1), fastlasso.RelaxedLassoCV(cv=3), fastlasso.TwoStageLasso()]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.standard_normal((60, 6)), columns=list("abcdef"), index=[f"row {i}" for i in range(60)])
    return X, 2 * X.a - X.c + 0.1 * rng.standard_normal(60)


@pytest.mark.parametrize("model", ESTIMATORS, ids=lambda model: type(model).__name__)
def test_an_estimator_hands_on_its_result(table, model, tmp_path):
    model.fit(*table)
    named = model.coefficients(nonzero=True)
    assert list(named.index[:2]) == ["a", "c"]
    np.testing.assert_array_equal(model.at().coef, model.coef_)
    assert len(model.to_frame()) == len(model.result_.to_frame())
    assert "\n" in model.summary(3)
    model.save(tmp_path / "model.npz")
    again = fastlasso.load(tmp_path / "model.npz")
    assert type(again) is type(model.result_)
    assert again.feature_names == list("abcdef")


def test_stability_selection_hands_on_its_probabilities(table):
    model = fastlasso.StabilitySelection(n_pairs=3, random_state=0).fit(*table)
    assert list(model.at().index) == list("abcdef")
    with pytest.raises(TypeError, match="no coefficients"):
        model.coefficients()


def test_several_targets_have_no_single_result(table):
    model = fastlasso.Lasso(0.1).fit(table[0], np.column_stack([table[1], table[1]]))
    with pytest.raises(AttributeError, match="several targets"):
        model.summary()


def test_an_estimator_draws_its_result(table):
    pytest.importorskip("matplotlib")
    assert fastlasso.LassoCV(cv=3).fit(*table).plot().has_data()


@pytest.mark.parametrize("model", [*ESTIMATORS, fastlasso.StabilitySelection(n_pairs=2)],
                         ids=lambda model: type(model).__name__)
def test_rows_of_another_index_are_refused(table, model):
    X, y = table
    with pytest.raises(ValueError, match="y has another index than X"):
        model.fit(X, y.iloc[::-1])
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("name", ["sample_weight", "offset"])
def test_weights_and_offsets_of_another_index_are_refused(table, name):
    X, y = table
    with pytest.raises(ValueError, match=f"{name} has another index than X"):
        fastlasso.HuberLasso(alpha=0.1).fit(X, y, **{name: pd.Series(np.ones(60))})
    fastlasso.HuberLasso(alpha=0.1).fit(X.to_numpy(), y, **{name: pd.Series(np.ones(60))})


def of_another_index(table):
    """Calls with one argument whose index is another than X's, and the name of that argument."""
    X, y = table
    other, d = pd.Series(np.arange(60) % 12), X.b + np.sin(np.arange(60))
    return [("groups", lambda: fastlasso.stability_selection(X, y, n_pairs=2, groups=other)),
            ("groups", lambda: fastlasso.fit_schedule(X, y, [fastlasso.Stage(0.1)], groups=other)),
            ("cv", lambda: fastlasso.cross_validate_path(X, y, cv=other)),
            ("cv", lambda: fastlasso.cross_validate_relaxed(X, y, cv=other)),
            ("y", lambda: fastlasso.verify(X, y.iloc[::-1], fastlasso.fit(X, y, 0.1))),
            ("y", lambda: fastlasso.plugin_alpha(X, y.iloc[::-1])),
            ("y", lambda: fastlasso.post_lasso(X, y.iloc[::-1])),
            ("d", lambda: fastlasso.double_selection(X, y, d.iloc[::-1])),
            ("groups", lambda: fastlasso.double_selection(X, y, d, groups=other)),
            ("sample_weight", lambda: fastlasso.post_lasso(X, y, sample_weight=other + 1))]


@pytest.mark.parametrize("k", range(10))
def test_entry_points_refuse_another_index(table, k):
    name, call = of_another_index(table)[k]
    with pytest.raises(ValueError, match=f"^{name} has another index than X"):
        call()


def test_inference_takes_penalty_factors_by_name_and_sparse_frames(table):
    X, y = table
    by_name = fastlasso.post_lasso(X, y, penalty_factor={"f": 0.0})
    by_place = fastlasso.post_lasso(X, y, penalty_factor=[1, 1, 1, 1, 1, 0])
    np.testing.assert_array_equal(by_name.coef, by_place.coef)
    assert 5 in by_name.support
    few = X.where(X > 1, 0.0)
    stays = fastlasso.plugin_alpha(few.astype(pd.SparseDtype(float, 0.0)), y)
    assert stays.alpha == fastlasso.plugin_alpha(sparse.csc_array(few.to_numpy()), y).alpha


def test_text_is_named_with_the_way_out(table):
    X, y = table
    with pytest.raises(ValueError, match="column 'q' of X holds values that are not numbers"):
        fastlasso.Lasso().fit(X.assign(q="x"), y)
    for model in (fastlasso.Lasso(), fastlasso.LassoCV(), fastlasso.HuberLasso()):
        with pytest.raises(ValueError, match=r"y must be numbers, got text such as 'no'.*LogisticRegression"):
            model.fit(X, np.where(np.arange(60) % 2, "yes", "no"))


def test_tab_completion_leaves_out_what_is_no_verb_for_users(table):
    path = fastlasso.fit_path(*table, alphas=3)
    shown = {name for name in dir(path) if name[0] != "_"}
    assert shown >= {"at", "coefficients", "plot", "predict", "save", "select", "summary", "to_frame", "alphas", "gaps"}
    assert not shown & {"remember", "restored", "note_limit", "note_seconds", "check_extras", "extra_facts", "kinds"}
    assert not {"claim", "mixed", "moved", "with_options"} & set(dir(path[0]))


@pytest.mark.parametrize("load", [load_diabetes, load_debian_words])
def test_data_sets_show_themselves_briefly(load):
    data = load()
    assert len(repr(data)) < 200
    html = data._repr_html_()
    assert len(html) < 1500
    assert str(data.feature_names[0]) in html
    assert sparse.issparse(data.X) == ("csr" in html)
