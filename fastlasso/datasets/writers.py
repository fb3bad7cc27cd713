"""Writers of the on-disk form (`folder.py`): rows come in pieces, and no more than a piece is in memory."""

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from scipy import sparse

from .errors import DataError
from .folder import NAMES, TARGET, flush, write_header
from .text_table import checked_names

# Bytes of the header of a .npy file whose length is not known in advance.
NPY_HEADER = 128
# Entries moved at a time where entries come in any order.
ENTRIES = 1 << 20


@contextmanager
def new_folder(path):
    """Within, a temporary folder beside `path`; it gets that name at the end, and is removed on any error."""
    path = Path(path)
    if path.exists():
        raise DataError(f"{path} exists already")
    place = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield place
        os.chmod(place, 0o755)      # mkdtemp's own is 0o700
        os.rename(place, path)      # fails where another process has made a folder of files there meanwhile
        flush(path.parent)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


class GrowingArray:
    """A .npy file to which rows are appended; its length is written at the end."""

    def __init__(self, file, dtype, width=None):
        self.dtype, self.width, self.length = np.dtype(dtype), width, 0
        self.stream = open(file, "wb")
        self.stream.write(bytes(NPY_HEADER))

    def append(self, values):
        """Append values, or rows of `width` values."""
        values = np.ascontiguousarray(values, self.dtype)
        self.length += len(values)
        self.stream.write(values.data)

    def close(self):
        """Write the header and close the file."""
        shape = (self.length,) if self.width is None else (self.length, self.width)
        text = repr({"descr": self.dtype.str, "fortran_order": False, "shape": shape}).encode()
        self.stream.seek(0)
        self.stream.write(b"\x93NUMPY\x01\x00" + (NPY_HEADER - 10).to_bytes(2, "little")
                          + text.ljust(NPY_HEADER - 11) + b"\n")
        self.stream.close()


class Writer:
    """Appends rows to files; a context, at the end of which the files are closed, whole or not."""

    def __init__(self, *files):
        self.files = files

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for file in self.files:
            file.stream.close()


class CsrWriter(Writer):
    """Write CSR rows; those of a piece may have unsorted indices and duplicates, which are added up."""

    kind = "csr"

    def __init__(self, place, dtype, n_features=None):
        index = np.int64 if n_features is not None and n_features > np.iinfo(np.int32).max else np.int32
        self.data, self.indices = GrowingArray(place / "data.npy", dtype), GrowingArray(place / "indices.npy", index)
        super().__init__(self.data, self.indices)
        self.n_features, self.widest, self.place = n_features, 0, place
        self.counts, self.n_rows = [], 0

    def append(self, values, columns, counts):
        """Append rows of so many entries each."""
        indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        if not np.isfinite(values).all():
            raise DataError("the data hold NaN or infinity")
        if len(columns):
            least, most = int(columns.min()), int(columns.max())
            if least < 0 or (self.n_features is not None and most >= self.n_features):
                raise DataError(f"a column index lies outside [0, {self.n_features})")
            self.widest = max(self.widest, most + 1)
        part = sparse.csr_array((values, columns, indptr), shape=(len(counts), max(self.n_features or 0, self.widest)))
        if not part.has_canonical_format:
            part = part.copy()
            part.sum_duplicates()
        self.data.append(part.data)
        self.indices.append(part.indices)
        self.counts.append(np.diff(part.indptr).astype(np.int64))
        self.n_rows += len(counts)

    def close(self):
        """Write what is left; return (shape, number of stored values)."""
        self.data.close()
        self.indices.close()
        indptr = np.concatenate([[0], np.cumsum(np.concatenate([*self.counts, [0]])[:self.n_rows])]).astype(np.int64)
        np.save(self.place / "indptr.npy", indptr)
        return (self.n_rows, self.widest if self.n_features is None else self.n_features), int(indptr[-1])


class TableWriter(Writer):
    """Write dense rows."""

    kind = "dense"

    def __init__(self, place, dtype, n_features):
        self.X, self.n_features = GrowingArray(place / "X.npy", dtype, n_features), n_features
        super().__init__(self.X)

    @property
    def n_rows(self):
        """Rows written so far."""
        return self.X.length

    def append(self, rows):
        """Append rows of shape (k, n_features)."""
        if not np.isfinite(rows).all():
            raise DataError("the data hold NaN or infinity")
        self.X.append(rows)

    def close(self):
        """Complete the file; return (shape, number of stored values)."""
        self.X.close()
        return (self.X.length, self.n_features), self.X.length * self.n_features


def complete(place, writer, y, names, target_name, source):
    """Close a writer, write target and names beside it, and the header last."""
    shape, nnz = writer.close()
    if 0 in shape:
        raise DataError(f"{source} has {shape[0]} rows and {shape[1]} columns")
    if names is not None:
        if len(names) != shape[1]:
            raise DataError(f"{source}: the header names {len(names)} columns, the rows have {shape[1]}")
        names = checked_names(tuple(map(str, names)), source)
    if y is not None:
        if len(y) != shape[0]:
            raise DataError(f"{source}: the target has {len(y)} values, X has {shape[0]} rows")
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            raise DataError(f"{source}: the target holds NaN or infinity")
        np.save(place / TARGET, y, allow_pickle=False)
    if names is not None:
        (place / NAMES).write_text(json.dumps(names), encoding="utf-8")
    write_header(place, writer.kind, shape, nnz, target_name, source)


def rows_of_entries(place, entries, shape, dtype):
    """Yield (values, columns, counts) of rows whose entries come in any order.

    `entries()` yields pieces (rows, columns, values). It is called twice: to count, and to move each entry to its row
    in mapped files.
    """
    counts = np.zeros(shape[0], np.int64)
    for rows, columns, _ in entries():
        if len(rows) and not (rows.min() >= 0 <= columns.min() and rows.max() < shape[0] and columns.max() < shape[1]):
            raise DataError(f"an entry lies outside of the {shape[0]} x {shape[1]} matrix")
        counts += np.bincount(rows, minlength=shape[0])
    ends = np.cumsum(counts)
    if not len(ends) or not ends[-1]:
        yield np.empty(0, dtype), np.empty(0, np.int64), counts
        return
    files = [place / "entries-data", place / "entries-indices"]
    data, indices = (np.memmap(file, kind, "w+", shape=(int(ends[-1]),))
                     for file, kind in zip(files, (dtype, np.int64), strict=True))
    scatter(entries, ends - counts, data, indices)
    start = 0
    while start < shape[0]:
        first = ends[start] - counts[start]
        stop = max(start + 1, int(np.searchsorted(ends, first + ENTRIES, side="right")))
        yield data[first:ends[stop - 1]], indices[first:ends[stop - 1]], counts[start:stop]
        start = stop
    del data, indices
    for file in files:
        file.unlink()


def scatter(entries, fill, data, indices):
    """Move every entry to its row; `fill` is where the next entry of each row goes, and is updated."""
    for rows, columns, values in entries():
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        new = np.flatnonzero(np.diff(rows, prepend=-1))
        lengths = np.diff(np.append(new, len(rows)))
        at = np.repeat(fill[rows[new]] - new, lengths) + np.arange(len(rows))
        data[at], indices[at] = values[order], columns[order]
        fill[rows[new]] += lengths
