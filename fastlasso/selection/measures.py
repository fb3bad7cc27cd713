"""Held-out errors: how far predictions are from rows that a fold did not train on. Smaller is better, always.

    "deviance"   the mean unit deviance; under squared error that is the mean squared error
    "auc"        1 - AUC, the area under the ROC curve, ties counted half
    "class"      the share of rows whose class is not the predicted one
    "mse", "mae" the mean squared or absolute difference between y and its predicted mean
    "r2"         1 - R2, under squared error alone

All means are weighted. Where y holds proportions, a row counts as its trials: as w y rows of the positive class and
w (1 - y) of the negative one. So "auc", "class" and "deviance" rank models as the single trials would.

Reference for the area with ties as a rank statistic: Hanley and McNeil (1982), Radiology 143(1).
"""

import numpy as np

SQUARED_MEASURES = ("deviance", "mse", "mae", "r2")
RISK_MEASURES = ("deviance", "mse", "mae")
CLASS_MEASURES = ("auc", "class")


def checked_measure(measure, loss, name="measure"):
    """Return the measure, "mse" (squared error, `loss` None) or "deviance" in place of None.

    Raises
    ------
    ValueError
        For an unknown measure, and for one that does not fit the loss.
    """
    if measure is None:
        return "mse" if loss is None else "deviance"
    if callable(measure):
        return measure
    allowed = SQUARED_MEASURES if loss is None else RISK_MEASURES + (CLASS_MEASURES if loss.is_classifier else ())
    if isinstance(measure, str) and measure in allowed:
        return measure
    if isinstance(measure, str) and measure in CLASS_MEASURES:
        raise ValueError(f"{name}={measure!r} needs a classifier: loss='log_loss' or loss='squared_hinge'")
    raise ValueError(f"{name} must be {', '.join(map(repr, allowed))} or a callable, got {measure!r}"
                     + ("" if loss is None else f", for loss {loss.name!r}"))


def one_of_both(measure, scoring):
    """Return (the one that is given, its name) of two synonyms."""
    if measure is not None and scoring is not None:
        raise ValueError("measure and scoring are the same: give one of them")
    return (scoring, "scoring") if scoring is not None else (measure, "measure")


def held_out(measure, risk, y, weights, shift, test, fold):
    """Return the `HeldOutSquares` or `HeldOutScores` of the rows `test`; the arguments cover all rows."""
    w = None if weights is None else weights[test]
    shift = shift if np.ndim(shift) == 0 else shift[test]
    if risk.is_quadratic:
        return HeldOutSquares(measure, test, y[test], w, shift)
    if w is not None and not w.all():
        test = test[w > 0]
        w, shift = weights[test], shift if np.ndim(shift) == 0 else shift[w > 0]
    return HeldOutScores(measure, test, y[test], w, shift, risk.loss, risk.y[test], fold)


class HeldOutSquares:
    """The rows that a fold holds out, under squared error.

    Attributes
    ----------
    test : ndarray of int
    y, weights : ndarray of shape (len(test),)
        Weights may be None.
    shift : ndarray, or 0.0
        The offset.
    measure : str or callable
    """

    def __init__(self, measure, test, y, weights, shift):
        self.test, self.y, self.weights, self.shift = test, y, weights, shift
        self.measure = "mse" if isinstance(measure, str) and measure == "deviance" else measure

    @property
    def is_square(self):
        """Whether the error follows from the mean squared one."""
        return self.measure in ("mse", "r2")

    def observed(self, residual):
        """The error that belongs to the residuals of all rows."""
        return self._error(residual[self.test])

    def of_fitted(self, fitted):
        """The error that belongs to predictions of the rows, the offset not yet added."""
        return self._error((self.y - self.shift) - fitted)

    def _error(self, residual):
        if callable(self.measure):
            return -float(self.measure(self.y, self.y - residual, sample_weight=self.weights))
        if self.measure == "mae":
            return float(np.average(np.abs(residual), weights=self.weights))
        return float(self.of_squares(np.average(residual * residual, weights=self.weights)))

    def of_squares(self, errors):
        """The errors that belong to mean squared ones."""
        if self.measure == "mse":
            return errors
        with np.errstate(divide="ignore", invalid="ignore"):
            return errors / np.average((self.y - np.average(self.y, weights=self.weights)) ** 2, weights=self.weights)


class HeldOutScores:
    """The rows of positive weight that a fold holds out, under a loss other than squared error.

    Attributes
    ----------
    test, weights, shift, measure
        As in `HeldOutSquares`.
    given : ndarray of shape (len(test),)
        y as the caller gave it, which a callable measure is called with.
    loss : Loss
    y : ndarray of shape (len(test),)
        As the loss has it.
    """

    is_square = False

    def __init__(self, measure, test, given, weights, shift, loss, y, fold):
        self.measure, self.test, self.given, self.weights, self.shift = measure, test, given, weights, shift
        self.loss, self.y = loss, y
        self.positive = np.maximum(y, 0.0) if loss.is_classifier else None      # the share of the positive class
        if isinstance(measure, str) and measure == "auc" and not self._has_both_classes():
            raise ValueError(f"the rows that fold {fold} holds out are of one class, which leaves the AUC undefined: "
                             "take measure='deviance', fewer folds, or an integer cv, which spreads both classes")

    def _has_both_classes(self):
        return self.positive.max() > 0 and self.positive.min() < 1

    def observed(self, scores):
        """The error that belongs to the scores of all rows, offset included."""
        return self._error(scores[self.test])

    def of_fitted(self, fitted):
        """The error that belongs to scores of the rows, the offset not yet added."""
        return self._error(fitted + self.shift)

    def _error(self, eta):
        if callable(self.measure):
            return -float(self.measure(self.given, self.loss.mean(eta), sample_weight=self.weights))
        if self.measure == "auc":
            return 1 - area_under_curve(eta, self.positive, self.weights)
        return float(np.average(self._errors_of_rows(eta), weights=self.weights))

    def _errors_of_rows(self, eta):
        if self.measure == "deviance":
            return 2 * self.loss.deviance(eta, self.y)
        if self.measure == "class":
            return np.where(eta > 0, 1 - self.positive, self.positive)
        difference = self.y - self.loss.mean(eta)
        return np.abs(difference) if self.measure == "mae" else difference * difference


def area_under_curve(scores, positive, weights=None):
    """Return the weighted area under the ROC curve: the share of pairs of rows that scores rank rightly, ties half.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    positive : ndarray of shape (n,)
        The share of each row that is of the positive class, in [0, 1].
    weights : ndarray of shape (n,), optional
    """
    order = np.argsort(scores)
    scores, positive = scores[order], positive[order]
    w = 1.0 if weights is None else weights[order]
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    up, down = np.add.reduceat(w * positive, starts), np.add.reduceat(w * (1 - positive), starts)
    below = np.cumsum(down)
    return float((up * (below - 0.5 * down)).sum() / (up.sum() * below[-1]))
