"""Threads that share a kernel: each column once, the same bits, and no thread is left."""

import threading
import time

import numpy as np
import pytest

from fastlasso import parallel
from fastlasso._engine import engine
from fastlasso.matrices.choose import as_matrix
from fastlasso.parallel import Pool, Stopped


@pytest.fixture(params=[2, 3, 5])
def crew(request):
    """A crew whose threads wait for work."""
    crew = engine.Crew()
    crew.ask_for(request.param)
    threads = [threading.Thread(target=crew.serve) for _ in range(request.param - 1)]
    for thread in threads:
        thread.start()
    yield crew
    crew.dismiss()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_all_columns_are_computed_however_many_threads_are_asked_for(crew):
    """Threads that had no part in some work are woken for later work."""
    X, R = np.asfortranarray(np.random.default_rng(0).standard_normal((50, 480))), np.ones((2, 50))
    out = np.empty((2, 480))
    for n_threads in [1, 2, crew.n_threads, 1, crew.n_threads] * 30:
        crew.ask_for(n_threads)
        out[:] = np.nan
        engine.dense_dots(X, 0, 480, R, out, crew)
        np.testing.assert_allclose(out, R @ X, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_column_is_computed_once_and_to_the_same_bits(crew, dtype):
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((37, 700)), dtype)
    w, u = rng.random(37), rng.standard_normal(37)
    for k, p in enumerate([1, 2, 23, 24, 25, 47, 48, 49, 333, 700] * 20):
        if k % 40 == 0:
            time.sleep(0.01)        # the threads sleep
        R = rng.standard_normal((1 + k % 5, 37))
        cols = np.sort(rng.choice(700, p, replace=False)).astype(np.int64)
        for shared, alone, call in [
                (np.full((len(R), p), np.nan), np.empty((len(R), p)), lambda out, crew, R=R, p=p: engine.dense_dots(
                    X, 0, p, R, out, crew)),
                (np.full((len(R), p), np.nan), np.empty((len(R), p)), lambda out, crew, R=R, c=cols: (
                    engine.dense_dots_at(X, c, R, out, crew))),
                (np.full((p, 3), np.nan), np.empty((p, 3)), lambda out, crew, p=p: engine.dense_moments(
                    X, 0, p, w, u, out, crew)),
                (np.zeros((p, p)), np.zeros((p, p)), lambda out, crew, c=cols: engine.add_products(
                    out, np.ascontiguousarray(X[:, c], np.float64), np.ascontiguousarray(X[:, c], np.float64), crew)),
                (np.zeros((p, p)), np.zeros((p, p)), lambda out, crew, c=cols: engine.add_triangle(
                    np.ascontiguousarray(X[:, c].T, np.float64), 37, out, 0, len(c), crew))]:
            call(shared, crew)
            call(alone, None)
            np.testing.assert_array_equal(shared, alone)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_row_is_combined_once_and_to_the_same_bits(crew, dtype):
    rng = np.random.default_rng(1)
    for n in [127, 128, 129, 1000, 5000] * 5:
        X, B, cols = np.asfortranarray(rng.standard_normal((n, 9)), dtype), rng.standard_normal((3, 7)), np.arange(1, 8)
        shared, alone = np.zeros((3, n)), np.zeros((3, n))
        engine.dense_combine(X, cols, B, 0, n, shared, crew)
        engine.dense_combine(X, cols, B, 0, n, alone)
        np.testing.assert_array_equal(shared, alone)
        np.testing.assert_allclose(alone, B @ X[:, 1:8].T, atol=1e-5)


def test_a_triangle_is_that_of_numpy():
    A = np.random.default_rng(1).standard_normal((60, 17))
    S = np.ones((60, 60))
    engine.add_triangle(A, 17, S, 10, 50)
    expected = np.triu(A @ A.T) + 1
    expected[:10], expected[50:] = 1, 1
    np.testing.assert_allclose(np.triu(S), np.triu(expected), rtol=1e-12)
    for rows in (A[:, ::2], np.asfortranarray(A)):
        with pytest.raises(ValueError, match="contiguous"):
            engine.add_triangle(rows, 8, S, 0, 60)


def test_pieces_cover_all_items_and_begin_at_multiples(monkeypatch):
    monkeypatch.setattr(parallel, "PIECE", 1000)
    for n_threads, n_items, work, align in [(1, 100, 90, 8), (2, 100, 90, 8), (3, 7, 10**6, 4), (2, 0, 5, 1),
                                            (2, 9, 0, 3)]:
        pieces = []
        with Pool(n_threads) as pool:
            pool.share(lambda a, b, crew, pieces=pieces: pieces.append((a, b)), n_items, work, align)
        assert np.array_equal(np.concatenate([np.arange(*piece) for piece in pieces] or [[]]), np.arange(n_items))
        assert all(start % align == 0 for start, _ in pieces)
        assert all((stop - start) * work <= 1000 * n_threads + work * align for start, stop in pieces)


def test_as_many_threads_start_as_the_work_allows_and_end_with_the_pool():
    before, crews = threading.active_count(), []
    with Pool(4) as pool:
        for shares, started in [(1, 0), (2, 1), (3, 2), (2, 2), (100, 3)]:
            pool.share(lambda a, b, crew: crews.append(crew), shares, parallel.CREW_SHARE)
            assert threading.active_count() == before + started
            assert crews[-1] is (pool._crew if shares > 1 else None)
            assert shares == 1 or pool._crew.n_threads == min(shares, 4)
    assert threading.active_count() == before
    with Pool(1) as pool:
        pool.share(lambda a, b, crew: crews.append(crew), 10, parallel.CREW_SHARE)
    assert crews[-1] is None


def test_one_thread_at_a_time_shares_work():
    crews = []

    def kernel(start, stop, crew):
        crews.append(crew)
        if len(crews) == 1:
            pool.share(kernel, 10, parallel.CREW_SHARE)

    with Pool(2) as pool:
        pool.share(kernel, 10, parallel.CREW_SHARE)
        pool.share(kernel, 10, parallel.CREW_SHARE)
    assert crews[0] is crews[2]
    assert crews[0] is not None
    assert crews[1] is None


def test_an_error_frees_the_crew_and_a_stopping_pool_ends_the_work():
    def fail(start, stop, crew):
        raise KeyError

    crews, before, outer = [], threading.active_count(), Pool(2)
    with Pool(2, outer) as pool:
        with pytest.raises(KeyError):
            pool.share(fail, 10, parallel.CREW_SHARE)
        pool.share(lambda a, b, crew: crews.append(crew), 10, parallel.CREW_SHARE)
        outer._failed = True
        with pytest.raises(Stopped):
            pool.share(lambda a, b, crew: crews.append(crew), 10, parallel.CREW_SHARE)
    assert len(crews) == 1
    assert crews[0] is not None
    assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="no clock of a thread's own")
def test_other_threads_take_part():
    X = np.asfortranarray(np.random.default_rng(0).standard_normal((500, 4000)))
    matrix, R = as_matrix(X), np.ones((3, 500))
    with Pool(2) as pool:
        matrix.dots(R, pool)
        clock, started = time.pthread_getcpuclockid(pool._helpers[0].ident), time.perf_counter()
        while time.clock_gettime(clock) < 0.05 and time.perf_counter() < started + 20:
            matrix.dots(R, pool)
        assert time.clock_gettime(clock) >= 0.05
