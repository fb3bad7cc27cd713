"""Which algorithm solves a problem: the size limits between algorithms, in one value.

Every algorithm solves the same problem to the same certificate, so these limits change cost and rounding alone. Code
calls `ways()`. Tests solve small problems by the algorithms of large ones with ``with going(small=0): ...``, which
changes the limits of the whole process.
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Ways:
    """Limits between the ways to solve a problem.

    Attributes
    ----------
    small : int
        Values of a dense X up to which plain options go through two compiled calls (`path/small.py`).
    summed_from : int
        Stored values of a compressible dense X from which moments and Gram matrix are formed in one pass.
    compress_features : int
        Columns up to which a problem with n >= p is solved from the Gram matrix of all columns: forming it costs less
        than 25 passes over X. With at most 64 columns n may be smaller (`matrices.base.compressible`).
    fold_sums : bool
        Whether the folds of a cross-validation may be known by their sums.
    gram_form : bool or None
        Whether the working set is solved on its Gram matrix; None asks the cost model.
    gram_bytes : int
        Memory always allowed for a Gram matrix and its factor: 256 MB.
    reading_ns : float
        What Gram rows must cost for columns to be read on the way to an alpha far below the last one (`cost.py`).
    largest_newton : int
        Coordinates of the largest dense system of a Newton step or refit: 1,500 take a tenth of a second.
    newton_steps : int
        Newton steps in a row on a Gram matrix.
    patience : int
        Rounds of epochs and Newton steps in a row that may lower the gap by less than a hundredth.
    max_unpenalised : int
        Unpenalised columns refitted exactly; more are left as descent leaves them.
    max_sweeps : int or None
        Sweeps over the columns for one alpha, at most; None leaves that to `max_iter`.
    sign_rounds : int
        Rounds of projecting out unpenalised columns that pull away from their only bound.
    """

    small: int = 1 << 16
    summed_from: int = 1 << 18
    compress_features: int = 640
    fold_sums: bool = True
    gram_form: bool | None = None
    gram_bytes: int = 1 << 28
    reading_ns: float = 3e5
    largest_newton: int = 1500
    newton_steps: int = 64
    patience: int = 64
    max_unpenalised: int = 2000
    max_sweeps: int | None = None
    sign_rounds: int = 12


_present = Ways()


def ways():
    """Return the limits in force."""
    return _present


@contextmanager
def going(**changes):
    """Put other limits in force within the context."""
    global _present
    before = _present
    _present = replace(before, **changes)
    try:
        yield
    finally:
        _present = before
