"""One contract for X over every layout: the same path, certified, X untouched; each matrix verb against NumPy."""

from functools import cache

import numpy as np
import pytest
from layouts import CASES, LAYOUTS, PLAIN, build, content, exact_matrix, target
from matrix_contract import check_gram, check_moments, check_products, every_verb, weights_of
from scipy import sparse

from fastlasso import cross_validate_path, fit, fit_path
from fastlasso._engine import engine
from fastlasso.matrices import sparse as sparse_matrices
from fastlasso.matrices.choose import as_matrix
from fastlasso.parallel import Pool
from fastlasso.problem.design import Design

# the first two are compressed to their Gram matrix, the third is screened, the fourth has unpenalised columns
PROBLEMS = {
    "tall": ((40, 20), {"fit_intercept": False}),
    "tall_weighted": ((40, 20), {"l1_ratio": 0.7, "standardize": True, "sample_weight": np.arange(40) % 4 + 0.5}),
    "wide": ((30, 90), {}),
    "wide_weighted": ((30, 90), {"sample_weight": np.arange(30) % 3, "penalty_factor": np.arange(90) % 45 > 0}),
}


@cache
def expected(name):
    """(A, y, path on dense float64 Fortran data)."""
    shape, options = PROBLEMS[name]
    A = exact_matrix(*shape)
    y = target(A)
    return A, y, fit_path(np.asfortranarray(A), y, alphas=6, eps=0.03, tol=1e-10, **options)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(("layout", "dtype"), CASES)
def test_every_layout_gives_the_same_certified_path(layout, dtype, name, tmp_path, judge):
    A, y, reference = expected(name)
    X, options, step = build(layout, A, tmp_path, dtype), PROBLEMS[name][1], 1e-6 if dtype == "f4" else 1e-8
    before = content(X)
    path = fit_path(X, y, alphas=6, eps=0.03, tol=1e-10, **options)
    assert content(X) == before
    assert path.coefs.dtype == np.float64      # as certified
    np.testing.assert_allclose(path.alphas, reference.alphas, rtol=1e-12)
    np.testing.assert_allclose(path.coefs.toarray(), reference.coefs.toarray(), atol=step)
    np.testing.assert_allclose(path.intercepts, reference.intercepts, atol=10 * step)
    judge(X, y, path, (2, 5), **options)
    assert path.certified.all()


@cache
def expected_single():
    A = exact_matrix(24, 70)
    y = target(A)
    return A, y, fit(A, y, 0.1, tol=1e-10), cross_validate_path(A, y, cv=2, alphas=3, eps=0.3).errors


@pytest.mark.parametrize(("layout", "dtype"), CASES)
def test_single_fits_and_cross_validation_take_every_layout(layout, dtype, tmp_path, judge):
    A, y, reference, errors = expected_single()
    X = build(layout, A, tmp_path, dtype)
    before = content(X)
    solution = fit(X, y, 0.1, tol=1e-10)
    result = cross_validate_path(X, y, cv=2, alphas=3, eps=0.3)
    assert content(X) == before
    assert solution.coef.dtype == np.float64
    judge(X, y, solution)
    np.testing.assert_allclose(solution.coef, reference.coef, atol=1e-6)
    np.testing.assert_allclose(result.errors, errors, rtol=1e-3)


# ---------------------------------------------------------------- what is converted


def whole_numbers(top=5):
    return np.random.default_rng(0).integers(0, top, (20, 6)).astype(float)


def other_indices(X, indices, indptr):
    X.indices, X.indptr = X.indices.astype(indices), X.indptr.astype(indptr)
    return X


DENSE_KINDS = ("int8", "int32", "int64", "uint8", "bool", "float16", ">f8", ">f4", ">i4", "longdouble", "object")
CONVERTED = {       # name: (the values, X)
    **{f"{kind}, {order}": (A := whole_numbers(2 if kind == "bool" else 5), np.array(A, dtype=kind, order=order))
       for kind in DENSE_KINDS for order in "FC"},
    **{f"{kind}, {form}": (A := whole_numbers(2), getattr(sparse, form)(A.astype(kind)))
       for kind in ("int8", "int64", "bool", "uint16", "longdouble") for form in ("csr_matrix", "csc_array")},
    **{form: (A := exact_matrix(20, 6), getattr(sparse, form)(A))
       for form in ("coo_array", "coo_matrix", "lil_array", "dok_matrix", "bsr_array", "dia_matrix")},
    **{f"indices {dtype}": (A := exact_matrix(20, 6), other_indices(sparse.csr_array(A), dtype, dtype))
       for dtype in ("u2", "i2", "u4", "u8", ">i4", ">i8")},
    **{f"indices {widths}, {form}": (A := exact_matrix(20, 6), other_indices(getattr(sparse, form)(A), *widths))
       for form in ("csr_array", "csc_array") for widths in (("int32", "int64"), ("int64", "int32"))},
}


@pytest.mark.parametrize("name", CONVERTED)
def test_other_types_formats_and_indices_are_converted(name, judge):
    A, X = CONVERTED[name]
    y = target(A)
    path = fit_path(X, y, alphas=5)
    assert path.coefs.dtype == np.float64
    np.testing.assert_allclose(path.coefs.toarray(), fit_path(A, y, alphas=5).coefs.toarray(), atol=1e-10)
    judge(A, y, path)


def test_lists_and_data_frames():
    A = exact_matrix(20, 6)
    y = target(A)
    reference = fit_path(A, y, alphas=5).coefs.toarray()
    np.testing.assert_allclose(fit_path(A.tolist(), y.tolist(), alphas=5).coefs.toarray(), reference, atol=1e-12)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(A, columns=[f"word {j}" for j in range(6)])
    np.testing.assert_allclose(fit_path(frame, pandas.Series(y), alphas=5).coefs.toarray(), reference, atol=1e-12)


@pytest.mark.parametrize("kind", ["int32", "float32", ">f8", "longdouble"])
def test_every_type_of_y(kind):
    A = exact_matrix(20, 6)
    y = np.round(target(A)).astype(kind)
    reference = fit_path(A, y.astype(float), alphas=5).coefs.toarray()
    for form in (y, y[:, None], y.repeat(3)[::3], y.tolist()):
        before = np.array(form)
        np.testing.assert_allclose(fit_path(A, form, alphas=5).coefs.toarray(), reference, atol=1e-12)
        np.testing.assert_array_equal(form, before)


# ---------------------------------------------------------------- the verbs

@pytest.fixture
def pool():
    with Pool(2) as pool:
        yield pool


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (23, 17)])
@pytest.mark.parametrize(("layout", "dtype"), CASES)
def test_matrix_verbs(layout, dtype, shape, tmp_path):
    A = exact_matrix(*shape)
    matrix = as_matrix(build(layout, A, tmp_path, dtype))
    assert matrix.shape == A.shape
    with Pool(1) as pool:
        every_verb(matrix, A, pool)


@pytest.mark.parametrize(("layout", "dtype"), [case for case in CASES if case[0].startswith(("csr", "csc"))])
def test_sparse_verbs_split_among_threads(layout, dtype, tmp_path, monkeypatch):
    """As of large matrices: copies are filled from both ends, products with columns are cut by stored values."""
    for name in ("SPLIT_PASS", "SPLIT_DOTS", "HALVES"):
        monkeypatch.setattr(sparse_matrices, name, 1)
    A = exact_matrix(23, 17)
    A[:, 3], A[5:9] = 0.0, 0.0
    matrix = as_matrix(build(layout, A, tmp_path, dtype))
    with Pool(2) as pool:
        matrix.column_sizes(np.arange(17))      # counted, as they are before columns are copied
        every_verb(matrix, A, pool)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("layout", "dtype"), CASES)
def test_constant_columns_have_moments_without_rounding(layout, dtype, weighted, tmp_path):
    """Weights sum to one but for rounding: about a mean, which is rounded too, some variance would be left."""
    n, w = 1003, weights_of(1003, weighted)
    A = np.column_stack([np.full(n, value) for value in (0.3, 1e3 / 3, 1e-5)]).astype(dtype).astype(float)
    A[w == 0] = 7.0
    with Pool(1) as pool:
        first, sums = as_matrix(build(layout, A, tmp_path, dtype)).moments(w, w, pool)
    np.testing.assert_array_equal(first, A[1])
    np.testing.assert_array_equal(sums, 0.0)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("shape", [(17_001, 66), (600, 310)], ids=["many_rows", "many_columns"])
@pytest.mark.parametrize("layout", PLAIN)
def test_matrix_verbs_over_the_edges_of_their_blocks(layout, dtype, shape, pool):
    A = exact_matrix(*shape, density=0.3)
    matrix = as_matrix(build(layout, A, dtype=dtype))
    check_moments(matrix, A, True, pool)
    check_products(matrix, A, pool)
    check_gram(matrix, A, True, pool)


@pytest.mark.parametrize("entries", ["duplicates", "unsorted"])
@pytest.mark.parametrize("form", ["csr", "csc"])
def test_a_column_with_as_many_entries_as_rows_need_not_be_full(form, entries):
    """n stored entries, two of them in one row: the row that has none counts as zero."""
    A = exact_matrix(9, 6)
    A[:, 1] = np.arange(9)
    X = LAYOUTS[f"{form}_array-int32-{entries}"](A, np.float64, None)
    matrix, w = as_matrix(X), weights_of(9, True)
    with Pool(1) as pool:
        check_moments(matrix, A, True, pool)
        check_gram(matrix, A, True, pool)
    design = Design(as_matrix(X), w, True, pool)
    design.measure(np.zeros(9))
    np.testing.assert_allclose(design.variance, w @ (A - w @ A) ** 2, atol=1e-12)


FAR = 1e8
MESSY = ("csr_array-int64-unsorted_duplicates", "csc_matrix-int32-duplicates", "csc_array-int32-unsorted")


def far_from_zero(layout, dtype="f8"):
    """(X, D): columns of X are D + FAR with sd about 1; every value exact."""
    D = exact_matrix(300, 80, density=1.0)
    D[:, 2] = np.arange(300) % 7 / 8
    return build(layout, D + FAR, dtype=dtype), D


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("layout", PLAIN + MESSY)
def test_centring_survives_means_of_1e8_standard_deviations(layout, weighted):
    X, D = far_from_zero(layout)
    w, y = weights_of(300, weighted), np.random.default_rng(0).standard_normal(300)
    y -= w @ y
    centred = D - w @ D
    with Pool(1) as pool:
        design = Design(as_matrix(X), w if weighted else None, True, pool)
        correlation = design.measure(y)
        cols = np.arange(40, 70)
        G, G_new = design.gram(cols, 30), design.gram(cols, 10)
        R = np.random.default_rng(1).standard_normal((3, 300))
        R -= (R @ w)[:, None]
        dots = design.correlations(R)
    np.testing.assert_allclose(design.variance, w @ centred**2, rtol=1e-7)
    np.testing.assert_allclose(correlation, (w * y) @ centred, atol=1e-7)
    np.testing.assert_allclose(G, centred[:, cols].T @ (w[:, None] * centred[:, cols]), atol=1e-12)
    np.testing.assert_allclose(G_new, G[20:], atol=1e-12)
    np.testing.assert_allclose(dots, (w * R) @ centred, atol=1e-6)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("layout", PLAIN + MESSY)
def test_a_fit_survives_means_of_1e8_standard_deviations(layout, standardize, judge):
    X, D = far_from_zero(layout)
    y = target(D)
    path = fit_path(X, y, alphas=10, eps=1e-2, standardize=standardize)
    near = fit_path(D, y, alphas=10, eps=1e-2, standardize=standardize)
    np.testing.assert_allclose(path.coefs.toarray(), near.coefs.toarray(), atol=1e-5)
    assert path.certified.all()


# ---------------------------------------------------------------- kernels alone

COLS, LONG, EVERY_OTHER = np.arange(2), np.ones((2, 6)), np.ones((2, 12))[:, ::2]
CALLS_WITH_GAPS = {
    "dense_dots_at": lambda: engine.dense_dots_at(np.ones((6, 2)), COLS, EVERY_OTHER, np.empty((2, 2))),
    "gather_dense": lambda: engine.gather_dense(np.ones((6, 2)), COLS, np.zeros(2), np.ones(6), 0, 6, EVERY_OTHER),
    "products, left": lambda: engine.products(EVERY_OTHER, LONG, 6, np.zeros((2, 2))),
    "products, right": lambda: engine.products(LONG, EVERY_OTHER, 6, np.zeros((2, 2))),
}


@pytest.mark.parametrize("call", CALLS_WITH_GAPS.values(), ids=CALLS_WITH_GAPS)
def test_rows_with_gaps_are_refused_and_not_read_as_if_they_had_none(call):
    with pytest.raises(ValueError, match="contiguous"):
        call()


@pytest.mark.parametrize("sizes", [(40, 41, 200, 600), (600, 650, 660, 1_100), (2_099, 2_100, 2_101)],
                         ids=["in place", "from in place to new memory", "in new memory"])
def test_a_gram_matrix_keeps_its_values_when_it_grows(sizes):
    n = sizes[-1]
    gram, nothing = engine.GramProblem(), np.zeros(n)
    values = np.add.outer(np.arange(n), 1.0 / (1 + np.arange(n)))
    values = np.minimum(values, values.T)
    for start, stop in zip((0, *sizes), sizes, strict=False):
        gram.extend(values[start:stop, :stop], *[nothing[start:stop]] * 5)
        np.testing.assert_array_equal(gram.G[:stop, :stop], values[:stop, :stop])


def test_near_copies_enter_one_at_a_time():
    """All copies of a column violate at once. Together they would get large coefficients of opposite signs."""
    rng = np.random.default_rng(0)
    B = rng.standard_normal((300, 40))
    X = np.repeat(B, 6, axis=1) + 1e-3 * rng.standard_normal((300, 240))
    y = B[:, :20].sum(axis=1) + rng.standard_normal(300)
    gram, n = engine.GramProblem(y_norm2=y @ y), X.shape[1]
    gram.extend(X.T @ X, X.T @ y, np.ones(n), np.zeros(n), np.full(n, -np.inf), np.full(n, np.inf))
    alphas = np.abs(X.T @ y).max() * np.geomspace(1, 1e-3, 50)
    B = np.zeros((50, n))
    assert gram.solve(np.zeros(n), alphas[0], alphas, 0, B) == (0, 50)
    assert gram.n_crossed == 0      # no walk from knot to knot
    Z = (y - B @ X.T) @ X
    assert (np.abs(Z) <= alphas[:, None] * (1 + 1e-9)).all()
    np.testing.assert_allclose(Z[B != 0], (alphas[:, None] * np.sign(B))[B != 0], rtol=1e-9)
