"""A newcomer's loss, in this one file with its twin for the judge: it keeps what the shipped ones keep.

The pseudo-Huber loss of the residual r = y - eta (Charbonnier et al. 1997, IEEE Trans. Image Process. 6(2)):

    f = delta^2 (sqrt(1 + (r / delta)^2) - 1),      f* + r theta from the r at which f' = theta
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import loss_contract as contract
import numpy as np
import pytest
from loss_contract import Case

from fastlasso import cross_validate_path, fit_path
from fastlasso.judge.registry import register
from fastlasso.losses.base import Loss, numbers
from fastlasso.losses.risk import Risk
from fastlasso.parallel import Pool


@dataclass(frozen=True)
class PseudoHuber(Loss):
    """f = delta^2 (sqrt(1 + (r / delta)^2) - 1), r = y - eta."""

    delta: float = 1.0
    name: ClassVar[str] = "pseudo_huber"
    smoothness: ClassVar[float] = 1.0

    def target(self, y, weights):
        return numbers(y, self.name), None

    def start(self, y, weights):
        return float(np.median(y))

    def mean(self, eta):
        return eta

    def deviance(self, eta, y):
        r = y - eta
        return r * r / (1 + np.sqrt(1 + (r / self.delta) ** 2))

    def local(self, eta, y):
        r = y - eta
        root = np.sqrt(1 + (r / self.delta) ** 2)
        return r / root, root**-3.0

    def slack(self, eta, y, theta):
        """f(r) - f(s) - theta (r - s), with s the residual whose slope is theta; a difference without cancellation.

        With u = r / delta, v = s / delta and R, S their roots it is delta^2 (u - v)^2 / (S (R S + u v + 1)).
        """
        inside = np.abs(theta) < self.delta
        t = np.where(inside, theta, 0.0) / self.delta
        v, u = t / np.sqrt(1 - t * t), (y - eta) / self.delta
        R, S = np.sqrt(1 + u * u), np.sqrt(1 + v * v)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = self.delta**2 * (u - v) ** 2 / (S * (R * S + u * v + 1))
        return np.where(inside, value, np.inf)


@dataclass(frozen=True)
class Twin:
    """The same for the judge, written apart."""

    delta: float
    name: ClassVar[str] = "pseudo_huber"

    @property
    def width(self):
        return self.delta

    def target(self, y, weight):
        return np.asarray(y, dtype=float)

    def residual(self, y, eta):
        return (y - eta) / np.hypot(1, (y - eta) / self.delta)

    def terms(self, y, eta):
        return np.minimum(np.abs(y) + np.abs(eta), self.delta)

    def curvature(self, y, eta):
        return np.hypot(1, (y - eta) / self.delta) ** -3

    def domain(self, y):
        return np.full_like(y, -self.delta), np.full_like(y, self.delta)

    def value(self, y, eta):
        r = y - eta
        return r**2 / (1 + np.hypot(1, r / self.delta))

    def slack(self, y, eta, change):
        edge = self.delta * (1 - 1e-12)
        theta = np.clip(self.residual(y, eta) - change, -edge, edge) / self.delta
        u, v = (y - eta) / self.delta, theta / np.sqrt((1 - theta) * (1 + theta))
        R, S = np.hypot(1, u), np.hypot(1, v)
        return self.delta**2 * (u - v) ** 2 / (S * (R * S + u * v + 1))

    def spread(self, q, y, eta, change, gap):
        return 2 * q


register("pseudo_huber", Twin)
CASE = Case(PseudoHuber(0.7), PseudoHuber(0.7), (-2.0, 0.4),
            lambda rng, eta: eta + 0.5 * rng.standard_t(2, len(eta)))


@pytest.mark.parametrize("law", [
    contract.derivative_is_minus_the_residual, contract.curvature_is_the_second_derivative,
    contract.deviance_is_zero_at_its_least, contract.slack_bounds_the_conjugate, contract.slack_of_zero_is_the_deviance,
    contract.first_alpha_leaves_the_empty_model, contract.repeated_rows_are_weights,
    contract.results_do_not_depend_on_threads, contract.folds_are_fits_of_their_rows], ids=lambda law: law.__name__)
def test_laws(law):
    law(CASE)


@pytest.mark.parametrize("options", contract.OPTIONS)
def test_paths_are_certified(options):
    contract.path_is_certified_by_the_judge(CASE, options, "F")


def test_the_name_serves_too():
    X, y, _ = contract.problem(CASE, "plain")
    by_name, by_object = (fit_path(X, y, loss=loss, alphas=5) for loss in ("pseudo_huber", PseudoHuber()))
    np.testing.assert_array_equal(by_name.values, by_object.values)
    assert cross_validate_path(X, y, loss="pseudo_huber", cv=3, alphas=5).path.certified.all()


def test_files(tmp_path):
    contract.path_survives_a_file(CASE, tmp_path)


@dataclass(frozen=True)
class Shaped(PseudoHuber):
    """The same with deviances of another shape or type."""

    shaped: Callable = np.asarray
    name: ClassVar[str] = "shaped"

    def deviance(self, eta, y):
        return self.shaped(super().deviance(eta, y))


@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_one_number_for_each_sample(weighted):
    y, n = np.linspace(-3, 2, 20_000), 20_000
    weights = np.full(n, 1 / n) if weighted else None

    def mean(shaped):
        with Pool(2) as pool:
            return Risk(Shaped(shaped=shaped), y, None, None, weights, True).mean_deviance(np.zeros(n), pool)

    expected = PseudoHuber().deviance(np.zeros(n), y).mean()
    np.testing.assert_allclose(mean(np.asarray), expected, rtol=1e-13)
    np.testing.assert_allclose(mean(lambda values: np.repeat(values, 2)[::2]), expected, rtol=1e-13)
    np.testing.assert_allclose(mean(np.float32), expected, rtol=1e-8)
    np.testing.assert_allclose(mean(lambda values: 0.5), 0.5, rtol=1e-13)
    with pytest.raises(ValueError, match="broadcast"):
        mean(lambda values: values[:5])
