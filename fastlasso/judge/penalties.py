"""The judge's own penalty. It shares no code with `fastlasso.penalties`."""

from dataclasses import dataclass

import numpy as np

from .rounding import QUIET


@dataclass(frozen=True)
class Penalty:
    """h_j(b) = l1_j |b| + l2_j/2 b^2 on [lower_j, upper_j], one entry per column."""

    l1: np.ndarray
    l2: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def take(self, chosen):
        """Return the penalty of the columns `chosen`."""
        return Penalty(self.l1[chosen], self.l2[chosen], self.lower[chosen], self.upper[chosen])

    @property
    def unpenalised(self):
        """Whether nothing but bounds, if even these, keeps b_j from moving."""
        return (self.l1 == 0) & (self.l2 == 0) & (self.lower < self.upper)

    @property
    def dual_constraints(self):
        """Whether c_j <= l1_j, and whether c_j >= -l1_j, constrains the dual: nothing stops b_j on that side."""
        return (self.l2 == 0) & np.isposinf(self.upper), (self.l2 == 0) & np.isneginf(self.lower)

    def contains(self, b):
        """Whether b respects the bounds."""
        return bool(np.all((self.lower <= b) & (b <= self.upper)))

    def value(self, b):
        """h(b), whatever the bounds."""
        return self.l1 * np.abs(b) + 0.5 * self.l2 * b * b

    def maximiser(self, c):
        """Return (b, e): b maximises c b - h(b), and e = soft_threshold(c, l1) - l2 b is what a bound leaves over."""
        excess = np.sign(c) * np.maximum(np.abs(c) - self.l1, 0)
        with np.errstate(**QUIET):
            unbounded = np.where(excess == 0, 0.0, excess / self.l2)
        best = np.clip(unbounded, self.lower, self.upper)
        return best, np.where(best == unbounded, 0.0, excess - self.l2 * best)

    def conjugate(self, c):
        """h*(c) = max_b c b - h(b)."""
        best, left_over = self.maximiser(c)
        return best * (left_over + 0.5 * self.l2 * best)

    def fenchel_young(self, b, c):
        """h(b) + h*(c) - b c for b within the bounds, as a sum of terms of which none is negative.

        With m the maximiser and e what it leaves over:
            m != 0:  l2/2 (b - m)^2 + l1 (|b| - sign(m) b) + (m - b) e      (here l1 |m| = l1 sign(m) m)
            m == 0:  l2/2 b^2 + |b| (l1 - sign(b) c)
        """
        best, left_over = self.maximiser(c)
        moved = self.l1 * (np.abs(b) - np.sign(best) * b) + (best - b) * left_over
        at_zero = np.abs(b) * (self.l1 - np.sign(b) * c)
        with np.errstate(**QUIET):
            square = np.where(self.l2 > 0, (b - best) ** 2, 0.0)
        return 0.5 * self.l2 * square + np.where(best == 0, at_zero, moved)

    def kkt_distances(self, b, gradient):
        """Return the distances of gradient_j = x_j'rho from the subdifferential of h_j at b_j.

        That is l2 b plus {l1} for b > 0, {-l1} for b < 0, [-l1, l1] for b = 0, open to infinity on the side of a bound
        in force. The units are those of l1_j, or of the gradient where l1_j = 0.
        """
        pull = gradient - self.l2 * b
        least = np.where(b <= self.lower, -np.inf, np.where(b > 0, self.l1, -self.l1))
        most = np.where(b >= self.upper, np.inf, np.where(b < 0, -self.l1, self.l1))
        distance = np.maximum(np.maximum(least - pull, pull - most), 0)
        with np.errstate(**QUIET):
            return distance / np.where(self.l1 > 0, self.l1, 1.0)
