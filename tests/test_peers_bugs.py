"""Bugs that other libraries had or have, by the number of their public issue: none of them here.

Each test states the bug and what is right instead. Answers are judged by `verify` on the dense numbers.
"""

import os
import sys
import warnings
from array import array

import numpy as np
import pytest
from fault_matrix import Child
from layouts import PLAIN, build, exact_matrix, target
from scipy import sparse

from fastlasso import (
    ConvergenceWarning,
    adaptive_path,
    alpha_max,
    cross_validate_path,
    fit,
    fit_path,
    reweighted_path,
    verify,
)
from fastlasso.datasets import DataError, matrix_table, read_dataset

A = exact_matrix(40, 25, seed=7, density=0.7)
A[:, 2] = np.arange(40) % 5 - 2.0
Y = target(A, seed=7)
WIDE = exact_matrix(30, 90, seed=8)
WIDE_Y = target(WIDE, seed=8)
SPARSE = ("csc_array-int32-sorted", "csr_array-int32-sorted")


@pytest.fixture
def strict():
    """Every warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# ---------------------------------------------------------------- scikit-learn

@pytest.mark.usefixtures("strict")
def test_scikit_learn_13394_a_solution_within_tolerance_gives_no_warning(judge):
    for tol in (1e-3, 1e-6, 1e-10):
        judge(A, Y, fit(A, Y, 0.1, tol=tol))


def test_scikit_learn_10813_data_of_1e50_are_fitted_like_others():
    plain, scaled = fit(A, Y, 0.1), fit(A * 2.0**166, Y, 0.1 * 2.0**166)      # 2^166 is about 1e50
    np.testing.assert_array_equal(scaled.coef * 2.0**166, plain.coef)
    assert scaled.n_passes == plain.n_passes


def test_scikit_learn_10992_negative_updates_count_as_much_as_positive_ones():
    for X, y in ((A, Y), (WIDE, WIDE_Y)):
        np.testing.assert_array_equal(fit(X, -y, 0.05).coef, -fit(X, y, 0.05).coef)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("value", [0.0, 0.1, 7.0])
def test_scikit_learn_4224_and_4226_a_constant_target_gives_a_finite_grid(value):
    path = fit_path(A, np.full(40, value), alphas=10)
    assert np.isfinite(path.alphas).all()
    assert (path.alphas > 0).all()
    assert path.coefs.nnz == 0


@pytest.mark.usefixtures("strict")
def test_scikit_learn_20144_and_31906_a_target_of_zeros_is_converged():
    for found in (fit(A, np.zeros(40), 0.1), fit(WIDE, np.zeros(30), 0.0)):
        assert found.certified
        assert found.gap == 0


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_scikit_learn_19160_19172_and_7853_the_gap_is_primal_minus_dual_in_units_of_the_objective(l1_ratio):
    found = fit(WIDE, WIDE_Y, 0.05, l1_ratio=l1_ratio, tol=1e-3)
    judged = verify(WIDE, WIDE_Y, found.coef, found.intercept, alpha=0.05, l1_ratio=l1_ratio)
    assert judged.gap == pytest.approx(judged.primal - judged.dual, abs=1e-12)
    assert judged.gap <= 1.02 * found.gap + 1e-12
    again = fit(WIDE, 10 * WIDE_Y, 0.5, l1_ratio=l1_ratio, tol=1e-3) if l1_ratio == 1 else found
    assert again.gap == pytest.approx(100 * found.gap if l1_ratio == 1 else found.gap, rel=1e-6, abs=1e-10)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("l1_ratio", [1e-3, 1e-8, 0.0])
def test_scikit_learn_19620_and_32845_the_limit_of_ridge_converges(l1_ratio, judge):
    for X, y in ((A, Y), (WIDE, WIDE_Y)):
        judge(X, y, fit(X, y, 0.1, l1_ratio=l1_ratio), l1_ratio=l1_ratio)


@pytest.mark.parametrize("layout", SPARSE)
def test_scikit_learn_4010_and_benchmark_lasso_94_sparse_data_with_intercept_are_centred(layout, judge):
    X = np.where(A == 0, 0.0, A + 3)
    path = fit_path(build(layout, X), Y, alphas=8, eps=0.01)
    judge(X, Y, path)
    np.testing.assert_allclose(path.coefs.toarray(), fit_path(X, Y, alphas=8, eps=0.01).coefs.toarray(), atol=1e-6)


@pytest.mark.parametrize("layout", PLAIN)
def test_scikit_learn_3178_cross_validation_takes_float32(layout, judge):
    result = cross_validate_path(build(layout, A, dtype="f4"), Y.astype(np.float32), cv=4, alphas=8, eps=0.05)
    judge(A, Y.astype(np.float32).astype(float), result.path)
    assert np.isfinite(result.errors).all()


@pytest.mark.parametrize("width", [np.int32, np.int64])
@pytest.mark.parametrize("kind", ["csc_array", "csc_matrix", "csr_array", "csr_matrix"])
def test_scikit_learn_27256_31073_29862_and_cuml_8154_sparse_arrays_and_int64_indices(kind, width, judge):
    X = getattr(sparse, kind)(A)
    X.indices, X.indptr = X.indices.astype(width), X.indptr.astype(width)
    judge(A, Y, fit(X, Y, 0.1))


@pytest.mark.parametrize("layout", PLAIN)
@pytest.mark.parametrize("weights", [np.arange(40) % 2.0, np.r_[1e-300, np.ones(39)], 10.0 ** -np.arange(40.0)],
                         ids=["zeros", "tiny", "falling"])
def test_scikit_learn_26997_weights_give_no_nan(weights, layout, judge):
    """celer's answers on sparse X with weights of zero are wrong without a word."""
    judge(A, Y, fit(build(layout, A), Y, 0.05, sample_weight=weights), sample_weight=weights)


@pytest.fixture(scope="module")
def child():
    if os.name != "posix":
        pytest.skip("waits by select for the pipe of a child process")
    process = Child("fastlasso", sys.executable)
    yield process
    process.stop()


def test_scikit_learn_9136_ctrl_c_ends_a_fit(child):
    assert child.ask("Ctrl-C in a long fit", 30.0) == {"status": "judged", "well": True}


def test_scikit_learn_7650_and_19272_a_process_forked_after_a_fit_can_fit(child):
    assert child.ask("fork after a fit", 30.0) == {"status": "judged", "well": True}


@pytest.mark.parametrize("layout", SPARSE)
def test_features_far_from_zero_are_centred_on_sparse_data_too(layout, judge):
    """scikit-learn is wrong without a word at 1e7; skglm at 100 on dense data."""
    for shift in (100.0, 1e7):
        judge(A + shift, Y, fit(build(layout, A + shift), Y, 0.1))


@pytest.mark.parametrize("index", ["2147483648", "9223372036854775808", "18446744073709551615", "1" + "0" * 30])
def test_scikit_learn_10983_an_index_beyond_the_integers_of_a_file_is_an_error(index, tmp_path):
    file = tmp_path / "large.svm"
    file.write_text(f"1 1:0.5 3:1\n2 2:1 {index}:1\n")
    with pytest.raises(DataError, match=rf"line 2: index {index[:20]} after 2"):
        read_dataset(file)


class Long(array):
    """An array that says it has 2^31 items more than it holds."""

    def __len__(self):
        return 2**31 + super().__len__()


def test_scikit_learn_10727_and_21181_a_file_may_hold_more_entries_than_32_bits_count(monkeypatch, tmp_path):
    """The pointers of its rows are 64-bit; such a file itself has 9 GB."""
    file, made = tmp_path / "long.svm", []
    file.write_text("1 1:0.5 3:1\n2 2:1\n")
    monkeypatch.setattr(matrix_table, "array", Long)
    matrix = sparse.csr_array((2, 3))
    monkeypatch.setattr(matrix_table.sparse, "csr_array", lambda parts, shape: made.extend(parts) or matrix)
    read_dataset(file)
    assert made[2].tolist() == [0, 2**31 + 2, 2**31 + 3]
    np.testing.assert_array_equal(made[0], [0.5, 1, 1])


@pytest.mark.parametrize("kind", ["csc_array", "csr_array"])
def test_the_intercept_of_sparse_data_takes_no_work_per_cell(kind):
    """scikit-learn's start visits n p cells: 9e10 here, for 300,000 stored values."""
    rng = np.random.default_rng(0)
    side, stored = 300_000, np.arange(300_000)
    X = sparse.coo_array((rng.standard_normal(side), (stored, rng.permutation(side))), shape=(side, side))
    X = getattr(X, f"to{kind[:3]}")()
    found = fit(X, X[:, [7]].toarray().ravel() * 1e3 + 5, 1e-4)
    assert found.certified
    assert found.intercept == pytest.approx(5, abs=0.1)


# ---------------------------------------------------------------- celer, skglm, glum, glmnet and others

@pytest.mark.parametrize("layout", PLAIN)
def test_celer_188_and_andersoncd_21_columns_without_penalty_are_fitted(layout, judge):
    factor = (np.arange(25) > 2).astype(float)
    found = fit(build(layout, A), Y, 0.3, penalty_factor=factor)
    judge(A, Y, found, penalty_factor=factor)
    assert found.coef[:2].all()


def test_andersoncd_21_more_free_columns_than_rows_leave_no_residual(judge):
    """And where some are penalised besides, the largest alpha that matters is that of their part of y."""
    found = fit(WIDE, WIDE_Y, 0.1, penalty_factor=0.0 * np.arange(90))
    np.testing.assert_allclose(found.predict(WIDE), WIDE_Y, atol=1e-10)
    factor = np.r_[np.zeros(10), np.random.default_rng(0).uniform(0.5, 2, 80)]
    path = fit_path(WIDE, WIDE_Y, penalty_factor=factor, alphas=5, eps=0.1)
    judge(WIDE, WIDE_Y, path, penalty_factor=factor)
    assert (path.coefs[:10, [0]].toarray() != 0).sum() == 9         # the tenth of them is a column of zeros
    assert not path.coefs[10:, [0]].nnz


def test_celer_243_a_small_alpha_and_a_tight_tolerance_on_wide_data_do_not_crash(judge):
    """It was a segmentation fault of GroupLasso; the same data, alpha and tolerance."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        X, y = rng.standard_normal((30, 60)), rng.standard_normal(30)
        judge(X, y, fit(X, y, 0.001, tol=1e-10, fit_intercept=False), fit_intercept=False)


@pytest.mark.parametrize("layout", SPARSE)
def test_celer_19_sparse_data_have_an_intercept(layout):
    found = fit(build(layout, A), Y + 100, 0.1)
    assert found.intercept == pytest.approx(fit(A, Y, 0.1).intercept + 100)


@pytest.mark.parametrize("intercept", [True, False])
def test_skglm_227_alpha_max_knows_the_intercept(intercept):
    X = A + 2
    top = alpha_max(X, Y, fit_intercept=intercept)
    assert not fit(X, Y, top * (1 + 1e-9), fit_intercept=intercept).coef.any()
    assert fit(X, Y, top * 0.999, fit_intercept=intercept).coef.any()


def test_skglm_337_an_intercept_far_away_is_reached_at_once(judge):
    found = fit(A, Y + 1e6, 0.1)
    judge(A, Y + 1e6, found)
    assert found.n_passes <= 10


def test_glum_485_a_wide_sparse_problem_takes_no_dense_matrix_of_its_columns():
    rng = np.random.default_rng(0)
    X = sparse.random_array((300, 60_000), density=1e-3, format="csc", rng=rng)       # a 60,000^2 matrix is 29 GB
    path = fit_path(X, X[:, :50].sum(axis=1) + 0.1 * rng.standard_normal(300), alphas=5, eps=0.1)
    assert path.certified.all()


@pytest.mark.parametrize("kind", ["csc_array", "csr_array"])
def test_glum_709_spikes_seen_through_a_blur_are_found_in_a_moment(kind, judge):
    """Neighbouring columns are nearly the same: a band of a Gaussian, coefficients not negative, no intercept."""
    at = np.arange(600)
    blur = np.exp(-0.5 * ((at[:, None] - at) / 3.0) ** 2) * (abs(at[:, None] - at) <= 12)
    rng = np.random.default_rng(0)
    y = blur @ (rng.uniform(1, 10, 600) * (rng.random(600) < 0.05)) + 0.1 * rng.standard_normal(600)
    path = fit_path(getattr(sparse, kind)(blur), y, lower=0.0, fit_intercept=False)
    judge(blur, y, path, range(0, 100, 9), lower=0.0, fit_intercept=False)
    assert path.n_passes[-1] < 100


@pytest.mark.usefixtures("strict")
def test_pyglmnet_170_coefficients_that_are_all_zero_give_no_nan(judge):
    """It divided zeros by their norm: NaN from then on. Here, at the start, in pilots, and in columns of zeros."""
    top = alpha_max(A, Y)
    judge(A, Y, fit_path(A, Y, alphas=[2 * top, top, top / 10]))
    for options in ({"standardize": True}, {"lower": 0.0, "upper": 0.0}):
        judge(0 * A, Y, fit(0 * A, Y, 0.1, **options), **options)
    for path in (adaptive_path(A, Y, pilot=np.zeros(25), alphas=3), reweighted_path(A, Y, alphas=[2 * top])):
        assert path.coefs.nnz == 0
        assert path.intercepts[0] == pytest.approx(Y.mean())


def test_pyglmnet_183_a_strong_penalty_leaves_the_mean_of_y():
    found = fit(A, Y + 5, 1e6)
    assert not found.coef.any()
    assert found.intercept == pytest.approx((Y + 5).mean(), rel=1e-14)


def test_pyglmnet_275_and_395_as_many_correlated_columns_as_rows_are_solved_to_the_end(judge):
    """Its elastic net stopped far away: an error of 161 in y where scikit-learn's was 13."""
    rng = np.random.default_rng(42)
    X = rng.standard_normal((200, 200))
    y = X[:, :10] @ rng.uniform(0, 100, 10) + 0.1 * rng.standard_normal(200)
    judge(X, y, fit(X, y, 0.1, l1_ratio=0.5, tol=1e-9), l1_ratio=0.5)


@pytest.mark.parametrize("form", SPARSE)
def test_glum_takes_read_only_sparse_buffers(form, judge):
    X = build(form, A)
    assert not X.data.flags.writeable
    judge(A, Y, fit(X, Y, 0.1))


def test_python_glmnet_74_a_path_that_does_not_converge_is_a_warning_and_a_path():
    with pytest.warns(ConvergenceWarning):
        path = fit_path(WIDE, WIDE_Y, alphas=6, eps=1e-2, lower=-0.05, upper=0.05, tol=0.0)
    assert len(path) == 6
    assert np.isfinite(path.gaps).all()


@pytest.mark.parametrize("y", [Y, np.abs(A).sum(axis=1)], ids=["any", "positive"])
def test_glmnet_jerr_minus_2_a_path_starts_at_the_first_alpha_that_matters(y):
    """It came back as a single lambda of 9.9e35 and zeros (jeffwong/glmnet #9)."""
    path = fit_path(A, y)
    assert path.alphas[0] == pytest.approx(alpha_max(A, y))
    assert len(path) == 100
    assert path.df[-1] > 5


def test_glmnet_jl_18_all_folds_have_the_grid_of_the_path():
    result = cross_validate_path(WIDE, WIDE_Y, cv=5, alphas=30, eps=1e-3)
    assert {len(fold) for fold in result.fold_paths} == {30}
    assert result.errors.shape == (30, 5)


@pytest.mark.parametrize("layout", PLAIN)
def test_smile_91_and_adelie_nan_is_an_error_and_no_endless_loop(layout):
    bad = A.copy()
    bad[3, 4] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        fit(build(layout, bad), Y, 0.1)
    with pytest.raises(ValueError, match="NaN"):
        fit(build(layout, A), np.r_[np.nan, Y[1:]], 0.1)


@pytest.mark.parametrize("form", ["csc_array", "csr_array"])
def test_scipy_23784_pointers_that_end_before_the_data_are_an_error(form):
    X = getattr(sparse, form)(A)
    X.data, X.indices = np.r_[X.data, 9.0], np.r_[X.indices, 0].astype(X.indices.dtype)
    with pytest.raises(ValueError, match="corrupt"):
        fit(X, Y, 0.1)


@pytest.mark.parametrize("value", [-1, 10**6])
@pytest.mark.parametrize("form", ["csc_array", "csr_array"])
def test_scipy_8778_21170_and_25763_indices_out_of_range_are_an_error(form, value):
    X = getattr(sparse, form)(A)
    X.indices[5] = value
    with pytest.raises(ValueError, match="corrupt"):
        fit(X, Y, 0.1)


def test_cuml_6759_a_fit_says_how_far_from_the_optimum_it_is():
    found = fit(WIDE, WIDE_Y, 0.05)
    assert 0 <= found.gap <= found.tol * found.null_objective


@pytest.mark.parametrize("kind", [">f8", ">f4"])
def test_cyanure_big_endian_data_are_numbers_too(kind, judge):
    judge(A, Y, fit(A.astype(kind), Y.astype(">f8"), 0.1))


@pytest.mark.parametrize("power", [-300, -100, 100, 300])
def test_glum_and_skglm_tiny_and_huge_scales_give_no_zeros(power):
    plain = fit(A, Y, 0.1)
    for k_x, k_y in ((power, 0), (0, power)):
        found = fit(np.ldexp(A, k_x), np.ldexp(Y, k_y), float(np.ldexp(0.1, k_x + k_y)))
        np.testing.assert_array_equal(found.coef, np.ldexp(plain.coef, k_y - k_x))
