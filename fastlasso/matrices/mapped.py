"""X in a folder on disk (`datasets/folder.py`), mapped read-only and read in blocks of rows."""

import os
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from threading import Event
from typing import Any

import numpy as np

from ..datasets.folder import PARTS, open_folder
from ..datasets.readers import MAX_NAMED, Dataset
from .dense import DenseRows
from .row_blocks import Block, Blocks, RowBlocks
from .sparse import SparseRows

# Bytes of a block: 64 MB, or as many as BLOCK_SUMS vectors of p values, whose additions a block costs.
BLOCK_BYTES = 1 << 26
BLOCK_SUMS = 16
# Bytes of a request to read ahead.
AHEAD_BYTES = 1 << 23


def open_dataset(folder: str | PathLike[str]) -> Any:
    """Open a problem that `convert` has written to a folder; X stays on disk.

    Parameters
    ----------
    folder : str or path

    Returns
    -------
    Dataset
        X is a matrix that every function of fastlasso takes in place of an array. y is None where the folder has none.

    Raises
    ------
    DataError
        Where the folder is not whole, was written by a newer version, or its files are not those of its header. A file
        that changes later makes the next pass over X raise it.

    Examples
    --------
    >>> import tempfile
    >>> import fastlasso
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with open(f"{place}/small.svm", "w") as file:
    ...         _ = file.write("1.5 1:2 3:1\\n-1 2:1\\n0.5 1:1 2:1\\n")
    ...     folder = fastlasso.convert(f"{place}/small.svm", f"{place}/small")
    ...     data = fastlasso.open_dataset(folder)
    ...     data.X.shape, fastlasso.fit(data.X, data.y, 0.1).certified
    ((3, 3), True)
    """
    opened = open_folder(folder)
    X = RowBlocks(MappedBlocks(opened))
    names = opened.feature_names
    if names is None and X.shape[1] <= MAX_NAMED:
        names = tuple(f"x{j}" for j in range(1, X.shape[1] + 1))
    return Dataset(X, opened.y, names, opened.header["target_name"], opened.header["source"])


class MappedBlocks(Blocks):
    """The rows of an open folder in blocks of about `block_bytes`.

    While a block is in use the system is asked to read the next one. Nothing is copied: a block is a view of the maps.

    Attributes
    ----------
    folder : Folder
    files : list of int
        Descriptors of the mapped files, for the requests to read ahead.
    """

    def __init__(self, folder, block_bytes=None):
        self.folder, self.is_sparse, self.dtype = folder, folder.is_sparse, folder.parts[0].dtype
        self.shape, self.nnz = tuple(folder.header["shape"]), folder.header["nnz"]
        self.nbytes = sum(part.nbytes for part in folder.parts)
        self.starts = self._cuts(max(BLOCK_BYTES, 8 * BLOCK_SUMS * self.shape[1]) if block_bytes is None
                                 else block_bytes)
        self.files = [os.open(folder.path / name, os.O_RDONLY) for name in PARTS[folder.header["kind"]][:2]]

    def __del__(self):
        self.close()

    def close(self):
        for file in self.__dict__.pop("files", ()):
            os.close(file)

    def _cuts(self, size):
        """First rows of the blocks, and the number of rows."""
        n, p = self.shape
        if not self.is_sparse:
            return np.append(np.arange(0, n, max(1, size // (p * self.dtype.itemsize))), n)
        indptr = self.folder.parts[2]
        each = self.dtype.itemsize + self.folder.parts[1].dtype.itemsize
        values = min(max(1, size // each), np.iinfo(np.int32).max)
        edges = np.searchsorted(indptr, np.arange(values, self.nnz, values))
        return np.unique(np.concatenate([[0], edges, [n]]))

    def each(self, part, pool, arguments, blocks=None):
        blocks = range(self.count) if blocks is None else blocks
        ended, reader = Event(), ThreadPoolExecutor(1, thread_name_prefix="fastlasso-read")
        try:
            for k, after in zip(blocks, [*blocks[1:], None], strict=True):
                pool.check()
                self.folder.check_unchanged()
                if after is not None:
                    reader.submit(self._read_ahead, after, ended)
                yield part(self.block(k), pool, *arguments(k))
            self.folder.check_unchanged()
        finally:
            ended.set()
            reader.shutdown(cancel_futures=True)

    def block(self, k):
        """Block k as a view of the maps."""
        rows = self.rows(k)
        if not self.is_sparse:
            return Block(DenseRows(np.asarray(self.folder.parts[0])[rows]), rows.start)
        data, indices, indptr = map(np.asarray, self.folder.parts)
        first, last = indptr[rows.start], indptr[rows.stop]
        own = (indptr[rows.start:rows.stop + 1] - first).astype(indices.dtype)
        shape = rows.stop - rows.start, self.shape[1]
        return Block(SparseRows((data[first:last], indices[first:last], own), shape, canonical=True), rows.start)

    def _read_ahead(self, k, ended):
        """Ask the system to read block k, a piece at a time: a request may wait for the disk."""
        if not hasattr(os, "posix_fadvise"):
            return
        rows = self.rows(k)
        edges = (rows.start, rows.stop) if not self.is_sparse else self.folder.parts[2][[rows.start, rows.stop]]
        for file, part in zip(self.files, self.folder.parts, strict=False):
            width = part.itemsize * (1 if self.is_sparse else self.shape[1])
            first, last = (int(edge) * width + getattr(part, "offset", 0) for edge in edges)
            for start in range(first, last, AHEAD_BYTES):
                if ended.is_set():
                    return
                os.posix_fadvise(file, start, min(AHEAD_BYTES, last - start), os.POSIX_FADV_WILLNEED)
