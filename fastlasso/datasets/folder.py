"""The on-disk form of a problem that is larger than memory: a folder of .npy files and a header.

    header.json     format, version, kind ("csr" or "dense"), shape, the size of every file and checksums
    data.npy, indices.npy, indptr.npy       a CSR matrix: float32 or float64, int32 (int64 for many columns), int64
    X.npy           or a dense matrix by rows, float32 or float64
    y.npy           the target, where there is one
    names.json      the names of the columns, where they have any

A folder is written under a temporary name, flushed to the disk, and only then given its own name.
"""

import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import DataError

FORMAT, VERSION = "fastlasso dataset", 1
HEADER, NAMES, TARGET = "header.json", "names.json", "y.npy"
PARTS = {"csr": ("data.npy", "indices.npy", "indptr.npy"), "dense": ("X.npy",)}
# Files whose checksum covers all of their bytes. Of the others it covers both ends: reading all would be a pass.
SMALL = ("indptr.npy", TARGET, NAMES)
# Bytes at each end of a large file that its checksum covers.
END = 1 << 16
# Bytes read at a time.
PIECE = 1 << 22


@dataclass(frozen=True, eq=False)
class Folder:
    """An open folder: its header, and its arrays mapped read-only.

    Attributes
    ----------
    path : Path
    header : dict
    parts : tuple of arrays
        (data, indices, indptr), or (X,).
    y : ndarray of shape (n_samples,), or None
    feature_names : tuple of str, or None
    stamps : dict
        Size and time of change of each file, as it was opened.
    """

    path: Path
    header: dict
    parts: tuple
    y: np.ndarray | None
    feature_names: tuple | None
    stamps: dict

    @property
    def is_sparse(self):
        """Whether X is a CSR matrix."""
        return self.header["kind"] == "csr"

    def check_unchanged(self):
        """Raise DataError where a file was changed, replaced or removed since the folder was opened."""
        for name, stamp in self.stamps.items():
            if stamp != stamp_of(self.path / name):
                raise DataError(f"{self.path / name} has changed since it was opened")


def open_folder(path):
    """Open a folder that `convert` or `write_header` has completed.

    Raises
    ------
    DataError
        Where it is no such folder, was written by a newer version, or its files are not those of the header.
    """
    path = Path(path)
    header = read_header(path)
    for name, facts in header["files"].items():
        if stamp_of(path / name)[0] != facts["size"]:
            raise DataError(f"{path / name} has {stamp_of(path / name)[0]} bytes, the header says {facts['size']}")
        if checksum(path / name) != facts["crc32"]:
            raise DataError(f"{path / name} is not the file that the header describes: its checksum differs")
    stamps = {name: stamp_of(path / name) for name in (*header["files"], HEADER)}
    parts = tuple(mapped(path / name) for name in PARTS[header["kind"]])
    check_parts(path, header, parts)
    y = np.load(path / TARGET, allow_pickle=False) if TARGET in header["files"] else None
    if y is not None and y.shape != (header["shape"][0],):
        raise DataError(f"{path / TARGET} has shape {y.shape}, X has {header['shape'][0]} rows")
    names = tuple(json.loads((path / NAMES).read_text())) if NAMES in header["files"] else None
    return Folder(path, header, parts, y, names, stamps)


def read_header(path):
    """Return the header of a folder, checked."""
    try:
        header = json.loads((path / HEADER).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{path} is not a folder made by `fastlasso convert`: it has no {HEADER}") from None
    except ValueError as error:
        raise DataError(f"{path / HEADER} is damaged: {error}") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DataError(f"{path / HEADER} is not the header of a fastlasso dataset")
    if header.get("version") != VERSION:
        raise DataError(f"{path} has version {header.get('version')} of the format, this fastlasso reads {VERSION}")
    if header.get("crc32") != header_checksum(header):
        raise DataError(f"{path / HEADER} is damaged: its checksum differs")
    return header


def check_parts(path, header, parts):
    """Raise DataError unless the arrays are those of the header."""
    n, _ = header["shape"]
    if header["kind"] == "dense":
        X, = parts
        sound = list(X.shape) == header["shape"] and X.flags.c_contiguous
    else:
        data, indices, indptr = parts
        sound = (data.shape == indices.shape == (header["nnz"],) and indptr.shape == (n + 1,)
                 and indptr.dtype == np.int64 and indices.dtype in (np.int32, np.int64)
                 and indptr[0] == 0 and indptr[-1] == header["nnz"] and bool((indptr[1:] >= indptr[:-1]).all()))
    if not sound or parts[0].dtype.str not in ("<f4", "<f8"):
        raise DataError(f"{path}: the arrays do not fit the header")


def mapped(file):
    """Map an array read-only; an empty one cannot be mapped, and is loaded."""
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        try:
            array = np.load(file, allow_pickle=False)
        except ValueError:
            array = None
        if array is None or array.size:
            raise DataError(f"{file} is not a .npy file: {error}") from None
    return array


def stamp_of(file):
    """Return (size, time of change) of a file; (-1, 0) where there is none."""
    try:
        facts = os.stat(file)
    except OSError:
        return -1, 0
    return facts.st_size, facts.st_mtime_ns


def checksum(file):
    """Return the CRC-32 of a small file, or of both ends of a large one."""
    with open(file, "rb") as stream:
        if file.name not in SMALL:
            size = os.fstat(stream.fileno()).st_size
            first = stream.read(END)
            stream.seek(max(size - END, 0))
            return zlib.crc32(stream.read(END), zlib.crc32(first))
        crc = 0
        while piece := stream.read(PIECE):
            crc = zlib.crc32(piece, crc)
        return crc


def header_checksum(header):
    """Return the CRC-32 of a header without that field."""
    facts = {name: value for name, value in header.items() if name != "crc32"}
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())


def write_header(path, kind, shape, nnz, target_name, source):
    """Complete a folder whose other files are written: note their sizes and checksums, and flush all to the disk."""
    files = sorted(file for file in path.iterdir() if file.name != HEADER)
    header = {"format": FORMAT, "version": VERSION, "kind": kind, "shape": [int(side) for side in shape],
              "nnz": int(nnz), "target_name": target_name, "source": source,
              "files": {file.name: {"size": file.stat().st_size, "crc32": checksum(file)} for file in files}}
    header["crc32"] = header_checksum(header)
    (path / HEADER).write_text(json.dumps(header, indent=1), encoding="utf-8")
    for file in (*files, path / HEADER, path):
        flush(file)


def flush(file):
    """Have a file or folder on the disk before anything that follows."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
