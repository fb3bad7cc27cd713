"""A sample of the random problems of `fuzz.py`; the whole of them is one documented command."""

import os
import signal
import subprocess
import sys
import time
from copy import copy
from functools import partial
from pathlib import Path

import fuzz
import numpy as np
import pytest

from fastlasso.parallel import available_cores
from fastlasso.solver.gram_form import GramForm
from fastlasso.ways import ways

SAMPLE, CHUNK = 2000, 100       # problems, about 5 ms each


@pytest.mark.parametrize("start", range(0, SAMPLE, CHUNK))
def test_random_problems_are_solved_as_promised(start):
    violations, *_ = fuzz.outcomes(range(start, start + CHUNK))
    assert not violations


@pytest.mark.parametrize("start", [
    fuzz.STRUCTURED_FROM, fuzz.LOSSES_FROM, fuzz.STRUCTURED_FROM + fuzz.SMALL_AFTER,
    fuzz.LOSSES_FROM + fuzz.SMALL_AFTER, fuzz.ABSENT_FROM, fuzz.ABSENT_FROM + fuzz.LOSSES_FROM + fuzz.SMALL_AFTER],
    ids=["structured", "losses", "small structured", "small losses", "absent columns", "absent columns, losses"])
def test_structured_problems_and_other_losses_are_solved_as_promised(start):
    violations, *_ = fuzz.outcomes(range(start, start + CHUNK))
    assert not violations


@pytest.mark.slow
def test_a_million_random_problems_are_solved_as_promised(capsys):
    with capsys.disabled():
        assert fuzz.run(1_000_000, available_cores(), 0, partial(print, flush=True)) == 0


ONCE_VIOLATIONS = {
    "descent left coefficients of 1e96 on columns of scales 1e-6 to 1e6": [2008350],
    "descent ran out of epochs: the gap was the one from before its last Newton step": [3006971, 3006972],
    "columns pulled away from their only bound were taken one by one, not jointly": [
        2003433, 4021200, 4029114, 9001609, 10000468, 10003824, 10010194, 10025683],
    "what the step on unpenalised columns does to the correlations of the others was left out": [
        4004493, 4022425, 4026102, 4035829, 5002611, 10010803, 10024876, 10028782],
    "the rank of unpenalised columns of scales 1e-6 to 1e6 was told in their units": [4019023],
    "a residual off centre by rounding, times means of 1e5": [10000693],
    "one column of mean 1e10 standard deviations made directions of the others count as rounding": [20026837],
    "a fold's sums gave columns that are constant there a variance": [10624177, 10670395, 10673496],
    "no column had to do with y: all alphas were zero, and gaps not a number": [10305475],
    "b + (bound - b) is beside the bound where b is 1e12": [1795275549128],
    "sweeps over sparse columns of mean 1e11 standard deviations blew up to 1e167": [11791926],
    "the image of a direction of eigenvalue zero was that of another, by rounding": [10773827, 11603167],
    "a column varied by 7e-15 of its size, which was taken for rounding": [11136630],
    "the weight of a fold was the difference of two large ones": [11244510],
    "the rank of a fold's unpenalised columns was told as if no sums had been subtracted": [15372893, 15476225],
    "coefficients of 5e10 on columns of mean 1e5: rounding of the intercept cost more than the gap": [15488010],
    "alpha 0: what light rows had of a direction was taken for rounding of the heavy ones": [11574338, 11949479],
    "a released column was parked, and its copy went beyond its bound": [15000000000344],
    "coefficients of 1e13: rounding of the means was left out of that of the intercept": [
        15000000000439, 15000000003770, 15000000004870],
    "columns that differ by more than rounding, and by less than its bound, were taken to depend at alpha 0": [
        15000000025760, 15000000049661, 15000000158548],
    "the directions of small singular values were taken for exact at alpha 0": [15000000058691],
    "rounding of X b was left out of the objective at alpha 0, with coefficients of 1e12": [15000000058767],
    "a column constant but for rounding made all others count as rounding at alpha 0": [15000000138192],
    "columns that vary by little more than rounding, and coefficients of 1e14: rounding of rows was left out": [
        15000000124470, 15000000142951, 15000000159171, 15000000181694],
    "sums about a value of a row without weight had lost the digits of a column": [15000000198353, 15000000214744],
    "on the way to alpha 0 steps became smaller as fast as alpha did, without end": [15000000891965],
    "the variance of a column absent only from a row of tiny weight was a difference of 4 digits": [15000005000195],
    "free columns beside a ridge part: Newton's method on the rows, which does not apply, was to cost less": [10310867],
    "columns found missing on the way left a swept working set again, without end": [10411449],
    "each alpha of a model without a minimum had descent wait as long as the first, for 2 to 6 s": [10401477],
}


@pytest.mark.parametrize("seed", [seed for seeds in ONCE_VIOLATIONS.values() for seed in seeds])
def test_problems_that_were_once_violations(seed):
    assert fuzz.outcome(seed, way="usual")[0] == []


ONCE_UNCERTIFIED = {
    "sweeps led nowhere on columns of mean 1e5": [8001633, 8007635],
    "at alpha 0 a step ended where a coefficient changed its sign": [8002223, 8017598],
    "a step ended at the first of many tiny coefficients": [8000102, 8008166],
}


def test_the_judge_bears_columns_of_a_face_that_depend_on_each_other():
    """X is far from the origin: from the rounded residual itself, 60 digits prove a fifth less than was claimed."""
    assert fuzz.outcome(11558085, way="working set")[0] == []


def test_the_judge_does_not_project_near_copies_with_one_bound_out_together():
    """What lies in their difference of 1e-12 went with them: it proved a gap of 1e-3 where there is one of 1e-16."""
    assert fuzz.outcome(15000001096749, way="sweeps")[0] == []


def test_the_judge_pushes_the_dual_point_to_where_near_copies_are_feasible():
    """At alpha 1.8e-13 five copies are beyond it by .5 %: multiples prove 3e-8, and the true distance is some 1e-15."""
    assert fuzz.outcome(15000005349902, way="usual")[0] == []


@pytest.mark.parametrize("seed", [15000010760672, 15000011103989])
def test_solver_and_judge_agree_on_which_columns_are_constant(seed):
    """Standard deviations of 4.000 and 4.009 times 2^-52 of the mean. Solver and judge had two limits."""
    assert fuzz.outcome(seed, way="working set")[0] == []


def test_rounding_of_scores_counts_as_exponentials_do():
    """Scores of 1e18 are rounded by 300, and a mean of exp(score) by a factor of e^300: the gap counted its square."""
    assert fuzz.outcome(20000018123144, way="sweeps")[0] == []


def test_the_judge_has_digits_enough_for_an_alpha_of_1e_154():
    """With 60 digits X'r of a fold's exact solution was 1e-61 in place of 1e-170, and the best dual point seemed 0."""
    assert fuzz.outcome(15000002043332, way="usual")[0] == []


def test_columns_far_from_the_origin_are_read_through_centred_copies():
    """Of mean 1e14 deviations: rounding hid that a column enters, and a gap of 0 was claimed for the empty model."""
    assert fuzz.outcome(15000000511241, way="sweeps")[0] == []


def test_sweeps_that_blow_up_to_nan_leave_the_best_they_had():
    """Columns of mean 1e11 standard deviations: the largest move of NaN is none, which ended the sweeps there."""
    assert fuzz.outcome(50000284, way="sweeps")[0] == []


@pytest.mark.parametrize("seed", [seed for seeds in ONCE_UNCERTIFIED.values() for seed in seeds])
def test_problems_that_were_once_not_solved(seed):
    violations, _, uncertified = fuzz.outcome(seed, way="usual")
    assert (violations, uncertified) == ([], 0)


def test_a_dual_point_that_proves_little_is_no_violation():
    """In 60 digits 20007891 is 1.6e-15 from its optimum; multiples of its own residual prove 1.5e-8, its claim is 1e-8.
    """
    assert fuzz.outcome(20007891, way="usual")[0] == []


def test_the_judges_know_columns_that_are_clear_of_two_bounds():
    """11603647 at alpha 0: `verify` and the 60 digits left such a column in the dual point, at 800 times its gap."""
    assert fuzz.outcome(11603647, way="usual")[0] == []


def test_a_constant_column_has_no_deviation_in_60_digits_either():
    """10027867, standardised: its constant column had one of 1e-39 there, and entered at alpha 0."""
    assert fuzz.outcome(10027867, way="usual")[0] == []


def test_a_dense_stretch_of_knots_is_left_in_longer_steps():
    """The path of 30000453 took 20 s as long as steps of alpha that had once shrunk never grew again; now 0.02 s."""
    before = time.process_time()
    fuzz.outcome(30000453, way="usual")
    assert time.process_time() - before < 2


def test_problems_are_functions_of_their_seed_and_reach_everything():
    cases = [fuzz.random_case(seed) for seed in range(300)]
    again = fuzz.random_case(7)
    assert again.call == cases[7].call
    np.testing.assert_array_equal(again.A, cases[7].A)
    assert {case.call for case in cases} == set(fuzz.CALLS)
    assert {name for case in cases for name in case.options} == {
        "l1_ratio", "fit_intercept", "standardize", "sample_weight", "offset", "penalty_factor", "lower", "upper"}


@pytest.mark.parametrize("seed", [
    pytest.param(fuzz.LOSSES_FROM + 2299, id="a Gram matrix got the last of several columns that had joined"),
    pytest.param(fuzz.LOSSES_FROM + 1483, id="rounding of scores far from zero cost more than the gap"),
    pytest.param(fuzz.LOSSES_FROM + 41, id="steps went on while P itself was below the gap asked for"),
    pytest.param(25000000030006, id="a column constant but for its last digits: theta had other products than claimed"),
    pytest.param(25000000052247, id="scores far along a line were not those of their coefficients"),
    pytest.param(25000000125499, id="sweeps began from an extrapolated point beyond its bounds, and went back to it"),
    pytest.param(20000021001372, id="a score of 394 in a row of weight zero made the norm of theta NaN"),
    pytest.param(20000022149826, id="free columns outside the working set, near copies: cosines of 3e-9 counted as 0"),
    pytest.param(20000023013045, id="columns pulled away from their only bound were taken one by one, not jointly"),
    pytest.param(20000022145726, id="scores whose rounding is e^300 and more: P overflows, and no gap is claimed"),
    pytest.param(20000021112672, id="a column is constant but for rounding as a dense one alone: the judge saw NaN"),
])
def test_once_violations_of_other_losses(seed):
    assert fuzz.outcome(seed)[0] == []


def test_seeds_say_what_is_drawn():
    assert not fuzz.is_small(fuzz.LOSSES_FROM)
    assert fuzz.is_small(fuzz.LOSSES_FROM + fuzz.SMALL_AFTER)
    assert max(max(fuzz.random_case(fuzz.LOSSES_FROM + fuzz.SMALL_AFTER + k).A.shape) for k in range(60)) == 30
    structured, losses = (list(map(fuzz.random_case, range(start, start + 60)))
                          for start in (fuzz.STRUCTURED_FROM, fuzz.LOSSES_FROM))
    assert not any("loss" in case.options for case in structured)
    assert len({getattr(case.options["loss"], "name", case.options["loss"]) for case in losses}) == 7


def test_a_problem_that_takes_longer_than_its_twin_is_a_violation(monkeypatch):
    monkeypatch.setattr(fuzz, "SLOW", 0.0)
    case = a_case()
    monkeypatch.setattr(fuzz, "seconds_of", lambda which, way: 21.0 if which is case else 1.0)
    assert [text for text in fuzz.too_slow(case, "usual") if "its twin" in text]
    monkeypatch.setattr(fuzz, "seconds_of", lambda which, way: 19.0 if which is case else 1.0)
    assert not list(fuzz.too_slow(case, "usual"))


def test_every_way_is_gone_and_left_again():
    assert {fuzz.random_way(seed) for seed in range(100)} == set(fuzz.WAYS)
    for limits in fuzz.WAYS.values():
        before = ways()
        with fuzz.going(**limits):
            assert {name: getattr(ways(), name) for name in limits} == limits
        assert ways() == before


def a_case():
    return next(case for case in map(fuzz.random_case, range(100)) if case.call == "fit" and case.how["share"] == 0.1)


def spoiled(solution, **changes):
    return type(solution)(**{**{name: getattr(solution, name) for name in solution.__dataclass_fields__}, **changes})


def test_the_judge_sees_what_is_wrong():
    case = a_case()
    (solution, options), = fuzz.solved(case)
    judgement = partial(fuzz.judgement, case.A, case.X, case.y, options=options)
    assert judgement(solution) is None
    moved = spoiled(solution, coef=solution.coef + 1e3)
    assert "gap" in judgement(moved)
    assert judgement(spoiled(moved, gap=1e9)) is None        # poor, and honestly so
    assert judgement(spoiled(solution, coef=solution.coef * np.nan)) == "not finite"


def test_what_goes_wrong_is_a_violation(monkeypatch):
    seed = next(s for s in range(100) if fuzz.random_case(s).call == "fit")
    honest = fuzz.fit
    monkeypatch.setattr(fuzz, "fit", lambda *args, **kwargs: spoiled(honest(*args, **kwargs), gap=1e9))
    (found,), _, uncertified = fuzz.outcome(seed)
    assert "no warning" in found
    assert uncertified == 1
    monkeypatch.setattr(fuzz, "fit", lambda *args, **kwargs: 1 / 0)
    (found,), *_ = fuzz.outcome(seed)
    assert "ZeroDivisionError" in found
    said = []
    assert fuzz.run(1, 1, seed, said.append) == 1
    assert f"seed {seed}" in said[0]


@pytest.mark.parametrize("call", fuzz.CALLS)
def test_without_a_judge_only_nan_errors_and_missing_warnings_are_violations(call, monkeypatch):
    seed = next(s for s in range(200) if fuzz.random_case(s).call == call)
    case = fuzz.random_case(seed)
    monkeypatch.setattr(fuzz, "verify", lambda *args, **kwargs: 1 / 0)
    found, solutions, _ = fuzz.outcome_everywhere(seed)
    assert found == []
    assert solutions == fuzz.COPIES * sum(np.size(result.certified) for result, _ in fuzz.results(case))
    honest = fuzz.results
    monkeypatch.setattr(fuzz, "results", lambda case: ((without_number(found), o) for found, o in honest(case)))
    texts = fuzz.outcome_everywhere(seed)[0]
    assert any("not finite" in text for text in texts)
    assert any("no warning" in text for text in texts)
    monkeypatch.setattr(fuzz, "results", lambda case: 1 / 0)
    assert len(fuzz.outcome_everywhere(seed)[0]) == fuzz.COPIES


def without_number(found):
    name = "gaps" if hasattr(found, "gaps") else "gap"
    setattr(copied := copy(found), name, np.nan * getattr(found, name))
    return copied


def test_problems_without_a_judge_go_every_way_on_one_thread_and_on_two(monkeypatch):
    gone = []
    monkeypatch.setattr(fuzz, "examined", lambda case, way, examine: gone.append((way, case.n_threads)) or ([], 0, 0))
    fuzz.outcome_everywhere(5)
    assert set(gone) == {(way, n_threads) for way in fuzz.WAYS for n_threads in (1, 2)}


def crash(seeds, solve):
    os._exit(3)


def test_a_crash_is_a_violation(monkeypatch):
    monkeypatch.setattr(fuzz, "outcomes", crash)
    said = []
    assert fuzz.run(1, 1, 77, said.append) == 1
    assert "crashed on one of the 200 seeds from 77 on" in said[0]


def test_a_run_ends_after_its_time_and_says_how_far_it_came(monkeypatch):
    monkeypatch.setattr(fuzz, "CHUNK", 2)
    monkeypatch.setattr(fuzz.time, "monotonic", iter(range(10_000)).__next__)       # a second passes at each look
    said = []
    assert fuzz.run(1_000_000, 2, 50, said.append, seconds=5) == 0
    problems = int(said[-1].split()[0])
    assert 0 < problems < 20
    assert problems % 2 == 0
    assert f"{problems} problems from seed 50" in said[-1]


@pytest.mark.parametrize("judge", [[], ["--solve-only"], ["--seconds", "1000"]], ids=" ".join)
def test_the_command(tmp_path, judge):
    command = [sys.executable, str(Path(fuzz.__file__)), "--count", "20", "--seed", "3", *judge]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "20 problems from seed 3" in run.stdout


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows cannot end it")
def test_a_problem_without_end_is_ended_and_a_violation(monkeypatch):
    def endless(case):
        while True:
            yield None, 1, 0

    monkeypatch.setattr(fuzz, "ENDLESS", 0.05)
    found, solutions, _ = fuzz.examined(fuzz.random_case(0), "usual", endless)
    assert "TimeoutError: no end after 0.05 s" in found[0]
    assert solutions > 0


@pytest.mark.parametrize(("seed", "most"), [
    pytest.param(25000000001203, 100, id="nearly separated: c - H b, with entries of 1e11, cannot tell gaps of 1e-3"),
    pytest.param(20000000011923, 300, id="the same, larger"),
    pytest.param(20000021049229, 80, id="columns of mean 1e5: rounding leaves models of a Huber loss no minimum"),
])
def test_descent_ends_where_rounding_is_all_that_is_left(monkeypatch, seed, most):
    """Series of Newton steps: it took 541, 2,458 and 256."""
    steps, take = [], GramForm._newton
    monkeypatch.setattr(GramForm, "_newton", lambda form, alpha, b: (steps.append(alpha), take(form, alpha, b)))
    list(fuzz.solved(fuzz.random_case(seed)))
    assert 0 < len(steps) < most
