"""Time paths on data that need not fit in memory: from memory, from disk, from disk with a cold cache, through dask.

    python -m bench.large --folder FOLDER [--case NAME] [--scale SHARE] [--way WAY] [--alphas N] [--eps SHARE]
                          [--save FILE]
    python -m bench.large --table FILE

Each way runs in a process of its own and prints one line of JSON: seconds and processor seconds, passes, peak of
anonymous memory, the largest gap, and for cold passes their speed beside that of a plain sequential read of the same
files. `--scale` multiplies rows and columns: 1 is the size of docs/large.md's table. `--save` appends the lines to a
file, from which `--table` prints the table. The ways `adelie` and `dask-ml` are peers, in a Python that has them.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from itertools import pairwise

import numpy as np

# name: (rows, columns, fields of a one-hot matrix or 0 for a dense one, loss)
CASES = {"one-hot": (5_000_000, 2_000_000, 39, "squared_error"), "dense": (200_000, 5_000, 0, "squared_error"),
         "one-hot-logistic": (1_000_000, 400_000, 39, "log_loss")}
WAYS = ("memory", "disk", "cold", "dask")
PEERS = ("adelie", "dask-ml")
# Rows that are made at a time.
ROWS = 4096


def make(place, n, p, fields):
    """Write a folder of n x p random values of float32, tile by tile: one-hot with rare levels, or normal."""
    from fastlasso.datasets.writers import CsrWriter, TableWriter, complete, new_folder
    rng, y = np.random.default_rng(0), np.empty(n)
    beta = np.where(rng.random(p) < min(1, 200 / p), rng.standard_normal(p), 0.0)
    with new_folder(place) as folder:
        writer = CsrWriter(folder, np.float64, p) if fields else TableWriter(folder, np.float32, p)
        for start in range(0, n, ROWS):
            rows = min(ROWS, n - start)
            if fields:
                width = p // fields
                columns = (rng.random((rows, fields)) ** 3 * width).astype(np.int64) + width * np.arange(fields)
                writer.append(np.ones(rows * fields), columns.ravel(), np.full(rows, fields))
                y[start:start + rows] = beta[columns].sum(axis=1)
            else:
                X = rng.standard_normal((rows, p), np.float32)
                writer.append(X)
                y[start:start + rows] = X @ beta
        complete(folder, writer, y + y.std() * rng.standard_normal(n), None, "y", "generated")


class AnonymousPeak(threading.Thread):
    """Watches the anonymous memory of this process; `peak` is in bytes above that at the start."""

    def __init__(self):
        super().__init__(daemon=True)
        self.base, self.peak, self.ended = self.now(), 0, threading.Event()

    @staticmethod
    def now():
        """Anonymous bytes resident."""
        with open("/proc/self/status") as status:
            return next(1024 * int(line.split()[1]) for line in status if line.startswith("RssAnon"))

    def run(self):
        while not self.ended.wait(0.01):
            self.peak = max(self.peak, self.now() - self.base)


def in_memory(X):
    """The blocks of a folder as one array or matrix in memory."""
    from scipy import sparse
    parts = [np.array(part) for part in X.blocks.folder.parts]
    if len(parts) == 1:
        return parts[0]
    return sparse.csr_array((parts[0], parts[1], parts[2].astype(np.int32)), shape=X.shape)


def of_dask(X):
    """The folder as a dask array, each chunk read by the worker that holds it."""
    from dask import array, delayed
    starts, path = X.blocks.starts, str(X.blocks.folder.path)
    chunks = [array.from_delayed(delayed(chunk_of)(path, k), (int(b - a), X.shape[1]), dtype=X.dtype)
              for k, (a, b) in enumerate(pairwise(starts))]
    return array.concatenate(chunks)


def chunk_of(path, k):
    """Block k of a folder."""
    import fastlasso
    return fastlasso.open_dataset(path).X.blocks.block(k).matrix.stored()


def drop_cache(X):
    """Have the system forget the pages of the folder's files."""
    for file in X.blocks.files:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)


def sequential_speed(X):
    """Bytes per second of a plain read of the files from a cold cache."""
    drop_cache(X)
    started, size = time.perf_counter(), 0
    for file in X.blocks.files:
        os.lseek(file, 0, os.SEEK_SET)
        while piece := len(os.read(file, 1 << 23)):
            size += piece
    return size / (time.perf_counter() - started)


class TimedPasses:
    """Times what reads all blocks, and drops the cache before where it is to be cold. Replaces `each` of the blocks."""

    def __init__(self, X, cold):
        self.X, self.cold, self.real, self.seconds, self.count = X, cold, X.blocks.each, 0.0, 0
        X.blocks.each = self

    def __call__(self, part, pool, arguments, blocks=None):
        if self.cold:
            for mapped in self.X.blocks.folder.parts:
                getattr(mapped, "_mmap", None) and mapped._mmap.madvise(4)      # MADV_DONTNEED: they are kept else
            drop_cache(self.X)
        if blocks is not None and len(blocks) < self.X.blocks.count:
            yield from self.real(part, pool, arguments, blocks)
            return
        started = time.perf_counter()
        yield from self.real(part, pool, arguments, blocks)
        self.seconds, self.count = self.seconds + time.perf_counter() - started, self.count + 1


def measured(place, way, loss, alphas, eps):
    """Fit in one way; return the figures."""
    import fastlasso
    from fastlasso.matrices.dask_rows import dask_rows
    data = fastlasso.open_dataset(place)
    X, y = data.X, data.y > np.median(data.y) if loss == "log_loss" else data.y
    given = {"memory": in_memory, "dask": of_dask}.get(way, lambda X: X)(X)
    speed = sequential_speed(X) if way == "cold" else None
    passes = TimedPasses(X, way == "cold") if way in ("disk", "cold") else None
    if way == "dask":
        given = dask_rows(given)        # counts what is sent
    watch = AnonymousPeak()
    watch.start()
    started, processor = time.perf_counter(), time.process_time()
    path = fastlasso.fit_path(given, y, loss=loss, alphas=alphas, eps=eps)
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    watch.ended.set()
    figures = {"way": way, "shape": list(X.shape), "bytes": X.nbytes, "alphas": alphas, "eps": eps, "seconds": seconds,
               "processor seconds": processor, "passes": path.n_passes[-1], "anonymous MB": watch.peak / 1e6,
               "used": int(path.df[-1]), "gap": float(path.gaps.max() / path.null_objective),
               "certified": bool(path.certified.all())}
    if passes is not None:
        figures["pass MB/s"] = 1e-6 * X.nbytes * passes.count / passes.seconds
    if way == "dask":
        figures |= {"sent MB": given.blocks.sent / 1e6, "received MB": given.blocks.received / 1e6}
    return figures | ({"sequential MB/s": speed / 1e6} if speed else {})


def run_one(options):
    """Measure in this process, in a local cluster where dask is asked for, and print JSON."""
    loss = CASES[options.case][3]
    if options.way in PEERS:
        from .large_peers import measured as measured_peer
        print(json.dumps(measured_peer(options.place, options.way, loss, options.alphas, options.eps)))
        return
    if options.way != "dask":
        print(json.dumps(measured(options.place, options.way, loss, options.alphas, options.eps)))
        return
    import distributed
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
                                  dashboard_address=None) as cluster, distributed.Client(cluster):
        print(json.dumps(measured(options.place, options.way, loss, options.alphas, options.eps)))


def table(lines):
    """The lines of a saved file as a table in Markdown."""
    head = ["X", "way", "alphas, eps", "seconds", "processor seconds", "passes", "anonymous MB", "share of X",
            "gap / P(0)", "a pass, MB/s", "plain read, MB/s"]
    rows = [head, ["---"] * len(head)]
    for line in lines:
        n, p = line["shape"]
        speed = [f"{line[name]:.0f}" if name in line else "" for name in ("pass MB/s", "sequential MB/s")]
        memory = line.get("anonymous MB")
        rows.append([f"{line['case']} {n:,} x {p:,}, {line['bytes'] / 1e6:,.0f} MB", line["way"],
                     f"{line['alphas']}, {line['eps']:g}", f"{line['seconds']:.1f}", f"{line['processor seconds']:.1f}",
                     f"{line['passes']:.0f}" if "passes" in line else "", f"{memory:.0f}" if memory else "",
                     f"{1e6 * memory / line['bytes']:.2f}" if memory else "", f"{line['gap']:.0e}", *speed])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main(arguments=None):
    """Make the data that are missing, and run each way in a fresh process."""
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=CASES, default="one-hot")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--way", action="append", choices=WAYS + PEERS)
    parser.add_argument("--alphas", type=int, default=100)
    parser.add_argument("--eps", type=float, default=1e-2)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--save", type=pathlib.Path)
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--place", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.table:
        print(table(map(json.loads, options.table.read_text().splitlines())))
        return None
    if options.folder is None:
        parser.error("--folder is required")
    if options.place:
        options.way, = options.way
        return run_one(options)
    n, p, fields, _ = CASES[options.case]
    place = options.folder / f"{options.case}-{options.scale:g}"
    if not place.exists():
        options.folder.mkdir(parents=True, exist_ok=True)
        make(place, max(1, int(n * options.scale)), max(fields or 1, int(p * options.scale)), fields)
    for way in options.way or WAYS:
        command = [sys.executable, "-m", "bench.large", "--case", options.case, "--way", way, "--place", str(place),
                   "--folder", str(options.folder), "--alphas", str(options.alphas), "--eps", str(options.eps)]
        line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        print(line, end="", flush=True)
        if options.save:
            with open(options.save, "a") as file:
                file.write(json.dumps({"case": options.case} | json.loads(line)) + "\n")
    return None


if __name__ == "__main__":
    main()
