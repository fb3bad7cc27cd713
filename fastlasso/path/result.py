"""What every result can do, whatever made it: names, tables, coefficients by name, and how it shows itself."""

from html import escape
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np

from . import stored

# What other modules of this package call on a result: tab completion leaves it out.
INNER = frozenset({"add", "check_extras", "claim", "df_of", "extra_arrays", "extra_facts", "interpolated", "kinds",
                   "limit", "mixed", "moved", "note_limit", "note_seconds", "options", "remember", "restored",
                   "solved_alone", "with_options"})
# Rows of the table that a notebook shows.
SHOWN_ROWS = 8


class Table(str):
    """Text that shows itself as it is printed, without quotes and line breaks as characters."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


class Result:
    """A result of one or several fits to the same columns.

    A subclass says in `_parts` what results it is made of, in `_columns` what its table holds, in `at` what its
    solutions are, and in `_stored` and `_of_stored` what its file holds.
    """

    _kinds: ClassVar = {}           # every class of results by name, as saved files name them

    _called = "result"              # what a message calls a file of this class

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        Result._kinds[cls.__name__] = cls

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in INNER]

    def _parts(self):
        """Return the results that this one is made of; a result that holds its own names has none."""
        return []

    def _columns(self):
        """Return the columns of the table of this result, {name: vector}."""
        raise NotImplementedError

    @property
    def feature_names(self) -> list[str] | None:
        """The names of X's columns where it was a frame, else None. May be assigned: one name per feature."""
        parts = self._parts()
        return parts[0].feature_names if parts else None

    @feature_names.setter
    def feature_names(self, names: list[str]) -> list[str] | None:
        for part in self._parts():
            part.feature_names = names

    def save(self, file: str | PathLike[str]) -> None:
        """Write the result to an .npz file, without pickle; NumPy appends ".npz" to a name that lacks it."""
        np.savez_compressed(file, **self._arrays())

    @classmethod
    def load(cls, file: str | PathLike[str]) -> Self:
        """Read a result of this class that `save` wrote; any other file, or an altered one, raises ValueError.

        ``fastlasso.load`` reads results of every class.
        """
        return stored.read(file, cls)

    def _arrays(self):
        """Return the members of a file that holds this result."""
        return stored.packed(self)

    @classmethod
    def _of_arrays(cls, members):
        """Return the result that the members of a file hold."""
        return stored.unpacked(members, cls, Result._kinds)

    def _stored(self):
        """Return (facts in JSON's types, {name: array}, {name: list of results or None}) of a file of this result."""
        raise NotImplementedError

    @classmethod
    def _of_stored(cls, facts, arrays, parts):
        """Return the result of what `_stored` returned; raise ValueError where that is damaged."""
        raise NotImplementedError

    def coefficients(self, alpha: Any = None, nonzero: bool = False) -> Any:
        """Return the coefficients at one alpha by name.

        Parameters
        ----------
        alpha : float or str, optional
            As in `at`; may be left out where one alpha was chosen.
        nonzero : bool, default=False
            Leave out zeros, and put the largest first.

        Returns
        -------
        pandas Series, or a structured array with the fields "feature" and "coef" where pandas is not installed
            Features without a name are called coef[0], coef[1], ...
        """
        coef = (self.at(alpha) if alpha is not None else self.at()).coef
        features = np.flatnonzero(coef) if nonzero else np.arange(len(coef))
        if nonzero:
            features = features[np.argsort(-np.abs(coef[features]), kind="stable")]
        names = self.feature_names
        names = [f"coef[{j}]" if names is None else names[j] for j in features]
        return named_vector(names, coef[features])

    def to_frame(self) -> Any:
        """Return the table of this result, one row per alpha or per stage.

        Returns
        -------
        pandas DataFrame, or a structured array where pandas is not installed
        """
        return frame_of(self._columns())

    def summary(self, rows: int = 12) -> str:
        """Return the table of this result with at most `rows` rows as text, which shows itself as a table."""
        columns = sampled(self._columns(), rows)
        cells = [[name, *map(cell, values)] for name, values in columns.items()]
        widths = [max(map(len, column)) for column in cells]
        lines = [" ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
                 for row in zip(*cells, strict=True)]
        return Table("\n".join(lines))

    def _repr_html_(self):
        columns = sampled(self._columns(), SHOWN_ROWS)
        head = "".join(f"<th>{escape(name)}</th>" for name in columns)
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell(value))}</td>' for value in row)}</tr>"
                       for row in zip(*columns.values(), strict=True))
        return f"<p>{escape(repr(self))}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def sampled(columns, rows):
    """Return about `rows` evenly spaced rows of columns, the first and the last among them."""
    n = len(next(iter(columns.values())))
    at = np.unique(np.linspace(0, n - 1, min(rows, n)).astype(int)) if n else []
    return {name: [values[k] for k in at] for name, values in columns.items()}


def cell(value):
    """Return a value of a table as text."""
    if isinstance(value, str | bool | np.bool_ | int | np.integer):
        return str(value)
    return f"{value:.5g}"


def named_vector(names, values, what="coef"):
    """Return a pandas Series, or a structured array where pandas is not installed; `what` names the values."""
    try:
        from pandas import Series
    except ImportError:
        width = max(map(len, names), default=1)
        result = np.empty(len(names), [("feature", f"U{width}"), (what, float)])
        result["feature"], result[what] = names, values
        return result
    return Series(values, index=names, name=what)


def frame_of(columns):
    """Return a pandas DataFrame, or a structured array where pandas is not installed."""
    columns = {name: np.asarray(values) for name, values in columns.items()}
    try:
        from pandas import DataFrame
    except ImportError:
        result = np.empty(len(next(iter(columns.values()))), [(name, values.dtype) for name, values in columns.items()])
        for name, values in columns.items():
            result[name] = values
        return result
    return DataFrame(columns)
