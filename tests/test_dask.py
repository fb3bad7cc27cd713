"""X as a dask array: the same bits for any number of workers, little traffic, and faults that are said or survived."""

import os
import signal
import subprocess
import sys
import time
import warnings
from itertools import count, pairwise

import matrix_contract as contract
import numpy as np
import pytest
from layouts import exact_matrix, target
from scipy import sparse

from fastlasso import (
    Lasso,
    NegativeBinomial,
    Tweedie,
    cross_validate_path,
    fit_path,
    relaxed_path,
    support_proof,
    verify,
)
from fastlasso.matrices.dask_rows import ClusterBlocks, ComputedBlocks, added, dask_rows, pairwise_sum
from fastlasso.matrices.near import Far
from fastlasso.parallel import Pool

array = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")
from dask import delayed  # noqa: E402
from dask.highlevelgraph import HighLevelGraph  # noqa: E402

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX"),
              pytest.mark.filterwarnings("ignore")]

A = exact_matrix(60, 150, seed=2)
Y = target(A, seed=2)
NUMBERS = count()
UNEVEN = (16, 0, 1, 20, 23, 0)


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes on the loopback device; the variables that dask sets in the environment are taken back."""
    before = dict(os.environ)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
                                  dashboard_address=None, worker_dashboard_address=None) as found:
        yield found
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def client(cluster):
    cluster.scale(2)
    with distributed.Client(cluster) as found:
        found.wait_for_workers(2, timeout=60)
        yield found


def chunked(values=A, kind="csr", rows=UNEVEN, prepare=None):
    """Values as a dask array of dense or sparse chunks of so many rows."""
    prepare = (lambda chunk, k: chunk) if prepare is None else prepare
    edges = np.concatenate([[0], np.cumsum(rows)])
    make = {"csr": sparse.csr_array, "csc": sparse.csc_array, "coo": sparse.coo_array, "dense": np.asarray,
            "F": np.asfortranarray}[kind]
    blocks = [delayed(prepare)(make(values[a:b]), k) for k, (a, b) in enumerate(pairwise(edges))]
    meta = np.empty((0, 0)) if kind in ("dense", "F") else sparse.csr_array((0, 0))
    name = f"chunked-{next(NUMBERS)}"
    graph = HighLevelGraph.from_collections(name, {(name, k, 0): block.key for k, block in enumerate(blocks)}, blocks)
    return array.Array(graph, name, (tuple(rows), (values.shape[1],)), meta=meta)     # keeps empty chunks


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "dense", "F"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (70, 33)])
def test_verbs_in_threads(shape, kind, far):
    values = exact_matrix(*shape)
    rows = (1, 0, shape[0] - 1) if shape[0] < 10 else (16, 0, 1, 20, 33)
    matrix = dask_rows(chunked(values, kind, rows))
    assert isinstance(matrix.blocks, ComputedBlocks)
    with Pool(1) as pool:
        contract.every_verb(Far(matrix) if far else matrix, values, pool)


@pytest.mark.parametrize("kind", ["csr", "dense"])
def test_verbs_in_a_cluster(kind, client):
    values = exact_matrix(60, 9)
    matrix = dask_rows(chunked(values, kind))
    assert isinstance(matrix.blocks, ClusterBlocks)
    assert matrix.blocks.count == 4
    with Pool(1) as pool:
        contract.every_verb(matrix, values, pool)


@pytest.mark.parametrize("n_terms", range(1, 10))
def test_sums_are_added_as_a_cluster_adds_them(n_terms):
    level = terms = list(np.random.default_rng(n_terms).standard_normal((n_terms, 3)))
    while len(level) > 1:
        level = [added(*level[k:k + 2]) if k + 1 < len(level) else level[k] for k in range(0, len(level), 2)]
    np.testing.assert_array_equal(pairwise_sum(iter(terms)), level[0])


WEIGHTED = {"sample_weight": np.arange(60) % 3, "standardize": True}


@pytest.mark.parametrize("options", [{}, {"loss": "log_loss"}, WEIGHTED], ids=str)
def test_the_bits_do_not_depend_on_the_workers(options, cluster, judge):
    """None, one and two; and all is as in memory to 1e-12."""
    y = Y > 3 if "loss" in options else Y
    call = {"alphas": 4, "eps": 0.3, **options}
    X, paths = chunked(), []
    paths.append(fit_path(X, y, **call))
    for n_workers in (1, 2) if not options else ():
        with distributed.LocalCluster(n_workers=n_workers, processes=False, host="127.0.0.1", protocol="tcp://",
                                      dashboard_address=None, threads_per_worker=1) as local, distributed.Client(local):
            paths.append(fit_path(X, y, **call))
    with distributed.Client(cluster):
        paths.append(fit_path(X, array.from_array(np.asarray(y), chunks=16), **call))
    for path in paths[1:]:
        for name in ("alphas", "indices", "values", "intercepts", "gaps"):
            np.testing.assert_array_equal(getattr(path, name), getattr(paths[0], name))
    if "loss" not in options:
        judge(A, y, paths[0], (2, 3), **options)
    assert paths[0].certified.all()
    if not options:
        memory = fit_path(A, y, **call)
        np.testing.assert_allclose(paths[0].coefs.toarray(), memory.coefs.toarray(), atol=1e-12)


def test_traffic_is_counted_and_bounded(client):
    """Up 8 p k for k residuals, down 8 n k and little more."""
    matrix, (n, p) = dask_rows(chunked()), A.shape
    blocks = matrix.blocks
    with Pool(1) as pool:
        for k in (1, 4):
            sent, received = blocks.sent, blocks.received
            matrix.dots(np.ones((k, n)), pool)
            assert blocks.received - received == 8 * p * k
            assert blocks.sent - sent == 8 * n * k
        sent, received = blocks.sent, blocks.received
        cols = np.arange(5)
        matrix.gram(cols, 5, np.zeros(5), False, None, pool)
        assert blocks.received - received <= 8 * (25 + p)
        assert blocks.sent - sent <= 8 * (n + 20 * len(cols))
    path = fit_path(matrix, Y, alphas=20, eps=0.05)
    assert path.certified.all()
    assert blocks.received <= 8 * p * (Far.alphas_ahead * path.n_passes[-1] + p)        # Gram rows come once


def test_what_every_pass_needs_is_sent_once(client):
    """Rows of y go to the workers once; a pass over all columns sends them coefficients alone."""
    matrix, p, k = dask_rows(chunked()), A.shape[1], 3
    blocks, cols, B = matrix.blocks, np.arange(4), np.ones((k, 4))
    with Pool(1) as pool:
        whole, some = np.arange(1, k), np.arange(2)
        matrix.evaluated(Y, cols, B, np.zeros(k), None, pool, whole, some)
        sent, received = blocks.sent, blocks.received
        matrix.evaluated(Y, cols, B, np.zeros(k), None, pool, whole, some)
    assert blocks.sent - sent == blocks.count * (cols.nbytes + B.nbytes + 8 * k + whole.nbytes + some.nbytes)
    assert blocks.received - received == 8 * (len(whole) * p + k * (2 + len(some)))


@pytest.mark.parametrize("loss", ["log_loss", "poisson", "gamma", "huber", "squared_hinge", Tweedie(1.5),
                                  NegativeBinomial(1.0)], ids=str)
def test_all_losses(loss):
    """In threads; what a cluster adds is the same for all losses, and log_loss is fitted on one above."""
    y = Y > 0 if loss in ("log_loss", "squared_hinge") else np.round(np.exp(Y / Y.std())) + 1
    ours, theirs = (fit_path(X, y, loss=loss, alphas=3, eps=0.3, tol=1e-9) for X in (chunked(), A))
    assert ours.certified.all()
    np.testing.assert_allclose(ours.gaps / ours.null_objective, 0, atol=1e-9)
    np.testing.assert_allclose(ours.coefs.toarray(), theirs.coefs.toarray(), atol=2e-4)


def test_everything_takes_it(client):
    X = chunked()
    found = fit_path(X, Y, alphas=5, eps=0.2).fit_at(4)
    for call in (verify, support_proof):
        ours, theirs = (call(data, Y, found.coef, found.intercept, alpha=found.alpha) for data in (X, A))
        if call is verify:
            assert ours.relative_gap <= 1e-6
        else:
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(found.predict(X), found.predict(A), atol=1e-12)
    ours, theirs = (cross_validate_path(data, Y, cv=3, alphas=4, eps=0.2, tol=1e-10) for data in (X, A))
    np.testing.assert_allclose(ours.errors, theirs.errors, rtol=1e-6)
    ours, theirs = (Lasso(alpha=0.2, tol=1e-9).fit(data, Y) for data in (X, A))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-9)
    assert ours.score(X, Y) == pytest.approx(theirs.score(A, Y))
    ours, theirs = (relaxed_path(data, Y, alphas=4, eps=0.2) for data in (X, A))
    np.testing.assert_allclose(ours.predict(X), theirs.predict(A), atol=1e-8)


# ---------------------------------------------------------------- faults


def test_a_worker_that_is_killed_changes_no_bit(client):
    X, call = chunked(), {"alphas": 12, "eps": 0.05}
    whole, killed = fit_path(X, Y, **call), []

    def kill(state):
        if not killed:
            killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    path = fit_path(X, Y, progress=kill, **call)
    assert killed
    for name in ("alphas", "indices", "values", "gaps"):
        np.testing.assert_array_equal(getattr(path, name), getattr(whole, name))


def failing(error_of):
    def prepare(chunk, k):
        if k == 3:
            raise error_of("this block cannot be read")
        return chunk
    return prepare


@pytest.mark.parametrize(("error_of", "expected"), [(OSError, RuntimeError), (ValueError, ValueError)])
def test_a_block_that_always_fails_is_named(error_of, expected, client):
    X = chunked(prepare=failing(error_of))
    started = time.perf_counter()
    with pytest.raises(expected, match="cannot be read") as caught:
        fit_path(X, Y)
    assert "block 3" in str(caught.value) + " ".join(getattr(caught.value, "__notes__", []))
    assert time.perf_counter() - started < 30


def test_nan_in_a_block_is_an_error(client):
    values = A.copy()
    values[values != 0] *= np.where(np.arange(np.count_nonzero(values)) == 900, np.nan, 1.0)
    for kind in ("csr", "dense"):
        with pytest.raises(ValueError, match="NaN"):
            fit_path(chunked(values, kind), Y)


@pytest.mark.parametrize(("X", "words"), [
    (lambda: array.ones((4, 4), chunks=(2, 2)), "chunked by columns"), (lambda: array.ones(4), "2D"),
    (lambda: array.ones((0, 4)), "minimum of 1"),
    (lambda: array.concatenate([chunked(A, "csr", (30, 30)), chunked(A, "dense", (30, 30))]), "sparse and some dense")])
def test_what_is_refused(X, words):
    with pytest.raises(ValueError, match=words):
        fit_path(X(), np.arange(4.0))


def test_a_scheduler_that_goes_away_is_said_and_the_certified_part_is_kept(tmp_path):
    import dask
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
               "--no-dashboard", "--scheduler-file", str(tmp_path / "scheduler.json")]
    with dask.config.set({"distributed.comm.timeouts.connect": "2s"}), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            while not (tmp_path / "scheduler.json").exists():
                assert scheduler.poll() is None
                time.sleep(0.05)
            worker = subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard",
                                       "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--death-timeout", "10",
                                       "--scheduler-file", str(tmp_path / "scheduler.json")],
                                      stderr=subprocess.DEVNULL)
            with distributed.Client(scheduler_file=str(tmp_path / "scheduler.json"), timeout=10) as client:
                client.wait_for_workers(1, timeout=60)
                file = tmp_path / "path.npz"
                with pytest.raises(RuntimeError, match="does not answer") as caught:
                    fit_path(chunked(), Y, alphas=30, eps=0.01, checkpoint=file,
                             progress=lambda state: scheduler.send_signal(signal.SIGKILL))
                assert "are certified" in caught.value.__notes__[0]
        finally:
            scheduler.kill()
            worker.kill()
            scheduler.wait()
            worker.wait()
    with np.load(file) as kept:
        assert len(kept["0-alphas"]) > 0
        assert (kept["0-gaps"] >= 0).all()
