"""What every result can do, whatever made it: names, tables, coefficients by name, and how it shows itself."""

from html import escape

import numpy as np

# Rows of the table that a notebook shows.
SHOWN_ROWS = 8


class Table(str):
    """Text that shows itself as it is printed, without quotes and line breaks as characters."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


class Result:
    """A result of one or several fits to the same columns.

    A subclass says in `_parts` what results it is made of, in `_columns` what its table holds, and in `at` what its
    solutions are.
    """

    def _parts(self):
        """Return the results that this one is made of; a result that holds its own names has none."""
        return []

    def _columns(self):
        """Return the columns of the table of this result, {name: vector}."""
        raise NotImplementedError

    @property
    def feature_names(self):
        """The names of X's columns where it was a frame, else None. May be assigned: one name per feature."""
        parts = self._parts()
        return parts[0].feature_names if parts else None

    @feature_names.setter
    def feature_names(self, names):
        for part in self._parts():
            part.feature_names = names

    def coefficients(self, alpha=None, nonzero=False):
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

    def to_frame(self):
        """Return the table of this result, one row per alpha or per stage.

        Returns
        -------
        pandas DataFrame, or a structured array where pandas is not installed
        """
        return frame_of(self._columns())

    def summary(self, rows=12):
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


def named_vector(names, values):
    """Return a pandas Series, or a structured array where pandas is not installed."""
    try:
        from pandas import Series
    except ImportError:
        width = max(map(len, names), default=1)
        result = np.empty(len(names), [("feature", f"U{width}"), ("coef", float)])
        result["feature"], result["coef"] = names, values
        return result
    return Series(values, index=names, name="coef")


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
