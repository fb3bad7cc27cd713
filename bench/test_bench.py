"""Tests of the harness: the referee, the judge of curves, the rules, and a run, a report and a comparison in small."""
import json
import math
import pathlib
import re
import shutil
import sys

import numpy as np
import pytest
import scipy.sparse

import fastlasso
from fastlasso.reference import coordinate_descent

from . import cases, compare, cv, data, real, referee, report, rivals, runner, structures
from .__main__ import main

SMALL = cases.Case("small", n_samples=60, n_features=20, n_true=5, rho=0.5, fractions=(10, 1e-2))
LOGIT = cases.dataclasses.replace(SMALL, name="logit", group="losses", loss="log_loss", snr=1.0)
POISSON = cases.dataclasses.replace(SMALL, name="poisson", group="losses", loss="poisson", snr=0.7)
HERE = pathlib.Path(fastlasso.__file__).parent.parent


@pytest.fixture(scope="module")
def problem():
    """X, y and alphas of a small case."""
    X, y = data.make(SMALL)
    return X, y, cases.alpha_grid(X, y, SMALL.fractions)


@pytest.fixture
def small_cases(monkeypatch):
    """Put a path and a cross-validation of the small problem, one of them growing, in place of the real cases."""
    chosen = (SMALL, LOGIT, cases.dataclasses.replace(LOGIT, name="logit-cv", folds=3),
              cases.dataclasses.replace(SMALL, name="small-cv", group="cv", folds=3),
              cases.dataclasses.replace(SMALL, name="easy", kind="easy-dense", group="structures"),
              cases.dataclasses.replace(SMALL, name="copies", kind="copies", group="structures", twin="easy",
                                        upper=0.5),
              cases.dataclasses.replace(SMALL, name="grown", group="scaling", axis="n", at=60))
    monkeypatch.setattr(cases, "CASES", {case.name: case for case in chosen})
    monkeypatch.setattr(runner.machine, "speeds", lambda threads: {"bytes_per_second": 1e10,
                                                                   "syrk_flops_per_second": 1e10})


def test_referee_agrees_with_a_known_gap(problem):
    """At b = 0 and alpha < alpha_max the gap is known in closed form: (1 - alpha / alpha_max)^2."""
    X, y, _ = problem
    shares = np.array([1.0, 0.5, 0.1])
    gaps = referee.relative_gaps(X, y, np.zeros((X.shape[1], 3)), np.full(3, y.mean()), cases.alpha_max(X, y) * shares)
    np.testing.assert_allclose(gaps, (1 - shares) ** 2, atol=1e-12)


def test_referee_sees_a_wrong_intercept(problem):
    """An intercept that is off by d adds d^2 / 2 to the objective."""
    X, y, alphas = problem
    off = referee.relative_gaps(X, y, np.zeros((X.shape[1], 1)), np.array([y.mean() + 0.1]), alphas[:1])
    np.testing.assert_allclose(off, 0.1**2 / y.var(), rtol=1e-9)


def test_both_referees_see_one_wrong_coefficient(problem):
    X, y, alphas = problem
    path = fastlasso.fit_path(X, y, alphas=alphas, tol=1e-12)
    coefs = path.coefs.toarray()
    good = referee.judge(X, y, coefs, path.intercepts, alphas)
    coefs[0, 7] += 0.01
    bad = referee.judge(X, y, coefs, path.intercepts, alphas)
    assert max(good["gap"], good["gap_verify"]) < 1e-12
    assert bad["gap"] > 1e-6
    assert bad["gap_verify"] == pytest.approx(bad["gap"], rel=1e-6)


@pytest.mark.parametrize("case", [LOGIT, POISSON], ids=lambda case: case.loss)
def test_referee_of_losses_knows_the_empty_model(case):
    """At alpha_max and b = 0 the gap is 0; below it the residual, scaled down, leaves one."""
    X, y = data.make(case)
    shares = np.array([1.0, 0.5])
    link = referee.LOSSES[case.loss].link(y.mean())
    gaps, values, null = referee.of_loss(case.loss, X, y, np.zeros((X.shape[1], 2)), np.full(2, link),
                                         cases.alpha_max(X, y) * shares)
    np.testing.assert_allclose(values, null)
    assert abs(gaps[0]) < 1e-12
    assert gaps[1] > 1e-3


@pytest.mark.parametrize("case", [LOGIT, POISSON], ids=lambda case: case.loss)
def test_referee_of_losses_never_calls_a_gap_smaller_than_the_distance(case):
    X, y = data.make(case)
    alphas = cases.alpha_grid(X, y, case.fractions)
    best, loose = (fastlasso.fit_path(X, y, loss=case.loss, alphas=alphas, tol=tol) for tol in (1e-11, 1e-3))
    optimum = referee.of_loss(case.loss, X, y, best.coefs, best.intercepts, alphas)[1]
    claimed = loose.gaps / loose.null_objective
    said = referee.judge_of_loss(case.loss, optimum, X, y, loose.coefs, loose.intercepts, alphas, claimed.tolist())
    assert 0 <= said["suboptimality"] <= min(said["gap"], claimed.max())
    assert said["gap_verify"] <= 1e-3
    assert said["overclaimed"] <= 1e-12
    claimed[:] = -1e-9
    false = referee.judge_of_loss(case.loss, optimum, X, y, loose.coefs, loose.intercepts, alphas, claimed.tolist())
    assert report._overclaims(false)


def test_classes_and_counts_are_drawn():
    assert set(np.unique(data.make(LOGIT)[1])) == {0.0, 1.0}
    counts = data.make(POISSON)[1]
    assert (counts == np.floor(counts)).all()
    assert len(np.unique(counts)) > 3


def test_reference_curve_is_that_of_plain_coordinate_descent(problem):
    X, y, alphas = problem
    splits = cases.splits(cases.fold_ids(len(y), 3))
    curve, gap = cv.reference(X, y, alphas, splits)
    plain = np.zeros(len(alphas))
    for train, test in splits:
        for k, alpha in enumerate(alphas):
            coef, intercept, _ = coordinate_descent(X[train], y[train], alpha, tol=1e-12)
            plain[k] += np.mean((y[test] - intercept - X[test] @ coef) ** 2) / 3
    assert gap < 1e-10
    np.testing.assert_allclose(curve, plain, rtol=1e-4)


def test_a_curve_that_is_off_is_judged_so():
    curve, alphas = np.array([4.0, 2.0, 1.0, 3.0]), np.array([8.0, 4.0, 2.0, 1.0])
    assert cv.judge(curve, curve, alphas) == {"curve_error": 0.0, "chosen": 2.0, "chosen_reference": 2.0, "regret": 0.0}
    found = cv.judge(curve + np.array([0, -1.5, 0, 0]), curve, alphas)
    assert found["curve_error"] == 1.5 / 4
    assert (found["chosen"], found["regret"]) == (4.0, 1.0)


def test_folds_hold_every_row_out_once():
    ids = cases.fold_ids(103, 5)
    assert sorted(np.bincount(ids)) == [20, 20, 21, 21, 21]
    for train, test in cases.splits(ids):
        assert sorted([*train, *test]) == list(range(103))


def test_one_hot_counts_each_label_once():
    X = real.one_hot(real.codes(["b", "a", "b"]), real.codes([1, 1, 2], ["x", "y", "x"]))
    assert X.toarray().tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 1, 0], [0, 1, 0, 0, 1]]


def test_every_case_can_be_made():
    kinds = {case.kind for case in cases.CASES.values()}
    assert kinds <= {*data._MAKERS, *real.LOADERS, *structures.MAKERS, "text"}


def test_missing_data_is_named(tmp_path):
    with pytest.raises(cases.CaseAbsent, match="no file"):
        data.make(cases.CASES["text"], tmp_path, str(tmp_path / "absent.npz"))


def test_stored_data_comes_back(tmp_path):
    case = cases.dataclasses.replace(SMALL, kind="sparse", density=0.1)
    X, y = data.make(case)
    folder = data.store(case, tmp_path)
    stored, y_stored = data.load(folder)
    assert isinstance(stored, scipy.sparse.csr_matrix)
    assert (stored != X).nnz == 0
    np.testing.assert_array_equal(y_stored, y)
    assert data.store(case, tmp_path) == folder


@pytest.mark.parametrize("name", rivals.names())
def test_every_rival_describes_itself(name):
    rival = rivals.get(name)
    assert rival.NAME
    assert rival.NOTES
    assert rival.DEFAULT_TOL > 0
    assert callable(rival.path)


def _row(**changes):
    row = {"case": "c", "group": "main", "rival": "other", "name": "other", "kind": "default", "tol": 1e-4,
           "status": "ok", "gap": 1e-5, "gap_verify": 1e-5, "support": 3, "n_alphas": 5, "n_answered": 5,
           "promised": None, "median": 2.0, "limit": 0.5}
    return row | changes


def test_a_broken_promise_is_reported_and_voids_the_ratio():
    mine = _row(rival="fastlasso", name="fastlasso", kind="tight", gap=1e-8, gap_verify=3e-8, promised=1e-9, median=1.0)
    line = report.summary({"c": [mine, _row()]}, {})[2]
    assert "misses the promised 1e-09" in line
    assert "3e-08" in line
    assert "**void**" in line


def test_a_loss_says_so_and_the_limit_is_a_multiple():
    mine = _row(rival="fastlasso", name="fastlasso", kind="tight", gap=1e-12, gap_verify=0.0, promised=1e-9, median=3.0)
    line = report.summary({"c": [mine, _row(), _row(rival="precise", name="precise", gap=1e-7, median=6.0,
                                                    gap_verify=None)]}, {"c": "as promised"})[2]
    assert "**1.5 (slower)**" in line
    assert "precise 6 s" in line
    assert "6 x" in line
    assert "as promised" in line


@pytest.mark.parametrize(("solver", "slope"), [("linear", 1.0), ("root", 1.8)])
def test_the_search_for_a_tolerance_ends_near_the_wanted_gap(solver, slope):
    gap_at = {"linear": lambda tol: tol / 3, "root": lambda tol: 0.3 * tol**0.5}[solver]
    miss, hit = {"tol": 1e-4, "gap": gap_at(1e-4)}, None
    for _ in range(runner.TRIES):
        tol = runner._next_tol(miss, hit, 1e-6, slope, lambda row: row["gap"])
        row = {"tol": tol, "gap": gap_at(tol)}
        hit, miss = (row, miss) if row["gap"] <= 1e-6 else (hit, row)
        if hit and hit["gap"] >= 1e-6 / runner.TOO_FAR:
            break
    assert 1e-6 / runner.TOO_FAR <= hit["gap"] <= 1e-6


def test_interval_of_the_median_is_that_of_the_sign_test():
    """Of 7 values the ends are the 1st and the last (level 98.4 %), of 20 the 6th and the 15th (95.9 %)."""
    assert compare.interval(list(range(1, 8))) == (1, 7)
    assert compare.interval(list(range(1, 21))) == (6, 15)
    assert compare.interval([1.0, 1.0]) == (0.0, math.inf)


@pytest.mark.parametrize(("ratios", "is_decided", "is_slower"), [
    ([1.0, 1.01, 0.99, 1.02, 1.0, 0.98, 1.1], True, False),
    ([1.3, 1.31, 1.29, 1.4, 1.25, 1.3, 1.2], True, True),
    ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0], False, False),
    ([1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.0], False, True),
])
def test_rule_of_comparison(ratios, is_decided, is_slower):
    assert (compare.decided(ratios), compare.slower(ratios)) == (is_decided, is_slower)


class Options:
    """Options of a comparison in small."""

    threads, text, most_pairs = 1, None, compare.FEWEST_PAIRS


def _delayed_copy(folder):
    """Copy the package and make `fit_path` wait 20 ms."""
    shutil.copytree(HERE / "fastlasso", folder / "fastlasso")
    with open(folder / "fastlasso" / "__init__.py", "a") as file:
        file.write("\nimport time\n_fit_path = fit_path\n\n\ndef fit_path(*given, **named):\n    time.sleep(0.02)\n"
                   "    return _fit_path(*given, **named)\n")
    return folder


@pytest.mark.parametrize("delayed", [False, True])
def test_compare_finds_a_delay_and_only_that(tmp_path, delayed):
    head = _delayed_copy(tmp_path) if delayed else HERE
    said = []
    found = compare.Comparison({"base": HERE, "head": head}, tmp_path / "cache", Options, said.append)
    assert found.case(SMALL) is not delayed
    assert ("SLOWER (wall" in said[0]) is delayed


def test_a_commit_that_is_not_there_is_no_slowdown(tmp_path, capsys):
    assert main(["compare", "no-such-commit", "HEAD", "--folder", str(tmp_path)]) == 2
    assert "no-such-commit" in capsys.readouterr().err


def test_run_and_report_in_small(tmp_path, small_cases, capsys):
    out, page, images = tmp_path / "bench.json", tmp_path / "page.md", tmp_path / "images"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    common = ["--rival", "fastlasso", "--rival", "fista", "--env", f"all={sys.executable}", "--folder", str(tmp_path)]
    assert main(["run", *common, "--repeat", "1", "--patience", "0", "--threads", "1", "--out", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert {(row["case"], row["rival"], row["kind"]) for row in rows if row["status"] == "ok"} == {
        ("small", "fastlasso", "default"), ("small", "fastlasso", "tight"), ("small", "fastlasso", "match"),
        ("small", "fista", "default"), ("small", "fista", "tight"), ("grown", "fastlasso", "default"),
        ("small-cv", "fastlasso", "default"), ("logit", "fastlasso", "default"), ("logit", "fastlasso", "tight"),
        ("logit-cv", "fastlasso", "default"), ("easy", "fastlasso", "default"), ("copies", "fastlasso", "default"),
    }
    assert not any(report._misses(row) or report._overclaims(row) for row in rows)
    assert all(row["curve_error"] < (1e-5 if row["group"] == "cv" else 2e-2) for row in rows if row["folds"])
    assert main(["report", str(out), "--out", str(tmp_path / "report.md"), "--images", str(images), "--into",
                 str(page)]) == 0
    assert sorted(file.name for file in images.iterdir()) == ["gaps.png", "ratios.png", "scaling.png", "structures.png"]
    text = page.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n")
    assert text.endswith(f"{report.END}\nafter\n")
    assert "old" not in text
    assert "| small | " in text
    assert "| small-cv | " in text
    assert "| logit | " in text
    assert "](images/structures.png)" in text
    assert re.search(r"\| copies \| .* @.* \| [0-9.]+ x \|", text)
    assert "| logit-cv | " in text
    assert "FISTA" in (tmp_path / "report.md").read_text()
    assert "small-cv" in capsys.readouterr().err


def test_report_refuses_a_page_without_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing to replace\n")
    with pytest.raises(ValueError, match="no lines"):
        report.insert({}, page)


STRUCTURED = [case for case in cases.CASES.values() if case.group == "structures"]


def test_structures_are_twenty_and_have_twins():
    assert len([case for case in STRUCTURED if case.twin]) >= 20
    for case in STRUCTURED:
        twin = cases.CASES[case.twin] if case.twin else case
        assert (twin.n_samples, twin.n_features) == (case.n_samples, case.n_features)
        assert twin.kind in structures.EASY


@pytest.mark.parametrize("kind", structures.MAKERS)
def test_structures_have_their_shape_and_a_target_that_varies(kind):
    case = cases.Case("small", kind, "structures", n_samples=60, n_features=200)
    X, y = data.make(case)
    assert X.shape == (60, 200)
    assert scipy.sparse.issparse(X) == (kind in structures.SPARSE or kind == "easy-sparse")
    assert np.isfinite(X.sum())
    assert y.std() > 0


@pytest.mark.parametrize("options", [{"l1_ratio": 0.5}, {"upper": 0.05}, {"l1_ratio": 0.8, "upper": 0.05}], ids=str)
def test_referee_judges_elastic_nets_and_bounds(problem, options):
    """At an exact solution its gap is that of verify; what is off by more shows more, and a broken bound everything."""
    X, y, alphas = problem
    path = fastlasso.fit_path(X, y, alphas=alphas, tol=1e-13, **options)
    coefs = path.coefs.toarray()
    good = referee.judge(X, y, coefs, path.intercepts, alphas, **options)
    assert max(good["gap"], good["gap_verify"]) < 1e-11
    bad = referee.judge(X, y, 0.9 * coefs, path.intercepts, alphas, **options)
    assert bad["gap"] > 1e-6
    assert bad["gap_verify"] <= bad["gap"] * (1 + 1e-6)
    if "upper" in options:
        assert coefs.max() == options["upper"]
        assert referee.relative_gaps(X, y, 1.1 * coefs, path.intercepts, alphas, **options).max() == np.inf
