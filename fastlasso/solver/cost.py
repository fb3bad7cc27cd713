"""The cost model: what the ways to solve on a working set take, in nanoseconds.

A face is the set of the non-zero coordinates of a solution, with their signs. Constants were measured on 2 cores of a
2.1 GHz Xeon with AVX-512, on problems of 2,000 x 5,000. Only their ratios matter.
"""

import math

import numpy as np

from ..ways import ways

# Sweeps that residual form needs for a gap of 1e-6 from a warm start, while the face is small beside the rows.
SWEEPS_PER_ALPHA = 60
# Further sweeps that it needs when the face approaches as many columns as there are rows.
SWEEPS_SATURATED = 1200
# Per squared face size and alpha: three face steps, each of which streams the factor and the Gram rows.
NS_GRAM_STREAM = 1.2
# Per squared face size and entering column.
NS_GRAM_APPEND = 0.15
# Per column and pair of rows of a ridge problem solved by its rows.
NS_ROW_PAIR = 0.6
# Per cubed face size of a Cholesky factor made anew.
NS_REBUILD = 0.03
# Per cubed number of rows of a system of the rows that is factored.
NS_CHOLESKY = 0.012
# Per multiply-add of a block of inner products.
NS_PRODUCT = 0.03
# Per value of the columns that go into such a block, scaled and transposed.
NS_SCALED = 6.0
# Newton steps on the rows that one alpha takes, and passes over the working set for each.
NEWTON_STEPS, PASSES_PER_STEP = 3, 2
# Of the calls of these steps, in which nothing is compiled but sums and systems.
NS_NEWTON_CALLS = 3e5
# Alphas that share a sum over the columns in use formed anew.
SHARED = 16
# Alphas over which a Gram matrix that takes the place of sweeps is to pay.
REPAID = 32
# Sweeps that an alpha may take in any case.
LEAST_LIMIT = 100
# A Gram matrix that took the place of sweeps stays until it costs this many times as many: they were ended, and how
# many more there would have been is not known.
MORE_SWEEPS = 4
# Rounding of a sum of products, per unit of the sum of their sizes.
ROUNDING = 4 * np.finfo(float).eps


def face_cost(n_face, entering=0.0):
    """Nanoseconds of the face steps of one alpha at which `entering` columns come in."""
    return max(n_face, 1) ** 2 * (NS_GRAM_STREAM + NS_GRAM_APPEND * entering)


def pass_cost(design):
    """Nanoseconds of one pass over X."""
    return design.matrix.pass_ns


def most_gram_columns(design):
    """How many columns a Gram matrix may have.

    With its factor it takes 16 bytes for each pair of columns, and it may take a quarter of X's bytes or
    `Ways.gram_bytes`, whichever is more.
    """
    return int(math.sqrt(max(ways().gram_bytes, design.matrix.nbytes / 4) / 16))


def gram_in_sweeps(design, stored, size, n_face, entering, ridge):
    """How many sweeps over `stored` values of a working set cost as much as exact face steps at one alpha.

    `size` is the number of columns in it, `n_face` that of the columns in use, `entering` how many come in per alpha.
    With a `ridge` part the factor is made anew for each alpha. The result is infinite where the Gram matrix does not
    fit.
    """
    if size > most_gram_columns(design):
        return np.inf
    gram = face_cost(n_face, entering) + (NS_REBUILD * n_face**3 if ridge else 0.0)
    return gram / (design.matrix.visit_ns * max(stored, 1))


def gram_pays(design, stored, size, n_face, entering, ridge, swept=0, by_rows=False):
    """Whether exact face steps on a Gram matrix cost less than sweeps over `stored` values of a working set.

    The arguments are those of `gram_in_sweeps`; `swept` is how many sweeps an alpha has taken, where that is known. A
    Gram matrix that has taken their place stays until it costs MORE_SWEEPS times as many.
    With a `ridge` part sweeps converge however full the face is. Where every column has one (`by_rows`), Newton's
    method on the rows may cost less.
    """
    if ways().gram_form is not None:
        return ways().gram_form
    full = 0.0 if ridge else min(n_face / design.n_samples, 1.0)
    sweeps = SWEEPS_PER_ALPHA + SWEEPS_SATURATED * full**2
    if by_rows:
        calls = NS_NEWTON_CALLS / (design.matrix.visit_ns * max(stored, 1))
        sweeps = min(sweeps, newton_passes(design, stored, size) + calls)
    return gram_in_sweeps(design, stored, size, n_face, entering, ridge) <= max(sweeps, MORE_SWEEPS * swept)


def newton_passes(design, stored, size):
    """How many passes over `stored` values of a working set cost as much as Newton's method on the rows at one alpha.

    It is infinite where these steps are not taken: for more rows than columns, or too many rows.
    """
    n = design.n_samples
    if n > min(ways().largest_newton, size):
        return np.inf
    cost = (NS_PRODUCT * n + NS_SCALED) * n * size / SHARED + NEWTON_STEPS * NS_CHOLESKY * n**3
    return PASSES_PER_STEP * NEWTON_STEPS + cost / (design.matrix.visit_ns * max(stored, 1))


def reading_pays(stored, entering):
    """Whether reading likely columns costs less than Gram rows of `entering` columns with `stored` values of others.

    Calls take most of the time of such a reading: `Ways.reading_ns`.
    """
    return NS_PRODUCT * stored * entering > ways().reading_ns


def most_sweeps(design, stored, size, n_face, ridge):
    """How many sweeps an alpha may take before a Gram matrix takes their place.

    So many cost as much as the face steps of one alpha and a REPAID-th of what it takes to form the Gram matrix.
    """
    if ways().gram_form is not None:
        return np.inf
    return max(np.ceil(gram_in_sweeps(design, stored, size, n_face, size / REPAID, ridge)), LEAST_LIMIT)
