"""A newcomer's penalty, in this one file: it keeps what the shipped ones keep.

The exponential penalty p(t) = a e (1 - exp(-t / e)) with e = gamma a has the slope p'(t) = a exp(-t / e) (Bradley and
Mangasarian 1998, Feature selection via concave minimization and support vector machines, ICML, eq. 17).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import penalty_contract as contract
import pytest

from fastlasso import LassoPath, ReweightedLasso, cross_validate_reweighted, reweighted_path
from fastlasso.penalties.concave import Concave


@dataclass(frozen=True)
class Exponential(Concave):
    """p(t) = a e (1 - exp(-t / e)) with e = gamma a."""

    gamma: float = 3.0

    def slope(self, t, a):
        return a * np.exp(-t / (self.gamma * a))

    def value(self, t, a):
        return -self.gamma * a * a * np.expm1(-t / (self.gamma * a))


@dataclass(frozen=True)
class Floored(Exponential):
    """The exponential one with a share of the slope that stays: one more parameter."""

    floor: float = 0.1
    most: ClassVar = {"floor": 1.0}

    def slope(self, t, a):
        return self.floor * a + (1 - self.floor) * super().slope(t, a)

    def value(self, t, a):
        return self.floor * a * t + (1 - self.floor) * super().value(t, a)


NAMES = ("exponential", "floored")


@pytest.fixture(params=contract.SHAPES)
def data(request):
    return contract.data_of(request.param)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0.3, 1.0, 4.0])
def test_the_slope_is_the_derivative(name, level):
    contract.slope_is_the_derivative(name, level)


@pytest.mark.parametrize("options", contract.OPTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_every_solution_solves_the_lasso_with_its_own_factors(data, name, options):
    contract.every_solution_solves_its_own_lasso(data, name, options)


@pytest.mark.parametrize("name", NAMES)
def test_no_step_raises_the_objective_by_more_than_its_gap(data, name, monkeypatch):
    contract.no_step_raises_the_objective(data, name, monkeypatch)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_path_comes_back(data, name, tmp_path):
    contract.a_saved_path_comes_back(data, name, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_its_alpha_can_be_chosen(data, name):
    contract.its_alpha_can_be_chosen(data, name)


def test_it_shrinks_large_coefficients_less_than_the_lasso():
    """On orthogonal columns b solves b = u - p'(|b|): at u = 10, alpha = 1 the lasso would give 9."""
    path = reweighted_path(2 * np.eye(4), np.array([20.0, 0.2, -20.0, 0.0]), penalty="exponential", alphas=[1.0],
                           fit_intercept=False)
    b = path.fit_at(0).coef
    np.testing.assert_allclose(b[0], 10 - np.exp(-b[0] / 3), rtol=1e-6)
    np.testing.assert_allclose(b, [b[0], 0, -b[0], 0])


def test_an_instance_serves_as_its_name_does(data, tmp_path):
    """So do its further parameters, which no function takes by name."""
    for one, other in (({"penalty": Exponential(2.0)}, {"penalty": "exponential", "gamma": 2.0}),
                       ({"penalty": Floored(floor=0.1)}, {"penalty": "floored"})):
        ours, theirs = (reweighted_path(*data, alphas=4, eps=0.3, **given) for given in (one, other))
        np.testing.assert_array_equal(ours.coefs.toarray(), theirs.coefs.toarray())
        ours, theirs = (cross_validate_reweighted(*data, cv=3, alphas=3, eps=0.3, **given) for given in (one, other))
        np.testing.assert_array_equal(ours.errors, theirs.errors)
    path = reweighted_path(*data, penalty=Floored(2.0, floor=0.4), alphas=3, eps=0.3)
    path.save(tmp_path / "path.npz")
    assert LassoPath.load(tmp_path / "path.npz").penalty == Floored(2.0, floor=0.4)


@pytest.mark.parametrize(("given", "words"), [
    ({"penalty": Floored(floor=1.5)}, "floor =="), ({"penalty": Exponential(0.0)}, "gamma =="),
    ({"penalty": Exponential(), "gamma": 2.0}, "gamma: belongs"), ({"penalty": Exponential}, "penalty must be one of"),
])
def test_bad_instances_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        reweighted_path(np.eye(3), np.arange(3.0), **given)


def test_parameters_it_does_not_have_are_refused():
    with pytest.raises(ValueError, match="q belongs"):
        reweighted_path(np.eye(3), np.arange(3.0), penalty="exponential", q=0.5)


def test_the_estimator_takes_it(data):
    model = ReweightedLasso(penalty="exponential", alpha=0.3).fit(*data)
    np.testing.assert_allclose(model.coef_, reweighted_path(*data, penalty="exponential", alphas=[0.3]).fit_at(0).coef,
                               atol=1e-6)
