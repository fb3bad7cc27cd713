"""A path on disk while it is fitted: the certified part, written after each batch, from which a fit goes on."""

import json
import os
import tempfile
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path

import numpy as np

from ..losses.choose import SQUARED_ERROR
from ..solver.base import Batch
from .saved import CHECKPOINT

VERSION = 2
# Multiples of the golden ratio, modulo 1, are evenly spread and all different.
GOLDEN = 0.6180339887498949
# The arrays of a batch that are kept, with the columns that are used.
ARRAYS = ("alphas", "cols", "coefs", "gaps", "misfits", "centres", "newton")


class Checkpoint:
    """The file of one fit.

    Parameters
    ----------
    file : str or path
    problem, limits : Problem, Limits
        They and the grid must be those of the fit that wrote the file.
    asked : list
        The alphas of the caller, or their number and eps.
    """

    def __init__(self, file, problem, limits, asked):
        self.file, self.facts = Path(file), facts_of(problem, limits) | {"alphas": asked}
        self._kept = []         # the arrays of each batch, as they are written

    def grid(self):
        """Return the grid of the file; None where there is no file.

        Raises
        ------
        ValueError
            Where the file is no checkpoint, or one of other data or options.
        """
        if not self.file.exists():
            return None
        try:
            with np.load(self.file, allow_pickle=False) as stored:
                arrays = dict(stored)
            text = json.loads(arrays.pop("meta").tobytes())
            grid = arrays.pop("grid")
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{self.file} is not a checkpoint of fastlasso: {error}") from error
        if text.get("format") != CHECKPOINT or text.get("version") != VERSION:
            raise ValueError(f"{self.file} is not a checkpoint that this fastlasso reads")
        differ = [name for name, value in self.facts.items() if text["facts"].get(name) != value]
        if differ:
            raise ValueError(f"{self.file} is the checkpoint of another fit: it differs in {', '.join(differ)}; remove "
                             "it, or name another file")
        self._kept = [{name: arrays[f"{k}-{name}"] for name in (*ARRAYS, "passes") if f"{k}-{name}" in arrays}
                      for k in range(text["n_batches"])]
        return grid

    def batches(self):
        """Return (batches, passes over X up to each alpha) of the file that `grid` has read."""
        names = {field.name for field in fields(Batch)}
        batches = [Batch(observed=[], **{name: kept.get(name) for name in ARRAYS if name in names})
                   for kept in self._kept]
        return batches, [passes for kept in self._kept for passes in kept["passes"].tolist()]

    def write(self, solver, grid):
        """Add the last batch of a `PathSolver`, and write the file: whole or not at all."""
        batch, keep = solver.batches[-1]
        used = np.flatnonzero(batch.coefs[:keep].any(axis=0))
        kept = {"alphas": batch.alphas[:keep], "cols": batch.cols[used], "coefs": batch.coefs[:keep, used],
                "passes": np.array(solver.passes[len(solver.passes) - keep:], float)}
        for name in ("gaps", "misfits", "centres", "newton"):
            if getattr(batch, name) is not None:
                kept[name] = getattr(batch, name)[:keep]
        self._kept.append(kept)
        text = {"format": CHECKPOINT, "version": VERSION, "facts": self.facts, "n_batches": len(self._kept)}
        arrays = {f"{k}-{name}": value for k, kept in enumerate(self._kept) for name, value in kept.items()}
        replace_file(self.file, lambda stream: np.savez(
            stream, meta=np.frombuffer(json.dumps(text).encode(), np.uint8), grid=grid, **arrays))


def replace_file(file, write):
    """Have ``write(stream)`` write a new file on the disk, and give it the name `file` in one step."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def facts_of(problem, limits):
    """Return what tells a problem from another: scalars, and checksums of what one pass measured and of the options.

    X is known by its products with the null model's residual and with a vector of no structure, which takes a pass, and
    by the norms and the means of its columns. None of these depends on the number of threads.
    """
    design, penalty = problem.design, problem.penalty
    loss, offset = problem.loss_given, getattr(problem.loss, "offset", None)
    unlike = (np.arange(1, design.n_samples + 1) * GOLDEN) % 1.0 - 0.5
    crc = lambda *arrays: zlib.crc32(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))     # noqa: E731
    return {"shape of X": [design.n_samples, design.n_features],
            "data": crc(problem.correlation, design.norm2, design.mean, design.correlations(unlike[None])),
            "y": crc(problem.loss.y), "offset": None if offset is None else crc(offset),
            "null objective": float(problem.null_objective).hex(),
            "loss": loss if loss == SQUARED_ERROR else [loss.name, {k: float(v) for k, v in loss.parameters.items()}],
            "penalty": crc(*penalty.arrays()), "l1_ratio": problem.l1_ratio, "standardize": problem.standardize,
            "fit_intercept": bool(design.fit_intercept),
            "sample_weight": None if design.weights is None else crc(design.weights),
            "tol": limits.tol, "dfmax": limits.dfmax, "max_r2": limits.max_r2}
