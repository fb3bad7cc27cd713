"""Which rows each fold of a cross-validation holds out: from a number, groups, fold numbers, pairs or a splitter."""

import numpy as np

from .. import validation
from ..frames import check_rows, row_labels
from ..losses.choose import SQUARED_ERROR, as_loss
from ..matrices.choose import is_far


def splits_of(cv, X, y, groups, n, random_state, loss=SQUARED_ERROR, sample_weight=None):
    """Return (train, test) of each fold as row indices, checked; train is None where it is all rows but test.

    A number of folds is cut from the rows of positive weight, as if the others were deleted; these go anywhere.

    Raises
    ------
    ValueError, TypeError
        For more folds than rows or groups, rows that X does not have, and folds that part a group where `cv` is not a
        splitter, which has its own rule for groups.
    """
    for name, rows in (("groups", groups), ("cv", cv)):
        check_rows(row_labels(X), rows, name)
    groups = None if groups is None else group_numbers(groups, n)
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        n_folds = validation.whole_number(cv, "cv", 2)
        return held_out_alone(fold_of_weighted(n_folds, y, groups, n, random_state, loss, sample_weight))
    refuse_class(cv)
    if not (hasattr(cv, "split") or hasattr(cv, "__iter__")) or isinstance(cv, str):
        raise TypeError(f"cv must be an integer, a vector of fold numbers, an iterable of (train, test) or a splitter, "
                        f"got {cv!r}")
    if hasattr(cv, "split"):
        X = np.empty((n, 0)) if is_far(X) else X        # splitters count its rows
        return checked_folds(cv.split(X, y, groups), n)
    cv = cv if hasattr(cv, "__len__") else list(cv)
    splits = held_out_alone(fold_numbers(cv, n)) if are_fold_numbers(cv) else checked_folds(cv, n)
    if groups is not None:
        check_groups_whole(splits, groups)
    return splits


def refuse_class(cv):
    """Raise TypeError for a splitter's class in place of a splitter."""
    if isinstance(cv, type):
        raise TypeError(f"cv must be an integer, a vector of fold numbers, an iterable of (train, test) or a splitter, "
                        f"got the class {cv.__name__}: pass an instance, {cv.__name__}(...)")


def checked_folds(pairs, n):
    """Return the folds of pairs (train, test)."""
    splits = [one_fold(k, pair, n) for k, pair in enumerate(pairs)]
    if not splits:
        raise ValueError("cv yields no folds")
    return splits


def are_fold_numbers(cv):
    """Whether `cv` is a vector of numbers, and not a sequence of pairs."""
    return len(cv) > 0 and all(isinstance(entry, int | float | str | np.generic) for entry in cv)


def fold_numbers(cv, n):
    """Return the number of the fold of each row, from 0 on, of a vector that names one for each row."""
    fold_of = np.asarray(cv)
    if len(fold_of) != n:
        raise ValueError(f"cv is a vector of {len(fold_of)} fold numbers, X has {n} rows: it must name a fold for each")
    if fold_of.dtype.kind not in "iuSU":
        raise TypeError(f"cv as a vector must hold integers, got dtype {fold_of.dtype}")
    names, fold_of = np.unique(fold_of, return_inverse=True)
    if len(names) < 2:
        raise ValueError("cv names one fold only: there must be at least two")
    return fold_of


def group_numbers(groups, n):
    """Return the group of each row as a number from 0 on, in the order of the groups' names."""
    groups = np.asarray(validation.nothing_masked(groups, "groups"))
    if groups.shape != (n,):
        raise ValueError(f"groups.shape == {groups.shape}, expected {(n,)}")
    if groups.dtype.kind == "f":
        validation.no_nan_or_inf(groups, "groups")
    if groups.dtype.kind == "O":
        if any(group is None or group != group for group in groups):
            raise ValueError("Input groups contains missing values: each row must belong to a group")
        if len({type(group) for group in groups}) > 1:
            groups = groups.astype(str)
    return np.unique(groups, return_inverse=True)[1]


def fold_of_weighted(n_folds, y, groups, n, random_state, loss, sample_weight):
    """As `fold_of_rows` of the rows of positive weight; a row of weight zero goes with its group, else to any fold."""
    weights = np.ones(n) if sample_weight is None else validation.finite_vector(sample_weight, n, "sample_weight")
    rows = np.flatnonzero(weights > 0)
    if len(rows) in (0, n):
        return fold_of_rows(n_folds, y, groups, n, random_state, loss)
    fold_of = np.arange(n) % n_folds
    own = None if groups is None else np.unique(groups[rows], return_inverse=True)[1]
    fold_of[rows] = fold_of_rows(n_folds, np.asarray(validation.same_length(y, n))[rows], own, len(rows), random_state,
                                 loss)
    if groups is not None:
        fold_of_group = dict(zip(groups[rows].tolist(), fold_of[rows].tolist(), strict=True))
        fold_of = np.array([fold_of_group.get(group, 0) for group in groups.tolist()])
    return fold_of


def fold_of_rows(n_folds, y, groups, n, random_state, loss=SQUARED_ERROR):
    """Return which of `n_folds` holds out each row: contiguous, shuffled with `random_state`, of classes, or of groups.
    """
    if groups is not None:
        return folds_of_groups(groups, n_folds, random_state)
    if n_folds > n:
        raise ValueError(f"Cannot have number of splits n_splits={n_folds} greater than the number of samples: "
                         f"n_samples={n}.")
    rows = np.arange(n) if random_state is None else np.random.default_rng(random_state).permutation(n)
    classes = class_of_rows(y, n, loss)
    fold_of = np.empty(n, np.int64)
    for k, part in enumerate(np.array_split(rows, n_folds) if classes is None else stratified(rows, classes, n_folds)):
        fold_of[part] = k
    return fold_of


def folds_of_groups(groups, n_folds, random_state=None):
    """Return which fold holds out each row, so that no group is parted and folds hold about as many rows.

    The groups go, the largest first, each to the fold with the fewest rows, as in scikit-learn's ``GroupKFold``. Groups
    of one size keep their order, or are shuffled with `random_state`.
    """
    sizes = np.bincount(groups)
    if n_folds > len(sizes):
        raise ValueError(f"Cannot have number of splits n_splits={n_folds} greater than the number of groups: "
                         f"{len(sizes)}.")
    order = np.arange(len(sizes))[::-1]
    if random_state is not None:
        order = np.random.default_rng(random_state).permutation(order)
    fold_of_group, rows = np.empty(len(sizes), np.int64), np.zeros(n_folds)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of_group[group] = np.argmin(rows)
        rows[fold_of_group[group]] += sizes[group]
    return fold_of_group[groups]


def held_out_alone(fold_of):
    """Return (None, the rows held out) of each fold."""
    return [(None, np.flatnonzero(fold_of == k)) for k in range(fold_of.max() + 1)]


def check_groups_whole(splits, groups):
    """Raise ValueError where a fold trains on rows of a group of which it holds out others."""
    for k, (train, test) in enumerate(splits):
        train = np.delete(np.arange(len(groups)), test) if train is None else train
        if np.intersect1d(groups[train], groups[test]).size:
            raise ValueError(f"fold {k} of cv trains on rows of a group of which it holds out others: make folds of "
                             "whole groups, or pass an integer cv, which does so")


def class_of_rows(y, n, loss):
    """The class of each row as a number, or None where y holds no classes."""
    loss = as_loss(loss)
    if loss is None or not loss.is_classifier:
        return None
    numbers, classes = loss.target(validation.same_length(y, n), None)
    return None if classes is None else numbers


def stratified(rows, classes, n_folds):
    """Cut rows into folds that hold equal shares of each class, to one row; rows of a class stay in their order.

    For ascending rows these are the folds of scikit-learn's ``StratifiedKFold``.
    """
    parts, start = [[] for _ in range(n_folds)], 0
    first = classes[0]
    for own in (rows[classes[rows] == first], rows[classes[rows] != first]):
        sizes = np.bincount(np.arange(start, start + len(own)) % n_folds, minlength=n_folds)
        for part, piece in zip(parts, np.split(own, np.cumsum(sizes)[:-1]), strict=True):
            part.append(piece)
        start += len(own)
    return [np.concatenate(part) for part in parts]


def one_fold(k, pair, n):
    """Return (train, test) of a pair, train None where it is all rows but test."""
    try:
        train, test = pair
    except (TypeError, ValueError):
        raise ValueError(f"cv must yield pairs of row indices (train, test), fold {k} is {pair!r}") from None
    train, test = row_indices(train, n, k), row_indices(test, n, k)
    times = np.bincount(train, minlength=n)
    times[test] += 1
    return None if (times == 1).all() else train, test


def row_indices(rows, n, k):
    """Return rows, given as indices or as a mask, as indices."""
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise ValueError("cv must yield pairs of row indices (train, test)")
    if not len(rows) or rows.min() < 0 or rows.max() >= n:
        raise ValueError(f"fold {k}: a fold of cv has no rows to train on or to hold out, or rows that X does not have")
    return rows
