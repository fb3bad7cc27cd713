"""How a table is read: `Reading`, and which column is what: `Roles`."""

from dataclasses import dataclass, field

from .errors import ColumnError, TargetError, UnnamedError, some

# What becomes of missing values.
NA = ("error", "drop", "mean")


@dataclass(frozen=True)
class Reading:
    """How a table is read. A column is given by its name or its number: 1 is the first, -1 the last.

    Attributes
    ----------
    columns : sequence of str
        The features; empty: all columns that are not something else.
    drop : sequence of str
        Columns that are left out.
    id : str, optional
        The column that names the rows.
    one_hot : sequence of str
        Columns of words, each of which becomes a column of 0 and 1 for each of its values.
    weights, groups, offset : str, optional
        Columns that say more about the rows.
    na : {"error", "drop", "mean"}
        Missing values are refused, their rows left out, or the mean of the column put in their place.
    decimal : {".", ","}
    sep : str, optional
        Between the fields of a line; None looks at the first line.
    encoding : str
    header : bool, optional
        Whether the first line names the columns; None looks for words in it.
    format : str, optional
        The suffix of the format, in place of that of the file.
    zero_based : bool
        Whether svmlight files count columns from 0.
    categories : dict
        Name of a column of `one_hot` -> its values, where they are known.
    means : dict
        Name of a column -> what takes the place of its missing values under na="mean", where that is known.
    """

    columns: tuple = ()
    drop: tuple = ()
    id: str | None = None
    one_hot: tuple = ()
    weights: str | None = None
    groups: str | None = None
    offset: str | None = None
    na: str = "error"
    decimal: str = "."
    sep: str | None = None
    encoding: str = "utf-8"
    header: bool | None = None
    format: str | None = None
    zero_based: bool = False
    categories: dict = field(default_factory=dict)
    means: dict = field(default_factory=dict)

    def wordy(self, target=None):
        """Return the columns, as they are given, whose words do not tell whether the first line is a header."""
        given = [target, self.id, self.groups, *self.one_hot, *self.drop]
        return [part.strip() for text in given if text is not None for part in (text, *str(text).split(","))]


@dataclass(frozen=True)
class Roles:
    """Which column of a table is what, as indices.

    Attributes
    ----------
    features : list of int
        In the order of the table, or of `Reading.columns`; those of one_hot among them.
    one_hot : set of int
    target, id, weights, groups, offset : int or None
    """

    features: list
    one_hot: set
    target: int | None
    id: int | None
    weights: int | None
    groups: int | None
    offset: int | None


def roles_of(table, how, target=None):
    """Return the `Roles` of a table's columns; raise ColumnError or TargetError where that cannot be."""
    single = {name: None if given is None else column_number(given, table)
              for name, given in (("id", how.id), ("weights", how.weights), ("groups", how.groups),
                                  ("offset", how.offset))}
    single["target"] = None if target is None else column_number(target, table, TargetError)
    used = [j for j in single.values() if j is not None]
    for j in used:
        if used.count(j) > 1:
            names = " and ".join(name for name, other in single.items() if other == j)
            raise ColumnError(f"{table.file}: column {table.label(j)} cannot be {names} at once")
    dropped, one_hot = columns_of(how.drop, table), columns_of(how.one_hot, table)
    features = columns_of(how.columns, table) or [j for j in range(table.width) if j not in table.left_out]
    features = [j for j in dict.fromkeys(features) if j not in {*used, *dropped}]
    for j in one_hot:
        if j not in set(features):
            raise ColumnError(f"{table.file}: column {table.label(j)} is to be one-hot, but it is no feature")
    return Roles(features, set(one_hot), **single)


def columns_of(given, table):
    """Return the indices of columns given by names or numbers, several of them separated by commas."""
    found, places = [], {name: j for j, name in enumerate(table.names or ())}
    for text in given:
        if text in places:
            found.append(places[text])
            continue
        found.extend(column_number(part.strip(), table) for part in str(text).split(",") if part.strip())
    return found


def column_number(given, table, kind=ColumnError):
    """Return the index of a column from its name or its number."""
    names, p = table.names, table.width
    if names is not None and given in names:
        return names.index(given)
    try:
        number = int(given)
    except ValueError:
        known = f"; it has {some(names)}" if names is not None else f"; it has no header, number its columns 1 to {p}"
        kind = UnnamedError if names is None and kind is ColumnError else kind
        raise kind(f"{table.file} has no column {given!r}{known}") from None
    if names is None and given in getattr(table, "first", ()) and abs(number) > p:
        raise UnnamedError(f"{table.file} has no column {number}; its first line holds {given}, but is all numbers and "
                           "names no columns")
    if number == 0 or abs(number) > p:
        raise kind(f"{table.file} has no column {number}; it has columns 1 to {p} (-1 is the last)")
    return number - 1 if number > 0 else p + number
