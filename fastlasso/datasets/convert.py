"""`convert`: any file that can be read into a folder that can be mapped, in a stream."""

from os import PathLike
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .errors import DataError, TargetError
from .folder import open_folder
from .readers import aligned, read_vector
from .source import Source
from .sources import source_of
from .writers import CsrWriter, TableWriter, complete, new_folder, rows_of_entries


def convert(source: Any, folder: str | PathLike[str], *, target: str | int | None = None,
            target_file: str | PathLike[str] | None = None, dtype: DTypeLike | None = None,
            layer: str | None = None) -> str:
    """Write the data of a file to a folder that `open_dataset` maps, some rows at a time.

    Parameters
    ----------
    source : str or path
        .svm, .libsvm, .mtx, .csv (each also .gz), .npz (scipy sparse), .npy, .parquet (extra ``[parquet]``), .h5ad,
        .zarr (AnnData, or a group of data, indices and indptr; extra ``[anndata]``).
    folder : str or path
        Must not exist. It appears under this name only when it is whole and on the disk.
    target : str or int, optional
        The column that is y: a name, or a number from 1, of a .csv, .npy or .parquet; a column of `obs` of AnnData. A
        .svm carries its own.
    target_file : str or path, optional
        .npy, .npz, .csv or .txt with one number for each row; takes the place of `target`.
    dtype : {"float32", "float64"}, optional
        Default: that of the source; float64 for text.
    layer : str, optional
        A layer of AnnData in place of its X.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        Where the source cannot be read or makes no sense, or the folder exists. No folder is left behind.
    OSError
        Where a file cannot be opened or the disk is full. No folder is left behind.

    Examples
    --------
    >>> import tempfile
    >>> from fastlasso import convert, open_dataset
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with open(f"{place}/d.csv", "w") as file:
    ...         _ = file.write("a,b,y\\n1,2,3\\n4,5,7\\n")
    ...     data = open_dataset(convert(f"{place}/d.csv", f"{place}/d", target="y"))
    ...     data.X.shape, data.feature_names, data.y.tolist()
    ((2, 2), ('a', 'b'), [3.0, 7.0])
    """
    source, folder = Path(source), Path(folder)
    if dtype is not None and np.dtype(dtype) not in (np.float32, np.float64):
        raise DataError(f"dtype is float32 or float64, not {dtype}")
    if not source.exists():
        raise FileNotFoundError(2, "No such file or directory", str(source))
    with new_folder(folder) as place, source_of(source, None if target_file else target, layer) as data:
        if target is not None and data.carries_target and target_file is None:
            raise TargetError(f"{source} carries its own target; a target file can replace it, a column cannot")
        kind = data.dtype if dtype is None else np.dtype(dtype)
        with (CsrWriter if data.is_sparse else TableWriter)(place, kind, data.n_features) as writer:
            targets = write_rows(data, writer, place, kind)
            y, name = np.concatenate(targets) if targets else data.y, data.target_name
            if target_file is not None:
                y = aligned(read_vector(Source(target_file)), writer.n_rows, "y", SimpleNamespace(file=source))
                name = Path(target_file).stem
            complete(place, writer, y, data.names, name or "y", source.name)
    open_folder(folder)
    return folder


def write_rows(data, writer, place, dtype):
    """Write all rows of a source; return the pieces of its target."""
    targets = []
    if data.entries is not None:
        for piece in rows_of_entries(place, data.entries, data.shape, dtype):
            writer.append(*piece)
        return targets
    for *rows, y in data.pieces():
        writer.append(*rows)
        if y is not None:
            targets.append(y)
    return targets
