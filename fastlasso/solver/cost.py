"""solver.cost."""

import numpy as np

from ..ways import ways

SWEEPS_PER_ALPHA = 60   # what residual form needs for a gap of 1e-6 from a warm start while the face is small,
SWEEPS_SATURATED = 1200 # and what it needs besides when the face approaches n columns (measured on 2,000 x 5,000)
NS_GRAM_STREAM = 1.2    # ns per squared face size and alpha: three face steps that stream the factor and the Gram rows
NS_GRAM_APPEND = 0.15   # ns per squared face size and entering column
NS_ROW_PAIR = 0.6       # ns per column and pair of rows of a ridge problem solved by its rows
NS_REBUILD = 0.03       # ns per cubed face size of a Cholesky factor made anew
NS_PRODUCT = 0.03       # ns per multiply-add of a block of inner products,
NS_SCALED = 6.0         # and per value of the columns that go into it, scaled and turned
NS_SPARSE_VISIT = 2.0   # ns per stored value and sweep, sparse columns
NS_DENSE_VISIT = 0.4    # the same, dense
ROUNDING = 4 * np.finfo(float).eps      # of a sum of products, per unit of the sum of their sizes


def face_cost(n_face, entering=0.0):
    """Nanoseconds of the face steps of one alpha."""
    return max(n_face, 1) ** 2 * (NS_GRAM_STREAM + NS_GRAM_APPEND * entering)


def visit_cost(design):
    """Nanoseconds per stored value of a sweep."""
    return NS_DENSE_VISIT if design.dense else NS_SPARSE_VISIT


def pass_cost(design):
    """Nanoseconds of one pass over X."""
    return design.matrix.nnz * visit_cost(design)


def gram_pays(design, stored, n_slots, n_face, entering, ridge):
    """Whether exact face steps on a Gram matrix cost less than sweeps over `stored` values of the working set.

    ``entering`` is the number of columns that come in per alpha. With a ``ridge`` part the factor is made anew for each
    alpha, but sweeps converge however full the face is. The Gram matrix must also fit: 16 bytes for each
    pair of slots (itself and the factor), at most a quarter of X's own bytes or 256 MB.
    """
    if ways().gram_form is not None:
        return ways().gram_form
    if 16.0 * n_slots * n_slots > max(ways().gram_bytes, design.matrix.nbytes / 4):
        return False
    sweep, gram = visit_cost(design) * stored, face_cost(n_face, entering)
    if ridge:
        return gram + NS_REBUILD * n_face**3 <= SWEEPS_PER_ALPHA * sweep
    sweeps = SWEEPS_PER_ALPHA + SWEEPS_SATURATED * min(n_face / design.n_samples, 1.0) ** 2
    return gram <= sweeps * sweep
