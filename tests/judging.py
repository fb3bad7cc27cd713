"""The one judge of the tests: a solution must keep its promise, and its claimed gap must be the true one.

It knows the certificate (`fastlasso.verify`) and not the engine. `tests/fuzz.py` judges random problems in more digits.
"""

import pytest

from fastlasso import LassoPath, verify

# Of P(0): how far rounding may take a claimed gap from the true one.
ROUNDING = 1e-9


def solutions(result, indices=None):
    """The solutions of a path (all, or some) or the one fit, as `LassoFit`s."""
    if not isinstance(result, LassoPath):
        return [result]
    return [result.fit_at(k) for k in (range(len(result)) if indices is None else indices)]


def holds_its_claim(true, gap):
    """Assert that a claimed gap is no smaller than the true one."""
    null = true.null_objective
    assert true.gap <= 1.02 * gap + ROUNDING * null, f"claimed {gap / null:.3g}, true {true.relative_gap:.3g}"


def judged(X, y, solution, tight=True, **options):
    """Assert that a solution is certified, and claims what is true; return its certificate.

    `tight` asks as well that it claims no more than twice the true gap: `verify` finds the best dual scale.
    """
    true = verify(X, y, solution.coef, solution.intercept, alpha=solution.alpha, **options)
    null, slack = true.null_objective, ROUNDING * true.null_objective
    assert solution.certified, f"alpha={solution.alpha}: gap {solution.gap / null:.3g} P(0) is not {solution.tol}"
    assert solution.null_objective == pytest.approx(null, rel=1e-9)
    assert true.gap <= solution.tol * null + slack, f"alpha={solution.alpha}: the true gap is {true.relative_gap:.3g}"
    holds_its_claim(true, solution.gap)
    if tight:
        assert solution.gap <= 2 * true.gap + slack, f"claimed {solution.gap / null:.3g}, true {true.relative_gap:.3g}"
    return true
