"""What `convert` reads: each format as a stream of pieces of rows, or of entries in any order."""

import gzip
import re
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import islice
from types import SimpleNamespace

import numpy as np

from .errors import DataError, TargetError, complaint, one_line
from .matrix_table import MAX_SIDE, add_entries, finite
from .reading import column_number
from .text_table import MISSING, has_header, is_number, split

# Lines and characters of text read at a time.
LINES, CHARACTERS = 1 << 14, 1 << 23
# Stored values of anything else: 8 MB.
VALUES = 1 << 20


@dataclass
class Source:
    """A file opened as a stream.

    Attributes
    ----------
    is_sparse : bool
    dtype : numpy dtype
        Of the values.
    n_features : int, or None
        None where only the end of the stream tells.
    pieces : callable, or None
        Yields (values, columns, counts, y) of sparse rows, or (rows, y) of dense ones; y may be None.
    entries : callable, or None
        In place of pieces: yields (rows, columns, values) of entries in any order.
    shape : tuple of int, or None
        Where there are entries.
    names : sequence of str, or None
    y, target_name
        The target, where it is known before the rows are read, and its name.
    carries_target : bool
    """

    is_sparse: bool
    dtype: object
    n_features: int | None
    pieces: object = None
    entries: object = None
    shape: tuple | None = None
    names: object = None
    y: object = None
    target_name: str | None = None
    carries_target: bool = False


def target_column(target, names, width, file):
    """Return the index of the target column from its name or its number."""
    return column_number(str(target), SimpleNamespace(names=names, width=width, file=file), TargetError)


@contextmanager
def source_of(file, target, layer):
    """Within, the `Source` of a file."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    suffix = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else (suffixes or [""])[-1]
    if suffix not in OPENERS:
        raise DataError(f"{file}: cannot convert {suffix or 'a file without a suffix'}; known are {', '.join(OPENERS)}")
    if layer is not None and suffix not in (".h5ad", ".zarr"):
        raise DataError(f"{file}: only AnnData has layers")
    try:
        with OPENERS[suffix](file, target, layer) as source:
            yield source
    except UnicodeDecodeError:
        raise DataError(f"{file} is not text in UTF-8") from None
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise DataError(f"{file} is damaged or not whole: {one_line(error)}") from None


def text_of(file):
    """Open a text file, compressed or not."""
    if file.suffix.lower() == ".gz":
        return gzip.open(file, "rt", encoding="utf-8-sig")
    return open(file, encoding="utf-8-sig")


def needed(module, extra, file):
    """Import a package that an extra brings."""
    try:
        return import_module(module)
    except ImportError:
        raise DataError(f'{file} needs {module}: pip install "fastlasso[{extra}]"') from None


def runs(ends, size):
    """Yield (start, stop) runs of rows that hold about `size` of the entries whose numbers end at `ends`."""
    start, before = 0, 0
    while start < len(ends):
        stop = max(start + 1, int(np.searchsorted(ends, before + size, side="right")))
        yield start, stop
        start, before = stop, int(ends[stop - 1])


# ---------------------------------------------------------------- text


def chunks(lines):
    """Yield lists of consecutive lines."""
    chunk, size = [], 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if len(chunk) == LINES or size > CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


@contextmanager
def open_svm(file, target, layer):
    """Lines of `target index:value ...`."""
    del target, layer

    def pieces():
        number = 0
        with text_of(file) as lines:
            for chunk in chunks(lines):
                yield rows_of_svm(chunk, number, file)
                number += len(chunk)

    yield Source(True, np.dtype(float), None, pieces, carries_target=True)


# Text that holds nothing but numbers.
PLAIN = re.compile(r"[0-9eE+\-.\s]*")


def rows_of_svm(chunk, number, file):
    """Return (values, columns, counts, y) of some lines; `number` lines came before."""
    lines = [line.partition("#")[0] for line in chunk]
    lines = [line for line in lines if line.strip()]
    counts = np.array([line.count(":") for line in lines], np.int64)
    tokens = " ".join(lines).replace(":", " ")
    tokens = tokens.split() if PLAIN.fullmatch(tokens) else []
    if not lines or len(tokens) != len(lines) + 2 * counts.sum():
        return rows_one_by_one(chunk, number, file)
    try:
        numbers = np.array(tokens).astype(float)
    except ValueError:
        return rows_one_by_one(chunk, number, file)
    first = np.cumsum(counts) - counts
    at = np.arange(len(lines)) + 2 * first
    pairs = np.delete(numbers, at).reshape(-1, 2)
    columns = pairs[:, 0].astype(np.int64) - 1
    steps = np.diff(columns, prepend=-1)
    steps[first[counts > 0]] = 1
    sound = (columns + 1 == pairs[:, 0]) & (steps > 0) & (columns >= 0) & (columns < MAX_SIDE)
    if not (sound.all() and np.isfinite(numbers).all()):
        return rows_one_by_one(chunk, number, file)     # it says which line is wrong
    return pairs[:, 1], columns, counts, numbers[at]


def rows_one_by_one(chunk, number, file):
    """As `rows_of_svm`, line by line, which finds the line that is wrong."""
    y, values, columns, counts = [], [], [], []
    for k, line in enumerate(chunk, number + 1):
        if fields := line.partition("#")[0].split():
            before = len(values)
            try:
                y.append(finite(fields[0], "the target"))
                add_entries(fields[1:], [], values, columns, 1)
            except ValueError as error:
                raise DataError(f"{file} line {k}: {error}") from None
            counts.append(len(values) - before)
    return np.array(values, float), np.array(columns, np.int64), np.array(counts, np.int64), np.array(y, float)


@contextmanager
def open_csv(file, target, layer):
    """Numbers between delimiters; the first line may name the columns."""
    del layer
    with text_of(file) as lines:
        skip, line = next(((k, line) for k, line in enumerate(lines) if line.strip()), (0, ""))
    delimiter = next((mark for mark in "\t;," if mark in line), None)
    first = [field.strip() for field in split(line, delimiter)]
    if not first:
        raise DataError(f"{file} is empty")
    header = has_header(first, ".", ())
    names = tuple(first) if header else None
    at = None if target is None else target_column(target, names, len(first), file)
    if len(first) == 1 and at is not None:
        raise DataError(f"{file} has no column besides the target")

    def pieces():
        number = skip + header
        with text_of(file) as lines:
            for _ in islice(lines, skip + header):
                pass
            for chunk in chunks(lines):
                if rows := [line for line in chunk if line.strip()]:
                    yield rows_of_csv(rows, delimiter, at, len(first), file, number)
                number += len(chunk)

    kept = None if names is None else [name for j, name in enumerate(names) if j != at]
    yield Source(False, np.dtype(float), len(first) - (at is not None), pieces, names=kept,
                 target_name=None if at is None else (names[at] if names else f"x{at + 1}"))


def rows_of_csv(lines, delimiter, at, width, file, number):
    """Return (rows, y) of some lines; a target that is no number stays text."""
    try:
        table = np.loadtxt(lines, delimiter=delimiter, quotechar='"', comments=None, ndmin=2)
        if table.shape[1] == width and np.isfinite(table).all():
            return (table, None) if at is None else (np.delete(table, at, axis=1), table[:, at])
    except ValueError:
        pass
    rows, y = [], []
    for k, line in enumerate(lines, number + 1):
        fields = [field.strip() for field in split(line, delimiter)]
        if len(fields) != width:
            raise DataError(f"{file} near line {k}: {len(fields)} fields, but {width} in the first line")
        bad = next((j for j, field in enumerate(fields) if j != at and not is_number(field)), None)
        if bad is not None or (at is not None and not fields[at]):
            bad = at if bad is None else bad
            field = None if fields[bad].lower() in MISSING else fields[bad]
            raise DataError(f"{file} near line {k}, column {bad + 1}: {complaint(field)}")
        rows.append([float(field) for j, field in enumerate(fields) if j != at])
        y.append(None if at is None else fields[at])
    return np.array(rows), None if at is None else np.array(y)


@contextmanager
def open_mtx(file, target, layer):
    """Matrix Market: coordinates in any order, or a dense array by columns."""
    del target, layer
    with text_of(file) as lines:
        words = lines.readline().lower().split()
        known = words[:2] == ["%%matrixmarket", "matrix"] and words[3:4] in (["real"], ["integer"], ["pattern"])
        if len(words) != 5 or not known:
            raise DataError(f"{file} is not a Matrix Market file of real numbers")
        skip, line = next(((k, line) for k, line in enumerate(lines, 1) if line.strip() and line[0] != "%"), (1, ""))
    coordinate, symmetry = words[2] == "coordinate", words[4]
    sides = [int(side) for side in line.split() if side.isdigit()]
    if len(sides) != 2 + coordinate or max(sides[:2]) > MAX_SIDE or symmetry not in SIGNS:
        raise DataError(f"{file} does not say a shape that can be read")
    if not coordinate and symmetry != "general":
        raise DataError(f"{file} is a dense array with symmetry, which is not read: save it as a general one")

    def entries():
        seen = 0
        with text_of(file) as lines:
            for _ in islice(lines, skip + 1):
                pass
            for chunk in chunks(lines):
                if kept := [line for line in chunk if line.strip()]:
                    rows, columns, values = entries_of(kept, coordinate, words[3] == "pattern", seen, sides[0], file)
                    seen += len(rows)
                    yield from mirrored(rows, columns, values, SIGNS[symmetry])
        expected = sides[2] if coordinate else sides[0] * sides[1]
        if seen != expected:
            raise DataError(f"{file} has {seen} entries, but announces {expected}: it is not whole")

    yield Source(True, np.dtype(float), sides[1], entries=entries, shape=tuple(sides[:2]))


# What an entry's mirror image is multiplied by.
SIGNS = {"general": None, "symmetric": 1.0, "skew-symmetric": -1.0}


def entries_of(lines, coordinate, pattern, seen, n, file):
    """Return (rows, columns, values) of some lines of a Matrix Market file."""
    try:
        table = np.loadtxt(lines, ndmin=2, comments="%")
        if table.shape[1] != (3 - pattern if coordinate else 1) or not np.isfinite(table).all():
            raise ValueError("a line has another number of fields than it should, or holds NaN or infinity")
    except ValueError as error:
        raise DataError(f"{file} is not a Matrix Market file: {one_line(error)}") from None
    if not coordinate:
        at = seen + np.arange(len(table))
        return at % n, at // n, table[:, 0]
    rows, columns = table[:, 0].astype(np.int64) - 1, table[:, 1].astype(np.int64) - 1
    return rows, columns, np.ones(len(table)) if pattern else table[:, 2]


def mirrored(rows, columns, values, sign):
    """Yield the entries, and the mirror images of those off the diagonal where there is a sign for them."""
    yield rows, columns, values
    if sign is not None:
        off = rows != columns
        yield columns[off], rows[off], sign * values[off]


# ---------------------------------------------------------------- NumPy


@contextmanager
def open_npy(file, target, layer):
    """A dense matrix."""
    del layer
    try:
        X = np.load(file, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise DataError(f"{file} is not a NumPy file of numbers: {one_line(error)}") from None
    if X.ndim != 2 or X.dtype.kind not in "fiub":
        raise DataError(f"{file} holds {X.dtype} of shape {X.shape}; a matrix of numbers is needed")
    yield dense_source(X, target, file)


def dense_source(X, target, file, names=None):
    """The `Source` of a dense matrix that is sliced by rows."""
    n, p = X.shape
    at = None if target is None else target_column(target, names, p, file)

    def pieces():
        for start in range(0, n, max(1, VALUES // p)):
            rows = np.asarray(X[start:start + max(1, VALUES // p)])
            yield (rows, None) if at is None else (np.delete(rows, at, axis=1), rows[:, at].astype(float))

    return Source(False, values_kind(X.dtype), p - (at is not None), pieces, names=names,
                  target_name=None if at is None else f"x{at + 1}")


def values_kind(dtype):
    """float32 for float32, else float64."""
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


@contextmanager
def open_npz(file, target, layer):
    """A sparse matrix saved by `scipy.sparse.save_npz`, its arrays streamed out of the archive."""
    if target is not None:
        raise DataError(f"{file} is sparse and has no column to be the target: give a target file")
    del layer
    with zipfile.ZipFile(file) as archive:
        try:
            form = np.asarray(member(archive, "format").read()).item()
            form = form.decode() if isinstance(form, bytes) else form
            shape = tuple(int(side) for side in member(archive, "shape").read())
        except (KeyError, ValueError) as error:
            raise DataError(f"{file} is no matrix saved by scipy.sparse.save_npz: {one_line(error)}") from None
        if form not in ("csr", "csc", "coo"):
            raise DataError(f"{file} is stored as {form}; csr, csc and coo are read")
        streams = lambda *names: [member(archive, name) for name in names]      # noqa: E731
        yield stored_source(streams, form, shape, file)


class StreamedArray:
    """An array of a .npz that is read from its beginning to its end."""

    def __init__(self, stream):
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        self.shape, _, self.dtype = read(stream)
        self.stream = stream

    def __len__(self):
        return self.shape[0]

    def read(self, count=None):
        """Return the next `count` values, or all."""
        count = int(np.prod(self.shape)) if count is None else count
        values = self.stream.read(count * self.dtype.itemsize)
        if len(values) < count * self.dtype.itemsize:
            raise EOFError("an array ends early")
        array = np.frombuffer(values, self.dtype)
        return array if self.shape else array.reshape(())


def member(archive, name):
    """Open an array of a .npz."""
    return StreamedArray(archive.open(f"{name}.npy"))


class SlicedArray:
    """A dataset of HDF5 or zarr read from its beginning to its end, as `StreamedArray`."""

    def __init__(self, values):
        self.values, self.at, self.dtype = values, 0, values.dtype

    def __len__(self):
        return self.values.shape[0]

    def read(self, count=None):
        """Return the next `count` values, or all."""
        stop = len(self) if count is None else self.at + count
        piece = np.asarray(self.values[self.at:stop])
        self.at = stop
        return piece


def stored_source(streams, form, shape, file):
    """The `Source` of data, indices and indptr (or row, col and data) that ``streams(*names)`` opens anew."""
    data, = streams("data")
    if data.dtype.kind not in "fiub":
        raise DataError(f"{file} holds {data.dtype}, not numbers")
    kind = values_kind(data.dtype)
    if form == "csr":
        return Source(True, kind, shape[1], lambda: stored_rows(streams, shape[0], file))

    def entries():
        if form == "coo":
            rows, columns, values = streams("row", "col", "data")
            for start in range(0, len(values), VALUES):
                count = min(VALUES, len(values) - start)
                yield rows.read(count).astype(np.int64), columns.read(count).astype(np.int64), values.read(count)
            return
        start = 0
        for values, rows, counts, _ in stored_rows(streams, shape[1], file):
            yield rows.astype(np.int64), np.repeat(np.arange(start, start + len(counts)), counts), values
            start += len(counts)

    return Source(True, kind, shape[1], entries=entries, shape=shape)


def stored_rows(streams, n_major, file):
    """Yield (values, indices, counts, None) of some major slices at a time."""
    pointers, = streams("indptr")
    indptr = pointers.read().astype(np.int64)
    data, indices = streams("data", "indices")
    if len(indptr) != n_major + 1 or indptr[0] != 0 or (np.diff(indptr) < 0).any() or indptr[-1] != len(data) or (
            len(indices) != len(data)):
        raise DataError(f"{file}: corrupt sparse matrix: indptr does not fit data, indices and shape")
    for start, stop in runs(indptr[1:], VALUES):
        count = int(indptr[stop] - indptr[start])
        yield data.read(count), indices.read(count), np.diff(indptr[start:stop + 1]), None


# ---------------------------------------------------------------- optional packages


@contextmanager
def open_parquet(file, target, layer):
    """A table of numbers, a batch of rows at a time."""
    del layer
    parquet = needed("pyarrow.parquet", "parquet", file)
    with parquet.ParquetFile(file) as table:
        names = tuple(table.schema_arrow.names)
        at = None if target is None else target_column(target, names, len(names), file)
        kept = [name for j, name in enumerate(names) if j != at]
        single = all(str(table.schema_arrow.field(name).type) == "float" for name in kept)

        def pieces():
            for batch in table.iter_batches(batch_size=max(1, VALUES // len(names))):
                rows = np.empty((batch.num_rows, len(kept)), np.float32 if single else np.float64)
                for j, name in enumerate(kept):
                    rows[:, j] = column_of(batch, name, file, numeric=True)
                yield rows, None if at is None else column_of(batch, names[at], file, numeric=False)

        yield Source(False, np.dtype(np.float32 if single else np.float64), len(kept), pieces, names=kept,
                     target_name=None if at is None else names[at])


def column_of(batch, name, file, numeric):
    """A column of a batch as an array."""
    column = batch.column(batch.schema.get_field_index(name))
    if column.null_count:
        raise DataError(f"{file}: column {name!r} has missing values")
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype.kind in "fiub":
        return values
    if numeric or str(column.type) not in ("string", "large_string"):
        raise DataError(f"{file}: column {name!r} holds {column.type}, not numbers")
    return values.astype(str)


@contextmanager
def open_h5ad(file, target, layer):
    """AnnData in HDF5."""
    with needed("h5py", "anndata", file).File(file, "r") as root:
        yield anndata_source(root, target, layer, file)


@contextmanager
def open_zarr(file, target, layer):
    """AnnData in zarr, or a group of data, indices and indptr."""
    yield anndata_source(needed("zarr", "anndata", file).open_group(str(file), mode="r"), target, layer, file)


def anndata_source(root, target, layer, file):
    """The `Source` of an AnnData file's X or layer, or of a group that is the matrix itself."""
    alone = "indptr" in root
    try:
        X = root if alone else root["X" if layer is None else f"layers/{layer}"]
    except KeyError:
        raise DataError(f"{file} has no {'X' if layer is None else f'layer {layer!r}'}") from None
    y = None if target is None or alone else observed(root, target, file)
    names = None if alone or "var" not in root else texts(root["var"], file)
    if hasattr(X, "dtype"):
        source = dense_source(X, None, file, names)
    else:
        form = str(X.attrs.get("encoding-type", "csr_matrix")).removesuffix("_matrix")
        shape = tuple(int(side) for side in X.attrs["shape"]) if "shape" in X.attrs else None
        if form not in ("csr", "csc") or shape is None:
            raise DataError(f"{file}: X is stored as {form} of shape {shape}; csr and csc with a shape are read")
        source = stored_source(lambda *parts: [SlicedArray(X[name]) for name in parts], form, shape, file)
    if target is not None and alone:
        raise DataError(f"{file} is a matrix alone and has no obs: give a target file")
    return replace(source, y=y, names=names, target_name=None if target is None else str(target))


def observed(root, target, file):
    """A column of obs: numbers, or the words of a categorical."""
    try:
        column = root["obs"][target]
    except KeyError:
        raise DataError(f"{file} has no column {target!r} in obs") from None
    if not hasattr(column, "dtype"):
        codes, words = np.asarray(column["codes"][:]), decoded(column["categories"][:])
        if (codes < 0).any():
            raise DataError(f"{file}: column {target!r} of obs has missing values")
        return words[codes]
    return decoded(column[:])


def texts(frame, file):
    """The index of a frame of AnnData."""
    name = frame.attrs.get("_index", "_index")
    name = name.decode() if isinstance(name, bytes) else name
    if name not in frame:
        raise DataError(f"{file}: a table has no index {name!r}")
    return [str(text) for text in decoded(frame[name][:])]


def decoded(values):
    """Values as numbers or strings."""
    values = np.asarray(values)
    if values.dtype.kind in "OSTU":
        return np.array([text.decode() if isinstance(text, bytes) else str(text) for text in values.tolist()])
    return values if values.dtype.kind in "iub" else values.astype(float)


OPENERS = {".svm": open_svm, ".libsvm": open_svm, ".mtx": open_mtx, ".csv": open_csv, ".npy": open_npy,
           ".npz": open_npz, ".parquet": open_parquet, ".h5ad": open_h5ad, ".zarr": open_zarr}
