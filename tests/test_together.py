"""Paths that read X together: the same answers as on their own, whatever the number of threads, and no path waits for
one that has failed."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
from layouts import exact_matrix

from fastlasso import cross_validate_path
from fastlasso.matrices.choose import as_matrix
from fastlasso.matrices.together import Reader, Together
from fastlasso.parallel import Pool
from fastlasso.ways import going

LOSSES = ["log_loss", "poisson", "huber"]
N_FOLDS = 4


@pytest.fixture
def apart():
    """Nothing goes through compiled calls for small problems, and paths read X each for themselves."""
    with going(small=0, together_from=1 << 60):
        yield


def data(loss, order="F", n=120, p=40):
    A = np.asarray(exact_matrix(n, p, seed=3), order=order)
    rng = np.random.default_rng(1)
    score = A[:, :5] @ rng.standard_normal(5) / 3
    if loss == "log_loss":
        return A, (rng.random(n) < 1 / (1 + np.exp(-score))).astype(float)
    return A, rng.poisson(np.exp(0.3 * score)).astype(float) if loss == "poisson" else score + rng.standard_normal(n)


def validated(loss, order, n_threads=2, **options):
    A, y = data(loss, order)
    return cross_validate_path(A, y, loss=loss, cv=N_FOLDS, alphas=20, eps=0.02, n_threads=n_threads, **options)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("loss", LOSSES)
def test_answers_are_those_of_paths_on_their_own(loss, order, apart):
    alone = validated(loss, order)
    with going(small=0, together_from=0):
        together = [validated(loss, order, n_threads) for n_threads in (1, 2, 5)]
    for ours in together:
        np.testing.assert_array_equal(ours.errors, together[0].errors)
        for path, other in zip(ours.fold_paths, together[0].fold_paths, strict=True):
            np.testing.assert_array_equal(path.coefs.toarray(), other.coefs.toarray())
            assert path.certified.all()
    np.testing.assert_allclose(together[0].errors, alone.errors, rtol=1e-7)


def test_most_readings_serve_all_paths(apart, monkeypatch):
    counts, make = [], Together._make

    def counted(self, kind, readings):
        counts.append(len(readings))
        return make(self, kind, readings)

    monkeypatch.setattr(Together, "_make", counted)
    with going(small=0, together_from=0):
        validated("log_loss", "F")
    assert max(counts) == N_FOLDS + 1
    assert np.mean(counts) > (N_FOLDS + 1) / 2


@pytest.mark.parametrize("order", ["C", "F"])
def test_each_reading_is_what_the_matrix_gives(order):
    A = np.asarray(exact_matrix(50, 9, seed=2), order=order)
    together, rng = Together(as_matrix(A)), np.random.default_rng(0)
    readers = [Reader(together) for _ in range(3)]
    R, w, cols = rng.standard_normal((3, 2, 50)), rng.random(50), [np.array([4, 1]), np.array([1, 7, 0]), np.array([8])]

    def work(k, own):
        reader = readers[k]
        reader.expect(cols[k], own)
        B = R[k, :, :len(cols[k])].copy()
        return (reader.dots_at(R[k], cols[k], own, w), reader.combine(cols[k], B, own), reader.dots(R[k], own), B)

    with Pool(2) as pool:
        done = together.each(work, range(3), pool, most=3)
    for k, (at, fitted, dots, B) in enumerate(done):
        np.testing.assert_allclose(at, (w * R[k]) @ A[:, cols[k]], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(fitted, B @ A[:, cols[k]].T, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(dots, R[k] @ A, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_the_error_of_one_path_ends_the_others(n_threads):
    together = Together(as_matrix(exact_matrix(50, 9, seed=2)))

    def work(k, own):
        reader = Reader(together)
        for step in range(10):
            if k == 2 and step == 4:
                raise KeyError("the third path")
            reader.dots(np.ones((1, 50)), own)

    with Pool(n_threads) as pool, pytest.raises(KeyError, match="the third path"):
        together.each(work, range(4), pool, most=4)
    assert not together.is_on


def test_paths_of_different_lengths_end(apart):
    together = Together(as_matrix(exact_matrix(50, 9, seed=2)))

    def work(k, own):
        reader = Reader(together)
        return sum(reader.dots(np.ones((1, 50)), own)[0, 0] for _ in range(3 * k))

    with Pool(2) as pool:
        sums = together.each(work, range(5), pool, most=3)
    np.testing.assert_allclose(sums, np.arange(5) * sums[1])


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT by os.kill is POSIX")
def test_ctrl_c_ends_paths_that_wait():
    together = Together(as_matrix(exact_matrix(50, 9, seed=2)))

    def work(k, own):
        reader = Reader(together)
        while True:
            time.sleep(0.001)
            reader.dots(np.ones((1, 50)), own)

    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with Pool(2) as pool, pytest.raises(KeyboardInterrupt):
        together.each(work, range(3), pool, most=3)
