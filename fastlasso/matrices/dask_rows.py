"""X as a `dask.array` chunked by rows: blocks stay with the workers of a cluster, or are computed one at a time.

Only what the verbs of a matrix take and return goes through the network: residuals of a block's rows, coefficients, and
sums. Sums are added pairwise in the order of the blocks, where the blocks are, so that their bits depend neither on the
number of workers nor on which one was first, and one sum reaches the driver.
"""

import sys
from concurrent.futures import CancelledError
from threading import Event

import numpy as np
from scipy import sparse

from ..parallel import Pool, Stopped
from .in_memory import in_memory
from .row_blocks import Block, Blocks, RowBlocks

# Vectors of n whose parts stay with the workers.
KEPT = 4
# Seconds between two looks at whether the scheduler is still there.
LOOK = 2.0


def dask_rows(X, client=None):
    """Return the `RowBlocks` of a dask array.

    Parameters
    ----------
    X : dask.array.Array of shape (n_samples, n_features)
        Chunked by rows alone; its chunks are NumPy arrays or SciPy's sparse ones. Chunks may be of any lengths.
    client : distributed.Client, optional
        Default: the current one; without one, chunks are computed here, one at a time, in each pass.

    Raises
    ------
    ValueError
        Where X is chunked by columns, too, is empty, or its chunks do not fit each other.
    """
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead; reshape your data")
    if X.numblocks[1] != 1:
        raise ValueError("X is chunked by columns: X.rechunk({1: -1}) keeps whole rows together")
    client = present_client() if client is None else client
    return RowBlocks(ComputedBlocks(X) if client is None else ClusterBlocks(X, client))


def present_client():
    """The current `distributed.Client`, or None; the package is not loaded for this."""
    if "distributed" not in sys.modules:
        return None
    try:
        return sys.modules["distributed"].default_client()
    except ValueError:
        return None


def as_block(chunk, start, n_features):
    """Return a chunk as a `Block`: dense as it is, sparse as CSR without duplicates."""
    if sparse.issparse(chunk):
        chunk = sparse.csr_array(chunk)
        if not chunk.has_canonical_format:
            chunk = chunk.copy()
            chunk.sum_duplicates()
    if chunk.ndim != 2 or chunk.shape[1] != n_features:
        raise ValueError(f"the chunk from row {start} has shape {chunk.shape}, X has {n_features} columns")
    return Block(in_memory(chunk), start)


def facts_of(chunk):
    """(rows, stored values, bytes, whether it is sparse, dtype) of a chunk."""
    if not sparse.issparse(chunk):
        chunk = np.asarray(chunk)
        single = chunk.dtype == np.float32
        return chunk.shape[0], chunk.size, chunk.size * (4 if single else 8), False, "f4" if single else "f8"
    single = chunk.dtype == np.float32
    return chunk.shape[0], chunk.nnz, chunk.nnz * (8 if single else 12), True, "f4" if single else "f8"


class DaskBlocks(Blocks):
    """What both sources share: the facts about the chunks, and the order in which sums are added.

    Attributes
    ----------
    sent, received : int
        Bytes of arguments and of results so far, one result for each sum.
    """

    def _take_facts(self, facts, n_features):
        """Set shape, sizes and starts; return the numbers of the chunks that have rows."""
        kept = [k for k, fact in enumerate(facts) if fact[0]]
        facts = [facts[k] for k in kept]
        rows = [fact[0] for fact in facts]
        self.shape, self.nnz = (sum(rows), int(n_features)), sum(fact[1] for fact in facts)
        if 0 in self.shape:
            raise ValueError(f"Found array with shape {self.shape} while a minimum of 1 row and column is required.")
        self.nbytes, kinds = sum(fact[2] for fact in facts), {fact[3] for fact in facts}
        if len(kinds) > 1:
            raise ValueError("some chunks of X are sparse and some dense: make them all of one kind")
        self.is_sparse, = kinds
        self.dtype = np.dtype(np.float32 if all(fact[4] == "f4" for fact in facts) else np.float64)
        self.starts, self.sent, self.received = np.concatenate([[0], np.cumsum(rows)]), 0, 0
        return kept


class ComputedBlocks(DaskBlocks):
    """Chunks that dask's threads compute one at a time, anew in each pass."""

    def __init__(self, X):
        from dask import delayed
        chunks = X.to_delayed().ravel().tolist()
        facts = [delayed(facts_of)(chunk).compute(scheduler="threads") for chunk in chunks]
        self.chunks = [chunks[k] for k in self._take_facts(facts, X.shape[1])]

    def each(self, part, pool, arguments, blocks=None):
        for k in range(self.count) if blocks is None else blocks:
            pool.check()
            try:
                chunk = self.chunks[k].compute(scheduler="threads")
                found = part(as_block(chunk, int(self.starts[k]), self.shape[1]), pool, *arguments(k))
            except Stopped:
                raise
            except Exception as error:
                raise_in_block(error, k)
            yield found

    def total(self, part, pool, arguments):
        return pairwise_sum(self.each(part, pool, arguments))


class ClusterBlocks(DaskBlocks):
    """Chunks that stay in the memory of a cluster's workers. A chunk lost with its worker is computed anew.

    Attributes
    ----------
    is_local : bool
        Whether the scheduler is in this process. Results then come from the workers directly: through the scheduler
        they took two to four times their size here.
    """

    def __init__(self, X, client):
        from distributed import LocalCluster
        chunks = client.compute(X.to_delayed().ravel().tolist())
        self.client, self._kept = client, []
        self.is_local = isinstance(client.cluster, LocalCluster)
        facts = [client.submit(facts_of, chunk, pure=False) for chunk in chunks]
        kept = self._take_facts(self._gathered(facts, list(range(len(chunks)))), X.shape[1])
        self.chunks = [client.submit(as_block, chunks[k], int(start), self.shape[1], pure=False)
                       for k, start in zip(kept, self.starts, strict=False)]

    def kept(self, vector):
        """Futures of the blocks' parts of a vector, which stay with the workers while it is in use."""
        if not any(vector is known for known, _ in self._kept):
            with self._quietly():
                parts = [self.client.submit(np.array, part, pure=False) for part in super().kept(vector)]
            self.sent += vector.nbytes
            self._kept = [*self._kept[1 - KEPT:], (vector, parts)]
        return next(parts for known, parts in self._kept if known is vector)

    @staticmethod
    def _quietly():
        """Parts of vectors are meant to be in the graph: so they come back where a worker is lost."""
        from dask import config
        return config.set({"distributed.admin.large-graph-warning-threshold": "1TB"})

    def _submitted(self, part, arguments, blocks):
        """Futures of a part of some blocks."""
        futures = []
        with self._quietly():
            for k in blocks:
                given = arguments(k)
                self.sent += bytes_of(given)
                futures.append(self.client.submit(run, part, self.chunks[k], given, pure=False))
        return futures

    def _gathered(self, futures, blocks, roots=None):
        """Results of futures, or of the roots of sums over them, in order."""
        results = []
        try:
            for future in futures if roots is None else roots:
                results.append(self._result(future))
        except (Exception, CancelledError) as error:
            self._explain(error, futures, blocks)
        except BaseException:       # Ctrl-C: what is on its way is not wanted any more
            self.client.cancel(futures)
            raise
        return results

    def _result(self, future):
        """The result of a future; an error where the scheduler is gone, so that nothing can settle the future."""
        settled = Event()       # with `wait(timeout=...)` the frames of its errors held results of earlier passes
        future.add_done_callback(lambda _: settled.set())
        while not settled.wait(LOOK) and not future.done():
            if self.client.status != "running":
                raise ConnectionError(f"the client is {self.client.status}")
        if self.is_local and future.status == "finished":
            return self.client.gather(future, direct=True)
        return future.result()

    def _explain(self, error, futures, blocks):
        """Raise the error of a worker with the number of the block, or say that the cluster is gone."""
        failed = [k for k, future in zip(blocks, futures, strict=True) if future.status == "error"]
        if isinstance(error, CancelledError) or (isinstance(error, OSError) and not failed):
            raise RuntimeError(f"the dask cluster {self.client.scheduler.address if self.client.scheduler else ''} "
                               f"does not answer any more: {error}") from error
        if not failed:
            raise error
        raise_in_block(error, failed[0])

    def each(self, part, pool, arguments, blocks=None):
        blocks = list(range(self.count) if blocks is None else blocks)
        futures = self._submitted(part, arguments, blocks)
        for at in range(len(futures)):
            pool.check()
            result, = self._gathered(futures[at:at + 1], blocks[at:at + 1])
            futures[at] = None
            self.received += bytes_of(result)
            yield result

    def total(self, part, pool, arguments):
        pool.check()
        blocks = list(range(self.count))
        futures = self._submitted(part, arguments, blocks)
        level = list(futures)
        while len(level) > 1:
            level = [self.client.submit(added, *level[k:k + 2], pure=False) if k + 1 < len(level) else level[k]
                     for k in range(0, len(level), 2)]
        result, = self._gathered(futures, blocks, level)
        self.received += bytes_of(result)
        return result.copy()        # what came through the network may be read-only


def run(part, block, arguments):
    """Run a part where its block is: on one thread, as other blocks may run beside it."""
    with Pool(1) as pool:
        return part(block, pool, *arguments)


def added(left, right):
    """The sum of two parts."""
    return left + right



def raise_in_block(error, k):
    """Raise the error that block k met; what is wrong with the data stays a ValueError."""
    if isinstance(error, ValueError):
        error.add_note(f"in block {k} of X")
        raise error
    raise RuntimeError(f"block {k} of X failed: {error!r}") from error


def pairwise_sum(terms):
    """Return the sum of the terms, added pairwise in their order as `ClusterBlocks.total` adds them."""
    waiting = []        # (number of terms, sum), numbers falling
    for term in terms:
        count = 1
        while waiting and waiting[-1][0] == count:
            term, count = added(waiting.pop()[1], term), 2 * count
        waiting.append((count, term))
    total = waiting.pop()[1]
    while waiting:
        total = added(waiting.pop()[1], total)
    return total


def bytes_of(value):
    """Bytes of the arrays in some arguments or results."""
    if isinstance(value, (tuple, list)):
        return sum(map(bytes_of, value))
    return getattr(value, "nbytes", 0) if value is not None else 0
