"""Bad input gets a ValueError or TypeError that says so, before any kernel has run."""

import numpy as np
import pytest
from layouts import DENSE, PLAIN, build, exact_matrix, set_coordinates, target
from scipy import sparse

from fastlasso import alpha_max, cross_validate_path, fit, fit_path, support_proof, verify
from fastlasso.validation import one_of

A = exact_matrix(12, 8)
Y = target(A)
CALLS = {
    "fit": lambda X=A, y=Y, **options: fit(X, y, 0.1, **options),
    "fit_path": lambda X=A, y=Y, **options: fit_path(X, y, alphas=3, **options),
    "cross_validate_path": lambda X=A, y=Y, **options: cross_validate_path(X, y, alphas=3, cv=3, **options),
    "alpha_max": lambda X=A, y=Y, **options: alpha_max(X, y, **options),
}


@pytest.fixture(params=CALLS)
def call(request):
    return CALLS[request.param]


# ---------------------------------------------------------------- values of X

@pytest.mark.parametrize("where", [(0, 0), (11, 7), (5, 3), (0, 7), (7, 0)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("layout", [*DENSE, *PLAIN[2:], "csr_matrix-int64-unsorted_duplicates",
                                    "csc_matrix-int64-unsorted_duplicates"])
def test_nan_and_inf_in_X(layout, dtype, value, where, tmp_path):
    bad = A.copy()
    bad[where] = value
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        fit_path(build(layout, bad, tmp_path, dtype), Y, alphas=3)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("options", [{"fit_intercept": False}, {"sample_weight": np.r_[0.0, np.ones(11)]},
                                     {"penalty_factor": np.r_[np.inf, np.ones(7)]}, {"standardize": True},
                                     {"lower": 0.0, "upper": 0.0}])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_hides_nowhere(layout, options, value, call):
    """Also in a row of weight zero or in a column that is never used."""
    bad = A.copy()
    bad[0, 0] = value
    with pytest.raises(ValueError, match="Input X contains"):
        call(build(layout, bad), **options)


@pytest.mark.parametrize("layout", PLAIN)
def test_inf_against_inf_is_found(layout):
    bad = A.copy()
    bad[0, 0], bad[1, 0] = np.inf, -np.inf
    with pytest.raises(ValueError, match="Input X contains"):
        fit_path(build(layout, bad), Y, alphas=3)


@pytest.mark.parametrize("layout", PLAIN)
def test_values_whose_squares_overflow(layout):
    with pytest.raises(ValueError, match="too large"):
        fit_path(build(layout, A * 1e200), Y, alphas=3)
    with pytest.raises(ValueError, match="too large"):
        fit_path(build(layout, A), Y * 1e200, alphas=3)


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("intercept", [True, False])
def test_values_whose_squares_underflow(layout, intercept, call):
    with pytest.raises(ValueError, match="X is too small"):
        call(build(layout, A * 1e-160), fit_intercept=intercept)
    with pytest.raises(ValueError, match="y is too small"):
        call(build(layout, A), Y * 1e-160, fit_intercept=intercept)


@pytest.mark.parametrize("name", ["X", "y", "offset", "sample_weight", "penalty_factor", "lower"])
def test_masked_entries_are_no_data(name, call, no_kernel):
    value = {"X": A, "y": Y, "penalty_factor": np.ones(8), "lower": np.zeros(8)}.get(name, np.ones(12))
    mask = np.zeros(value.shape, bool)
    mask.flat[3] = True
    with pytest.raises(ValueError, match=rf"{name} contains masked"):
        call(**{name: np.ma.masked_array(value, mask)})


@pytest.mark.parametrize("name", ["X", "y", "coef", "offset", "sample_weight", "penalty_factor", "upper"])
def test_the_judge_takes_no_masked_entries(name):
    parts = {"X": A, "y": Y, "coef": np.zeros(8), "intercept": 0.0, "alpha": 0.1}
    value = np.ma.masked_array(parts.get(name, np.ones(12 if name in ("offset", "sample_weight") else 8)))
    verify(**parts | {name: value})
    value[3] = np.ma.masked
    with pytest.raises(ValueError, match=f"{name} contains masked"):
        verify(**parts | {name: value})


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_arrays_of_other_classes_are_arrays(call):
    call(np.matrix(A), np.ma.masked_array(Y, False))


# ---------------------------------------------------------------- shapes and types

@pytest.mark.parametrize("X", [A[0], A[None], np.array(3.0), np.empty((0, 8)), np.empty((12, 0)),
                               sparse.csr_array((0, 8)), sparse.csc_matrix((12, 0)), A + 1j, sparse.csr_array(A + 1j),
                               np.array([["a"] * 8] * 12),
                               np.array([[object()] * 8] * 12), [[1.0, 2.0], [3.0]], None, "X",
                               np.zeros((12, 8), "M8[s]"), np.zeros((12, 8), "m8[s]")],
                         ids=lambda X: f"{type(X).__name__}{getattr(X, 'shape', '')}{getattr(X, 'dtype', '')}")
def test_things_that_are_no_matrix_of_numbers(X, call, no_kernel):
    with pytest.raises((ValueError, TypeError)):
        call(X)


@pytest.mark.skipif(sparse.coo_array(np.ones(12)).ndim == 2, reason="SciPy before 1.13 makes a matrix of a vector")
def test_sparse_vectors_are_no_matrix(call, no_kernel):
    with pytest.raises(ValueError, match="2D"):
        call(sparse.coo_array(np.ones(12)))


@pytest.mark.parametrize("y", [Y[:-1], np.r_[Y, 1.0], Y[None], np.array(1.0), [], None, Y + 1j, ["a"] * 12,
                               np.full(12, None), "y"],
                         ids=lambda y: f"{type(y).__name__}{getattr(y, 'shape', '')}")
def test_y_that_does_not_fit(y, call, no_kernel):
    with pytest.raises((ValueError, TypeError)):
        call(y=y)


def test_several_targets_are_for_paths_alone(call, no_kernel):
    if call is not CALLS["fit_path"]:
        with pytest.raises(ValueError, match="y should be a 1d array"):
            call(y=np.c_[Y, Y])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 11])
@pytest.mark.parametrize("name", ["y", "offset", "sample_weight"])
def test_nan_and_inf_in_vectors_of_samples(name, at, value, call, no_kernel):
    vector = np.ones(12)
    vector[at] = value
    with pytest.raises(ValueError, match=rf"(?i)input {name} contains"):
        call(**{name: vector})


@pytest.mark.parametrize("name", ["offset", "sample_weight"])
@pytest.mark.parametrize("value", [np.ones(11), np.ones(13), np.ones((12, 1)), np.ones((12, 12)), [], 1j * np.ones(12),
                                   ["a"] * 12, "a", np.full(12, None)],
                         ids=lambda v: f"{type(v).__name__}{getattr(v, 'shape', '')}")
def test_vectors_of_samples_that_do_not_fit(name, value, call, no_kernel):
    with pytest.raises((ValueError, TypeError), match=name):
        call(**{name: value})


@pytest.mark.parametrize("value", [-np.ones(12), np.r_[-1e-300, np.ones(11)], np.zeros(12), 0.0, -1.0, np.nan, np.inf])
def test_weights_must_be_non_negative_and_not_all_zero(value, call, no_kernel):
    with pytest.raises(ValueError, match="sample_weight"):
        call(sample_weight=value)


@pytest.mark.parametrize("name", ["penalty_factor", "lower", "upper"])
@pytest.mark.parametrize("value", [np.zeros(7), np.zeros(9), np.zeros((8, 1)), np.nan, [np.nan] * 8, ["a"] * 8, "a",
                                   1j * np.ones(8)],
                         ids=lambda v: f"{type(v).__name__}{getattr(v, 'shape', '')}{v if np.ndim(v) == 0 else ''}")
def test_vectors_of_features_that_do_not_fit(name, value, call, no_kernel):
    with pytest.raises((ValueError, TypeError), match=name):
        call(**{name: value})


@pytest.mark.parametrize("options", [{"penalty_factor": -1.0}, {"penalty_factor": np.r_[np.ones(7), -1e-300]},
                                     {"lower": 1e-300}, {"upper": -1e-300}, {"lower": np.inf}, {"upper": -np.inf},
                                     {"lower": 2.0, "upper": 1.0}, {"lower": np.r_[np.zeros(7), 1.0]}])
def test_negative_factors_and_crossed_bounds(options, call, no_kernel):
    with pytest.raises(ValueError, match=r"penalty_factor|bounds"):
        call(**options)


# ---------------------------------------------------------------- scalars

@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf, "1", None, [0.5], True])
def test_l1_ratio(value, call, no_kernel):
    with pytest.raises((ValueError, TypeError), match="l1_ratio"):
        call(l1_ratio=value)


@pytest.mark.parametrize("value", [-1e-300, -1.0, np.nan, np.inf, "1", None, True, [0.1], 1j])
def test_alpha(value, no_kernel):
    with pytest.raises((ValueError, TypeError), match="alpha"):
        fit(A, Y, value)


@pytest.mark.parametrize("value", [[], [-1.0], [1.0, np.nan], [np.inf], [[1.0, 0.5]], ["a"], [None], [1j], 0, -3, 2.5,
                                   "5", None, True])
def test_alphas(value):
    with pytest.raises((ValueError, TypeError)):
        fit_path(A, Y, alphas=value)


@pytest.mark.parametrize("value", [0.0, -0.1, 1.1, np.nan, np.inf, "1", None])
def test_eps(value):
    with pytest.raises((ValueError, TypeError), match="eps"):
        fit_path(A, Y, eps=value)


@pytest.mark.parametrize("name", ["fit", "fit_path", "cross_validate_path"])
@pytest.mark.parametrize(("option", "value"), [
    ("tol", -1e-6), ("tol", np.nan), ("tol", np.inf), ("tol", "1"), ("tol", None), ("max_iter", -1), ("max_iter", 1.5),
    ("max_iter", None), ("n_threads", 0), ("n_threads", -1), ("n_threads", 1.5), ("n_threads", "2"),
    ("n_threads", True)])
def test_tol_max_iter_and_n_threads(name, option, value, no_kernel):
    with pytest.raises((ValueError, TypeError), match=option):
        CALLS[name](**{option: value})


@pytest.mark.parametrize(("option", "value"), [("dfmax", -1), ("dfmax", 1.5), ("dfmax", np.nan), ("max_r2", -0.1),
                                               ("max_r2", 1.1), ("max_r2", np.nan), ("max_r2", "1")])
def test_limits_of_a_path(option, value, no_kernel):
    with pytest.raises((ValueError, TypeError), match=option):
        fit_path(A, Y, **{option: value})


def test_good_numbers_of_any_kind_are_taken():
    plain = fit_path(A, Y, alphas=3, eps=0.1).coefs.toarray()
    kinds = {"alphas": np.int64(3), "eps": np.float32(0.1), "tol": 1, "max_iter": np.int8(9), "n_threads": np.uint8(1),
             "dfmax": np.int32(8), "l1_ratio": np.int64(1), "fit_intercept": np.True_}
    np.testing.assert_allclose(fit_path(A, Y, **kinds).coefs.toarray(), plain, atol=1e-6)


# ---------------------------------------------------------------- corrupt sparse structure

def set_at(part, index, value):
    def corrupt(X):
        changed = getattr(X, part).copy()
        changed[index] = value(X) if callable(value) else value
        setattr(X, part, changed)
    return corrupt


def replace(part, change):
    return lambda X: setattr(X, part, change(getattr(X, part)))


def n_minor(X):
    return X.shape[1] if X.format == "csr" else X.shape[0]


def highest(X):
    return np.iinfo(X.indices.dtype).max


def lowest(X):
    return np.iinfo(X.indices.dtype).min


def swap_pointers(X):
    indptr = X.indptr.copy()
    indptr[[2, 5]] = indptr[[5, 2]]
    X.indptr = indptr


CORRUPT = {
    "index_minus_one": set_at("indices", 0, -1),
    "index_negative_at_the_end": set_at("indices", -1, -1),
    "index_lowest": set_at("indices", 3, lowest),
    "index_just_too_large": set_at("indices", 2, n_minor),
    "index_too_large_at_the_end": set_at("indices", -1, n_minor),
    "index_highest": set_at("indices", 4, highest),
    "pointer_starts_at_one": set_at("indptr", 0, 1),
    "pointer_starts_negative": set_at("indptr", 0, -1),
    "pointer_decreases": swap_pointers,
    "pointer_negative_inside": set_at("indptr", 3, -2),
    "pointer_beyond_the_end_inside": set_at("indptr", 3, lambda X: X.nnz + 9),
    "pointer_highest_inside": set_at("indptr", 3, highest),
    "pointer_ends_early": set_at("indptr", -1, lambda X: X.nnz - 1),
    "pointer_ends_late": set_at("indptr", -1, lambda X: len(X.data) + 1),
    "pointer_all_zero": replace("indptr", np.zeros_like),
    "pointer_too_short": replace("indptr", lambda a: a[:-1]),
    "pointer_too_long": replace("indptr", lambda a: np.r_[a, a[-1:]]),
    "pointer_missing": replace("indptr", lambda a: a[:0]),
    "pointer_of_floats": replace("indptr", lambda a: a.astype(float)),
    "pointer_two_dimensional": replace("indptr", lambda a: a[:, None]),
    "fewer_indices_than_data": replace("indices", lambda a: a[:-1]),
    "more_indices_than_data": replace("indices", lambda a: np.r_[a, a[-1:]]),
    "no_indices": replace("indices", lambda a: a[:0]),
    "indices_of_floats": replace("indices", lambda a: a.astype(float)),
    "indices_of_bools": replace("indices", lambda a: a > 0),
    "indices_two_dimensional": replace("indices", lambda a: a[None]),
    "fewer_data_than_indices": replace("data", lambda a: a[:-2]),
    "data_two_dimensional": replace("data", lambda a: a[:, None]),
    "data_without_dimension": replace("data", lambda a: a[0]),
    "data_complex": replace("data", lambda a: a + 1j),
    "data_text": replace("data", lambda a: a.astype("U3")),
    "shape_too_narrow": lambda X: setattr(X, "_shape", (X.shape[0] - 1, X.shape[1] - 1)),
    "shape_too_tall": lambda X: setattr(X, "_shape", (X.shape[0] + 1, X.shape[1] + 1)),
}


@pytest.mark.parametrize("width", [np.int32, np.int64])
@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "csr_array", "csc_array"])
@pytest.mark.parametrize("kind", CORRUPT)
def test_corrupt_sparse_structure(kind, form, width, no_kernel):
    X = getattr(sparse, form)(A)
    X.indices, X.indptr = X.indices.astype(width), X.indptr.astype(width)
    CORRUPT[kind](X)
    with pytest.raises(ValueError):
        fit_path(X, np.ones(X.shape[0]) + np.arange(X.shape[0]), alphas=3)


READERS = {
    "verify": lambda X: verify(X, Y, np.ones(8), alpha=0.1),
    "support_proof": lambda X: support_proof(X, Y, np.ones(8), alpha=0.1),
    "predict_fit": fit(A, Y, 0.1).predict,
    "predict_path": fit_path(A, Y, alphas=3).predict,
    "predict_cv": cross_validate_path(A, Y, alphas=3, cv=3).predict,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("form", ["csr_array", "csc_array"])
@pytest.mark.parametrize("kind", CORRUPT)
def test_the_judge_and_predictions_read_no_corrupt_matrix_either(kind, form, reader):
    """SciPy's products trust the structure: without a check of ours some of these end the process."""
    X = getattr(sparse, form)(A)
    CORRUPT[kind](X)
    with pytest.raises(ValueError):
        READERS[reader](X)


def set_coordinate(axis, value):
    def corrupt(X):
        coords = [part.copy() for part in (X.row, X.col)]
        coords[axis][3] = value
        set_coordinates(X, *coords)
    return corrupt


def drop_last_coordinate(X):
    set_coordinates(X, X.row[:-1], X.col[:-1])


def set_key(X, key):
    """Give a DOK matrix a value at any key; SciPy before 1.13 has it as a dict."""
    dict.update(getattr(X, "_dict", X), {key: 1.0})


def in_row(part, value):
    return lambda X: getattr(X, part).__setitem__(2, value)


CORRUPT_OTHERS = {       # formats that are converted: SciPy's conversions write where the indices point
    ("coo", "row_beyond"): set_coordinate(0, 50_000_000), ("coo", "row_negative"): set_coordinate(0, -50_000_000),
    ("coo", "column_beyond"): set_coordinate(1, 8), ("coo", "column_negative"): set_coordinate(1, -1),
    ("coo", "fewer_coordinates"): drop_last_coordinate,
    ("coo", "coordinates_of_floats"): lambda X: set_coordinates(X, X.row + 0.5, X.col + 0.5),
    ("bsr", "block_beyond"): set_at("indices", 2, 50_000_000), ("bsr", "block_negative"): set_at("indices", 2, -1),
    ("bsr", "block_that_wraps"): set_at("indices", 2, 2**30), ("bsr", "pointer_beyond"): set_at("indptr", 2, 10**6),
    ("bsr", "pointer_negative"): set_at("indptr", 2, -5), ("bsr", "fewer_blocks"): replace("data", lambda a: a[:-1]),
    ("lil", "column_beyond"): in_row("rows", [50_000_000] * 8), ("lil", "column_negative"): in_row("rows", [-1] * 8),
    ("lil", "fewer_columns"): in_row("rows", [1, 2]), ("lil", "more_columns"): in_row("rows", list(range(8)) * 9),
    ("lil", "text"): in_row("data", ["a"] * 8),
    ("dok", "key_beyond"): lambda X: set_key(X, (50_000_000, 3)),
    ("dok", "key_negative"): lambda X: set_key(X, (3, -50_000_000)),
    ("dia", "fewer_offsets"): replace("offsets", lambda a: a[:-3]),
    ("dia", "more_offsets"): replace("offsets", lambda a: np.r_[a, 90]),
}


@pytest.mark.parametrize("name", [*CALLS, *READERS])
@pytest.mark.parametrize(("form", "kind"), CORRUPT_OTHERS, ids="-".join)
def test_corrupt_matrices_of_other_formats(form, kind, name, no_kernel):
    X = sparse.bsr_array(A, blocksize=(2, 2)) if form == "bsr" else getattr(sparse, f"{form}_array")(A)
    CORRUPT_OTHERS[form, kind](X)
    with pytest.raises(ValueError):
        (CALLS | READERS)[name](X)


@pytest.mark.parametrize("form", ["csr_array", "csc_array"])
@pytest.mark.parametrize("part", ["indices", "indptr"])
@pytest.mark.parametrize("wide", [np.int64, np.uint64])
def test_a_value_beyond_32_bits_is_not_cut_to_32_bits(form, part, wide, no_kernel):
    """2^32 + k beside an int32 array must not pass for k."""
    X = getattr(sparse, form)(A)
    changed = getattr(X, part).astype(wide)
    changed[3] += 2**32
    setattr(X, part, changed)
    with pytest.raises(ValueError, match="corrupt"):
        fit_path(X, Y, alphas=3)


@pytest.mark.parametrize("call_name", CALLS)
@pytest.mark.parametrize("kind", ["index_minus_one", "pointer_ends_late", "fewer_data_than_indices"])
def test_every_entry_checks_structure(kind, call_name, no_kernel):
    X = sparse.csr_array(A)
    CORRUPT[kind](X)
    with pytest.raises(ValueError, match="corrupt"):
        CALLS[call_name](X)


def test_a_long_column_is_looked_at_to_its_end(call, no_kernel):
    """Signals are looked for every four million entries of it."""
    rows = np.zeros(5 << 20, np.int32)
    X = sparse.csc_array((np.ones(len(rows), np.float32), rows, np.r_[0, np.full(8, len(rows))]), shape=A.shape)
    X.indices[-1] = 12
    with pytest.raises(ValueError, match="sparse"):
        call(X)


@pytest.mark.parametrize("form", ["csr_array", "csc_array"])
def test_sparse_matrices_without_entries_are_sound(form):
    path = fit_path(getattr(sparse, form)((12, 8)), Y, alphas=3)
    assert path.coefs.nnz == 0
    assert path.certified.all()


# ---------------------------------------------------------------- cross-validation's own

@pytest.mark.parametrize("cv", [1, 0, -2, 13, 2.5, "5", None, True, [], [([], [1])], [(np.arange(11), [12])],
                                [(np.arange(1, 12), [-1])], [(np.arange(12), [])], [3],
                                [(np.arange(3, 12), [0.0, 1.0, 2.0])], [(np.zeros(12, bool), np.zeros(11, bool))],
                                object()],
                         ids=lambda cv: type(cv).__name__ if type(cv) is object else str(cv))
def test_cv(cv):
    with pytest.raises((ValueError, TypeError)):
        cross_validate_path(A, Y, cv=cv, alphas=3)


@pytest.mark.parametrize("scoring", ["rmse", 1])
def test_scoring(scoring, no_kernel):
    with pytest.raises(ValueError, match="scoring"):
        cross_validate_path(A, Y, scoring=scoring)


@pytest.mark.parametrize("rule", ["best", None, 1])
def test_rule(rule, no_kernel):
    with pytest.raises(ValueError, match="rule"):
        cross_validate_path(A, Y, rule=rule)


@pytest.mark.parametrize("kind", [int, np.float32, np.int64, np.array])
def test_a_scalar_of_any_type_stands_for_as_many_values(kind):
    plain = fit(A, Y, 0.1, lower=-1.0, penalty_factor=2.0)
    np.testing.assert_array_equal(fit(A, Y, 0.1, lower=kind(-1), penalty_factor=kind(2)).coef, plain.coef)


def test_a_sparse_y_is_a_vector_for_the_judge():
    plain = verify(A, Y, np.zeros(8), alpha=0.1)
    assert verify(A, sparse.csc_array(Y[:, None]), np.zeros(8), alpha=0.1) == plain


@pytest.mark.parametrize("value", ["nonsense", "", 1, None, ["min"]])
def test_words_that_are_not_offered(value):
    with pytest.raises(ValueError, match=r"rule must be one of 'min', '1se', got"):
        one_of(value, "rule", ("min", "1se"))
    assert one_of("1se", "rule", ("min", "1se")) == "1se"


@pytest.mark.parametrize("alphas", [[], [[0.1, 0.2]], [[]]])
def test_alphas_that_are_no_vector(alphas):
    with pytest.raises(ValueError, match="non-empty 1d array"):
        fit_path(A, Y, alphas=alphas)


def test_alphas_in_any_order_come_out_descending():
    path = fit_path(A, Y, alphas=[0.2, 0.5, 0.1, 0.4, 0.3])
    np.testing.assert_array_equal(path.alphas, [0.5, 0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**1000])
def test_only_ratios_of_weights_matter_even_where_their_squares_are_no_numbers(scale):
    weights = np.arange(12) % 4 / 4.0
    plain = fit(A, Y, 0.1, sample_weight=weights)
    np.testing.assert_array_equal(fit(A, Y, 0.1, sample_weight=weights * scale).coef, plain.coef)
