"""Some problems of `oracle_losses.py`, and the oracle itself."""

from dataclasses import replace

import pytest

pytest.importorskip("mpmath")

import oracle_losses as oracle
from mpmath import mp, mpf

from fastlasso.ways import going

N_LOSSES = len(oracle.FORMULAS)
SEEDS = range(2 * N_LOSSES)     # two of each loss: the second goes the ways of large problems
Y = {"log_loss": (0, 1, 0.3), "squared_hinge": (-1, 1), "huber": (-2.5, 0.4), "gamma": (0.1, 3)}


@pytest.mark.parametrize("seed", SEEDS)
def test_no_gap_is_below_the_distance_from_the_minimum(seed):
    with going(**({"small": 0} if seed >= N_LOSSES else {})):
        found = list(oracle.findings(seed, tols=(1e-3, 1e-6)))
    assert [f.true is not None for f in found] == [True] * 2 * oracle.N_ALPHAS
    assert not [f for f in found if f.violations()]


@pytest.mark.parametrize("seed", [3, 11, 14, 25, 35, 234])
def test_no_gap_is_too_small_where_columns_have_no_penalty(seed):
    """Near separation a product X_j'theta of 1e-15 is worth 1e-10 of P(0), where it is not made exact or counted."""
    assert not [f for f in oracle.findings(seed, tols=(1e-3, 1e-6, 1e-11), unpenalised=True) if f.violations()]


@pytest.mark.parametrize("seed", SEEDS[:N_LOSSES])
def test_a_wrong_guess_leads_to_the_same_minimum(seed):
    """From zero, where nothing is known of the faces."""
    name, X, y, options = oracle.random_problem(seed)
    with mp.workdps(oracle.DIGITS):
        problem = oracle.Exact(name, X, y, 0.05, options)
        start = oracle.numbers([0.0] * (1 + X.shape[1]))
        far = oracle.minimum(problem, start)
        near = oracle.minimum(problem, [mp.mpf(float(v)) for v in far])
        assert abs(problem.objective(far) - problem.objective(near)) < mpf(10) ** -40
        assert problem.objective(far) <= problem.objective(start)
        pulls = problem.pulls(far)
        for j in range(len(far)):
            left, right = problem.slopes(far, j)
            assert left - mpf(10) ** -40 <= pulls[j] <= right + mpf(10) ** -40


@pytest.mark.parametrize("name", oracle.FORMULAS)
def test_derivatives_are_those_of_the_formula(name):
    """And half the deviance is 0 at its least where there is one."""
    formula = oracle.FORMULAS[name]
    with mp.workdps(oracle.DIGITS):
        for y in map(mpf, Y.get(name, (0, 0.7, 4))):
            for eta in map(mpf, (-1.7, 0.1, 2.2)):
                value, slope, curvature = formula(y, eta)
                assert value >= 0
                assert mp.almosteq(slope, mp.diff(lambda t, y=y: formula(y, t)[0], eta), 1e-15, 1e-15)
                assert mp.almosteq(curvature, mp.diff(lambda t, y=y: formula(y, t)[1], eta), 1e-15, 1e-15)


@pytest.mark.parametrize(("name", "y", "best"), [
    ("log_loss", 0.3, mp.log(mpf(0.3) / (1 - mpf(0.3)))), ("poisson", 3, mp.log(3)), ("gamma", 3, mp.log(3)),
    ("tweedie", 3, mp.log(3)), ("negative_binomial", 3, mp.log(3)), ("huber", 3, 3), ("squared_hinge", 1, 1)])
def test_half_the_deviance_is_zero_at_its_least(name, y, best):
    value, slope, _ = oracle.FORMULAS[name](mpf(y), mpf(best))
    assert max(abs(value), abs(slope)) < 1e-14


def test_what_is_wrong_is_seen():
    found = next(f for f in oracle.findings(1, tols=(1e-3,)) if f.true > 1e-12 * f.null)
    assert found.violations() == []
    assert replace(found, gap=found.true * mpf(0.99)).violations() == ["gap"]
    assert replace(found, verified=found.true * mpf(0.99)).violations() == ["verify"]
    assert replace(found, true=mpf(-1e-20)).violations() == ["below the minimum"]
    assert "gap" in replace(found, true=mp.inf).violations()
