"""The options of a problem as a caller gives them, not yet checked."""

from dataclasses import dataclass, replace

from .. import validation
from ..frames import by_column, check_rows
from ..losses.choose import SQUARED_ERROR


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the problem beside X, y and alpha; the defaults are those of scikit-learn's lasso."""

    l1_ratio: float = 1.0
    fit_intercept: bool = True
    standardize: bool = False
    sample_weight: object = None
    offset: object = None
    penalty_factor: object = None
    lower: object = validation.UNBOUNDED[0]
    upper: object = validation.UNBOUNDED[1]
    loss: object = SQUARED_ERROR

    def are_plain(self):
        """Whether nothing but the loss, l1_ratio, fit_intercept and sample_weight differs from the defaults."""
        lower, upper = self.lower, self.upper
        are_floats = type(lower) is float and type(upper) is float
        is_bounded = not (are_floats and (lower, upper) == validation.UNBOUNDED)
        given = self.offset is not None or self.penalty_factor is not None
        return not (given or self.standardize or is_bounded)

    def resolved(self, matrix):
        """Return the same options with vectors in place of what names columns of X.

        Raises
        ------
        ValueError
            For names that X does not have, and for weights or an offset with other row labels than X.
        """
        for name in ("sample_weight", "offset"):
            check_rows(matrix.row_labels, getattr(self, name), name)
        fills = {"penalty_factor": 1.0, "lower": validation.UNBOUNDED[0], "upper": validation.UNBOUNDED[1]}
        given = {name: getattr(self, name) for name in fills}
        vectors = {name: by_column(given[name], matrix.feature_names, fill, name) for name, fill in fills.items()}
        return self if all(vectors[name] is given[name] for name in fills) else replace(self, **vectors)

    def as_dict(self):
        """The options by name, arrays not copied."""
        return {name: getattr(self, name) for name in self.__slots__}
