"""Ctrl-C ends any call within a tenth of a second, and the next call works as if nothing had been."""

import contextlib
import functools
import gc
import os
import signal
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from scipy import sparse

from fastlasso import (
    Lasso,
    LassoCV,
    StabilitySelection,
    alpha_max,
    convert,
    cross_validate_path,
    fit,
    fit_path,
    parallel,
    reweighted_path,
    stability_selection,
)
from fastlasso.datasets.folder import open_folder
from fastlasso.matrices import dense, sparse as sparse_matrices, tiling
from fastlasso.matrices.choose import as_matrix
from fastlasso.matrices.mapped import MappedBlocks
from fastlasso.matrices.row_blocks import RowBlocks
from fastlasso.parallel import Pool, Stopped
from fastlasso.path.path_solver import PathSolver

LATENCY = 0.1       # seconds, in the best of three tries: machines are busy with other things too
pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="SIGINT by os.kill is POSIX"),
              pytest.mark.filterwarnings("ignore")]


@functools.lru_cache(maxsize=1)
def data(kind, n, p, density=1.0):
    rng = np.random.default_rng(0)
    if density < 1:
        X = sparse.random_array((n, p), density=density, format=kind, rng=rng)
    else:
        X = np.asarray(rng.standard_normal((n, p)), order=kind)
    return X, X @ np.where(np.arange(p) % 3, 0.0, 1.0) + rng.standard_normal(n)


CALLS = {
    "one_alpha": (("F", 1000, 3000), lambda X, y, n: fit(X, y, 1e-3, n_threads=n)),
    "bounded": (("F", 1000, 3000), lambda X, y, n: fit_path(X, y, lower=-0.05, upper=0.05, tol=1e-12, n_threads=n)),
    "estimator": (("F", 1000, 3000), lambda X, y, n: Lasso(alpha=1e-3, n_jobs=n).fit(X, y)),
    "wide_path": (("F", 500, 4000), lambda X, y, n: fit_path(X, y, eps=1e-4, n_threads=n)),
    "large_face": (("F", 1200, 1500), lambda X, y, n: fit(X, y, alpha_max(X, y) / 1e5, tol=1e-12, n_threads=n)),
    "compressed": (("F", 30_000, 300), lambda X, y, n: fit_path(X, y, n_threads=n)),
    "rows": (("C", 4000, 2000), lambda X, y, n: fit_path(X, y, eps=1e-4, n_threads=n)),
    "sparse_rows": (("csr", 20_000, 20_000, 2e-3), lambda X, y, n: fit_path(X, y, eps=1e-4, n_threads=n)),
    "sparse_columns": (("csc", 20_000, 20_000, 2e-3), lambda X, y, n: fit_path(X, y, eps=1e-4, n_threads=n)),
    "cross_validation": (("F", 300, 3000), lambda X, y, n: cross_validate_path(X, y, cv=5, n_threads=n)),
    "logistic_path": (("F", 1000, 4000), lambda X, y, n: fit_path(X, y > 0, loss="log_loss", eps=1e-3, n_threads=n)),
    "logistic_rows": (("csr", 20_000, 20_000, 2e-3),
                      lambda X, y, n: fit_path(X, y > 0, loss="log_loss", eps=1e-3, n_threads=n)),
    "logistic_cold": (("F", 1000, 4000), lambda X, y, n: fit(X, y > 0, 1e-4, loss="log_loss", n_threads=n)),
    "stability": (("F", 300, 3000), lambda X, y, n: stability_selection(X, y, n_threads=n)),
    "reweighted": (("F", 300, 3000), lambda X, y, n: reweighted_path(X, y, n_threads=n)),
    "estimator_cv": (("F", 300, 3000), lambda X, y, n: LassoCV(n_jobs=n).fit(X, y)),
    "estimator_stability": (("F", 300, 3000), lambda X, y, n: StabilitySelection(n_jobs=n).fit(X, y)),
}
LARGE = {
    "columns": (("F", 6000, 8000), lambda X, y, n: fit(X, y, alpha_max(X, y) / 20, n_threads=n)),
    "rows": (("C", 6000, 8000), lambda X, y, n: fit(X, y, alpha_max(X, y) / 20, n_threads=n)),
    "compressed": (("F", 100_000, 600), lambda X, y, n: cross_validate_path(X, y, n_threads=n)),
    "cross_validation": (("F", 2000, 10_000), lambda X, y, n: cross_validate_path(X, y, cv=3, n_threads=n)),
    "stability": (("F", 2000, 10_000), lambda X, y, n: stability_selection(X, y, n_threads=n)),
    "sparse_rows": (("csr", 200_000, 100_000, 1e-3), lambda X, y, n: fit(X, y, alpha_max(X, y) / 10, n_threads=n)),
    "sparse_columns": (("csc", 200_000, 100_000, 1e-3), lambda X, y, n: fit(X, y, alpha_max(X, y) / 10, n_threads=n)),
    "sparse_compressed": (("csr", 100_000, 500, 0.3), lambda X, y, n: cross_validate_path(X, y, n_threads=n)),
    "sparse_stability": (("csc", 50_000, 50_000, 2e-3), lambda X, y, n: stability_selection(X, y, n_threads=n)),
}


def latency(call, delay):
    """Seconds from a SIGINT, sent `delay` seconds after the call began, to the KeyboardInterrupt."""
    sent = []

    def interrupt():
        time.sleep(delay)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=interrupt)
    try:
        sender.start()
        while not sent or time.perf_counter() < sent[0] + 10:
            call()
    except KeyboardInterrupt:
        return time.perf_counter() - sent[0]
    finally:
        sender.join()
    pytest.fail("the interrupt got lost")


def best_latency(call, delay):
    """As `latency`, in the best of up to three tries."""
    tries = []
    while len(tries) < 3 and min(tries, default=np.inf) > LATENCY:
        tries.append(latency(call, delay))
    return min(tries)


def check(case, n_threads, delays):
    """Interrupt a call at some moments; then no thread is left, and a fit is what it was before."""
    of, call = case
    X, y = data(*of)
    before = fit_path(np.eye(6) * 3, np.arange(6.0), alphas=5)
    found = {delay: best_latency(lambda: call(X, y, n_threads), delay) for delay in delays}
    assert max(found.values()) <= LATENCY, found
    deadline = time.perf_counter() + 2      # a signal while the pool shuts down leaves its threads to the collector
    while threading.active_count() > 1 and time.perf_counter() < deadline:
        gc.collect()
        time.sleep(0.02)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("fastlasso")] == []
    after = fit_path(np.eye(6) * 3, np.arange(6.0), alphas=5)
    np.testing.assert_array_equal(after.coefs.toarray(), before.coefs.toarray())


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_ends_a_call_and_the_next_works(name, n_threads):
    check(CALLS[name], n_threads, (0.01, 0.1))


@pytest.mark.slow
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("name", LARGE)
def test_ctrl_c_ends_a_large_call_too(name, n_threads):
    """X of some hundred megabytes, working sets of thousands of columns, many moments of the call."""
    check(LARGE[name], n_threads, (0.005, 0.05, 0.2, 0.5, 1.0, 2.0, 3.0, 4.5, 6.0))


def test_ctrl_c_on_disk_keeps_what_is_certified(tmp_path):
    """It comes within LATENCY and one block, while later alphas are solved from a cold cache."""
    rng, n, p = np.random.default_rng(0), 10_000, 800
    np.save(tmp_path / "X.npy", rng.standard_normal((n, p), np.float32))
    np.save(tmp_path / "y.npy", np.load(tmp_path / "X.npy")[:, :200].sum(axis=1) + rng.standard_normal(n))
    folder = open_folder(convert(tmp_path / "X.npy", tmp_path / "data", target_file=tmp_path / "y.npy"))
    X = RowBlocks(MappedBlocks(folder, 1 << 20))
    waited = []
    while len(waited) < 3 and min(waited, default=np.inf) > LATENCY:
        sent, parts = [], []

        def interrupt(state, sent=sent, parts=parts):
            if not sent:
                for file in X.blocks.files if hasattr(os, "posix_fadvise") else ():
                    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                parts.append(state.path)
                sent.append(time.perf_counter() + 0.02)
                threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()

        def fit_for_ever(interrupt=interrupt):
            while True:
                fit_path(X, folder.y, alphas=200, callback=interrupt)

        with pytest.raises(KeyboardInterrupt):
            fit_for_ever()
        waited.append(time.perf_counter() - sent[0])
        path = parts[0]()
        assert len(path) > 0
        assert path.certified.all()
    assert min(waited) <= LATENCY, waited


class Work:
    """Pieces of work that go on until their pool stops, and whether it did."""

    def __init__(self):
        self.told, self.began = [], threading.Event()

    def piece(self, pool):
        self.began.set()
        deadline = time.perf_counter() + 20
        while not pool.stopping and time.perf_counter() < deadline:
            time.sleep(0.001)
        self.told.append(pool.stopping)

    def interrupt(self):
        assert self.began.wait(20)
        raise KeyboardInterrupt


def test_ctrl_c_in_this_thread_stops_what_others_have_begun():
    def piece():
        if threading.current_thread() is threading.main_thread():
            work.interrupt()
        work.piece(pool)

    work = Work()
    with pytest.raises(KeyboardInterrupt), Pool(2) as pool:
        pool.run(piece, [()] * 5)
    assert work.told == [True]


def test_what_goes_wrong_in_another_thread_is_raised_and_not_that_this_one_stopped():
    def piece():
        if threading.current_thread() is threading.main_thread():
            work.piece(pool)
            pool.check()
        assert work.began.wait(20)
        raise MemoryError

    work = Work()
    with pytest.raises(MemoryError), Pool(2) as pool:
        pool.run(piece, [()] * 5)
    assert work.told == [True]


def test_ctrl_c_between_calls_stops_pools_within_pools_and_what_waits_in_them():
    def inner():
        with contextlib.suppress(Stopped), Pool(2, pool) as own:
            own.run(work.piece, [(own,)] * 6)

    def outer():
        thread.start()
        work.interrupt()

    work, thread = Work(), threading.Thread(target=inner)
    with pytest.raises(KeyboardInterrupt), Pool(2) as pool:
        outer()
    thread.join()
    assert work.told in ([True], [True, True])


class Counting(Pool):
    """A pool that says from the given look on that it is stopping."""

    def __init__(self, looks):
        super().__init__(1)
        self.looks = looks

    @property
    def stopping(self):
        self.looks -= 1
        return self.looks < 0


@pytest.mark.parametrize("layout", ["C", "F", "csc", "csr"])
@pytest.mark.parametrize("verb", ["moments", "dots", "dots_at", "combine", "gram"])
def test_a_pass_in_pieces_looks_at_the_pool_before_each(layout, verb, monkeypatch):
    """A fold in a thread of its own must not finish its pass once Ctrl-C has come."""
    monkeypatch.setattr(parallel, "SHARE", 100)
    for module in (parallel, dense, sparse_matrices, tiling):
        monkeypatch.setattr(module, "PIECE", 500, raising=module in (parallel, sparse_matrices, tiling))
    monkeypatch.setattr(dense, "GATHER_ROWS", 8)
    n, p, cols = 1024, 600, np.arange(0, 600, 3)
    ones, R = np.ones(n), np.ones((2, n))
    X = np.ones((n, p), order=layout) if layout in "CF" else getattr(sparse, f"{layout}_array")(np.ones((n, p)))
    arguments = {"moments": (ones, ones), "dots": (R,), "dots_at": (R, cols), "combine": (cols, np.ones((2, 200))),
                 "gram": (cols, 200, np.zeros(200), np.zeros(200), ones)}[verb]
    for looks in (0, 1):
        with pytest.raises(Stopped):
            getattr(as_matrix(X), verb)(*arguments, Counting(looks))


def test_an_interrupt_from_the_callback_comes_through():
    def callback(state):
        raise KeyboardInterrupt

    X = np.random.default_rng(0).standard_normal((20, 90))
    with pytest.raises(KeyboardInterrupt):
        fit_path(X, X[:, 0], callback=callback)
    assert fit_path(X, X[:, 0], alphas=3).certified.all()


# ---- what is kept

@pytest.mark.parametrize("call", [fit_path, functools.partial(cross_validate_path, cv=3)])
@pytest.mark.parametrize(("kind", "loss"), [("F", "squared_error"), ("C", "log_loss"), ("csr", "squared_error")])
def test_what_was_solved_before_an_interrupt_is_not_lost(call, kind, loss):
    X, y = data(kind, 60, 90, 0.5 if kind == "csr" else 1.0)
    y = y > 0 if loss == "log_loss" else y
    whole, states = fit_path(X, y, loss=loss, l1_ratio=0.9), []

    def callback(state):
        states.append(state)
        if state.index == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(X, y, loss=loss, l1_ratio=0.9, callback=callback)
    part = states[-1].path()
    assert 20 < len(part) <= 41
    assert (part.status, part.params["l1_ratio"], bool(part.certified.all())) == ("interrupted", 0.9, True)
    np.testing.assert_allclose(part.alphas, whole.alphas[:len(part)], rtol=1e-9)
    np.testing.assert_allclose(part.intercepts, whole.intercepts[:len(part)], rtol=1e-3, atol=1e-3)
    assert len(states[0].path()) == len(part)


def test_a_state_that_is_kept_does_not_keep_the_solver():
    """Its working set may be as large as X."""
    X, y = data("F", 60, 90)
    states, solvers = [], []
    init = PathSolver.__init__

    def noted(self, *args, **kwargs):
        init(self, *args, **kwargs)
        solvers.append(weakref.ref(self.solver))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PathSolver, "__init__", noted)
        path = fit_path(X, y, callback=states.append)
    gc.collect()
    assert [solver() for solver in solvers] == [None]
    assert (len(states[-1].path()), states[-1].path().status) == (len(path), "complete")
