"""What a long fit leaves while it runs: progress, and a checkpoint from which it goes on."""

import io
import math
import os
import signal
import subprocess
import sys
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from layouts import exact_matrix, target

import fastlasso
from fastlasso import Huber, Stage, cross_validate_path, fit_path
from fastlasso.progress import Bar, State, clock

A = exact_matrix(60, 900, seed=2)
Y = target(A, seed=2)
LOSSES = {"squared_error": Y, "log_loss": Y > np.median(Y)}
MORE = {"alphas": 20, "eps": 0.03, "tol": 1e-9}


class Crash(Exception):
    pass


def crash_after(count):
    def callback(state):
        if state.index == count:
            raise Crash
    return callback


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("options", [{}, {"sample_weight": np.arange(60) % 3, "standardize": True}], ids=str)
def test_a_path_goes_on_from_its_checkpoint(loss, options, tmp_path, judge):
    y, file = LOSSES[loss], tmp_path / "path.npz"
    whole = fit_path(A, y, loss=loss, **MORE, **options)
    with pytest.raises(Crash) as caught:
        fit_path(A, y, loss=loss, checkpoint=file, callback=crash_after(9), **MORE, **options)
    assert "are certified in" in caught.value.__notes__[0]
    done = []
    note = lambda state: done.append(state.index)       # noqa: E731
    path = fit_path(A, y, loss=loss, checkpoint=file, callback=note, **MORE, **options)
    assert 0 < len(done) < 20
    assert done[-1] == 19
    np.testing.assert_array_equal(path.alphas, whole.alphas)
    np.testing.assert_allclose(path.coefs.toarray(), whole.coefs.toarray(), atol=1e-3)
    assert (np.diff(path.n_passes) >= 0).all()
    judge(A, y, path, (3, len(whole) - len(done), 19), loss=loss, **options)
    again = fit_path(A, y, loss=loss, checkpoint=file, callback=crash_after(0), **MORE, **options)
    np.testing.assert_array_equal(again.values, path.values)


@pytest.mark.parametrize(("changed", "name"), [
    ({"y": Y + (np.arange(60) == 5)}, "data"), ({"X": A + 1e-9}, "data"), ({"tol": 1e-8}, "tol"),
    ({"alphas": 21}, "alphas"), ({"eps": 0.02}, "alphas"), ({"alphas": [0.3, 0.2]}, "alphas"),
    ({"l1_ratio": 0.9}, "l1_ratio"), ({"fit_intercept": False}, "fit_intercept"), ({"lower": 0.0}, "penalty"),
    ({"sample_weight": np.arange(60.0)}, "sample_weight"), ({"loss": Huber(1.0)}, "loss"), ({"max_r2": 0.9}, "max_r2"),
    ({"X": A[:, :-1]}, "shape")], ids=str)
def test_one_of_other_data_or_options_is_refused(changed, name, tmp_path):
    file, call = tmp_path / "path.npz", {"X": A, "y": Y, **MORE}
    fit_path(**call, checkpoint=file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=name):
        fit_path(**call | changed, checkpoint=file)
    assert file.read_bytes() == before


def test_other_data_with_the_same_first_products_are_refused(tmp_path):
    """Rows of one class in another order leave X'y, means and norms as they are; a larger outlier, Huber's residual."""
    rng = np.random.default_rng(0)
    X = (rng.random((256, 6)) < 0.4) * 1.0
    y = (np.argsort(np.argsort(X[:, 0] + X[:, 1] + rng.standard_normal(256))) >= 128) * 1.0
    shuffled = X.copy()
    for label in (0, 1):
        rows = np.flatnonzero(y == label)
        shuffled[rows, 1] = X[rng.permutation(rows), 1]
    outliers = Y.copy()
    outliers[np.argsort(Y)[[-1, -2]]] = Y[np.argsort(Y)[[-2, -1]]]
    for loss, first, second in [(loss, (X, y), (shuffled, y)) for loss in ("squared_error", "log_loss", "poisson")] + [
            (Huber(0.1), (A, Y), (A, outliers))]:
        file = tmp_path / f"{loss}.npz"
        fit_path(*first, loss=loss, alphas=5, checkpoint=file)
        with pytest.raises(ValueError, match=r"another fit: it differs in (data|y)"):
            fit_path(*second, loss=loss, alphas=5, checkpoint=file)


def test_a_checkpoint_is_no_saved_path(tmp_path):
    fit_path(A, Y, checkpoint=tmp_path / "path.npz", **MORE)
    for load in (fastlasso.load, fastlasso.LassoPath.load):
        with pytest.raises(ValueError, match="it is a checkpoint: repeat the call"):
            load(tmp_path / "path.npz")


@pytest.mark.parametrize("damage", [lambda data: data[:-200], lambda data: b"", lambda data: b"x" * 500])
def test_a_damaged_file_is_refused(damage, tmp_path):
    file = tmp_path / "path.npz"
    fit_path(A, Y, checkpoint=file, **MORE)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match="not a checkpoint"):
        fit_path(A, Y, checkpoint=file, **MORE)


KILLED = """
import sys, time, numpy as np
sys.path.insert(0, {tests!r})
from test_checkpoint import A, Y, MORE
from fastlasso import fit_path
fit_path(A, Y, checkpoint={file!r}, progress=lambda state: (print(state.n_certified, flush=True), time.sleep(0.3)),
         **MORE)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_it_goes_on_after_kill_9(tmp_path, judge):
    file = tmp_path / "path.npz"
    code = KILLED.format(tests=os.path.dirname(__file__), file=str(file))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= 8:
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
    done = []
    path = fit_path(A, Y, checkpoint=file, callback=lambda state: done.append(state.index), **MORE)
    assert done[0] >= 8
    assert len(path) == 20
    judge(A, Y, path, (4, 19))


def test_ctrl_c_keeps_the_certified_part(tmp_path):
    file = tmp_path / "path.npz"

    def interrupt(state):
        if state.n_certified >= 8:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        fit_path(A, Y, checkpoint=file, progress=interrupt, **MORE)
    done = []
    fit_path(A, Y, checkpoint=file, callback=lambda state: done.append(state.index), **MORE)
    assert done[0] >= 8


# ---------------------------------------------------------------- progress


@pytest.mark.parametrize("X", [A, A[:, :20]], ids=["wide", "compiled"])
def test_progress_is_called_to_the_end(X):
    states = []
    path = fit_path(X, Y, alphas=20, eps=0.03, progress=states.append)
    assert states[-1].n_certified == states[-1].n_alphas == 20
    assert states[-1].n_passes == path.n_passes[-1]
    assert states[-1].seconds_left == 0
    assert [state.n_certified for state in states] == sorted({state.n_certified for state in states})


def test_progress_counts_all_folds():
    states = []
    cross_validate_path(A, Y, cv=3, alphas=5, eps=0.3, progress=states.append, n_threads=2)
    assert states[-1].n_certified == states[-1].n_alphas == 20
    assert {state.n_alphas for state in states} == {20}


LONG = {    # work of several paths, and how many alphas it certifies
    "targets": (lambda more: fit_path(A, np.column_stack([Y, -Y, Y**2]), alphas=5, eps=0.3, **more), 15),
    "relaxed": (lambda more: fastlasso.relaxed_path(A, Y, alphas=6, eps=0.3, **more), 6),
    "relaxed cv": (lambda more: fastlasso.cross_validate_relaxed(A, Y, cv=3, alphas=6, eps=0.3, **more), 24),
    "mcp": (lambda more: fastlasso.reweighted_path(A, Y, alphas=4, eps=0.3, **more), 4),
    "mcp cv": (lambda more: fastlasso.cross_validate_reweighted(A, Y, penalty="log", cv=3, alphas=4, eps=0.3,
                                                                 **more), 16),
    "adaptive": (lambda more: fastlasso.adaptive_path(A, Y, cv=3, alphas=[1.0, 0.5], **more), 402),
    "adaptive, marginal": (lambda more: fastlasso.adaptive_path(A, Y, pilot="marginal", alphas=[1.0], **more), 1),
    "adaptive cv": (lambda more: fastlasso.cross_validate_adaptive(A, Y, cv=3, pilot_alpha=0.5, alphas=5, **more), 24),
    "schedule": (lambda more: fastlasso.fit_schedule(A, Y, [
        Stage("bic", alphas=7, eps=0.3), Stage("min", alphas=5, eps=0.3, factor="support"), Stage(0.1)], cv=3, **more),
                 7 + 3 + 20 + 1),
    "stability": (lambda more: fastlasso.stability_selection(A, Y, n_pairs=3, alphas=5, random_state=0, **more), 30),
}


@pytest.mark.parametrize("name", LONG)
def test_progress_counts_all_that_a_long_method_fits(name):
    work, count = LONG[name]
    states = []
    work({"progress": states.append, "n_threads": 2})
    assert states[-1].n_certified == states[-1].n_alphas == count
    assert {state.n_alphas for state in states} == {count}
    assert [state.n_certified for state in states] == sorted(state.n_certified for state in states)
    assert states[-1].n_passes >= states[0].n_passes > 0


@pytest.mark.parametrize("name", ["mcp", "stability"])
def test_progress_ends_where_paths_end_early(name, capsys):
    states = []
    if name == "mcp":
        path = fastlasso.reweighted_path(A, Y, alphas=30, dfmax=3, progress=states.append, verbose=1)
        assert len(path) == states[-1].n_certified < 30
    else:
        fastlasso.stability_selection(A, Y, n_pairs=2, alphas=30, dfmax=3, random_state=0, progress=states.append,
                                      verbose=1)
    assert states[-1].n_certified == states[-1].n_alphas
    assert str(states[-1])[:26] in capsys.readouterr().err


def test_a_stage_that_is_skipped_is_not_waited_for():
    states = []
    fastlasso.fit_schedule(A, Y, [Stage(1e6), Stage("bic", factor="support")], progress=states.append)
    assert states[-1].n_certified == states[-1].n_alphas


def test_the_bar_of_a_notebook_is_that_of_tqdm(monkeypatch):
    """A stand-in for tqdm that notes what it is told; the real one has the same attributes and methods."""
    class Bar:
        told = ()

        def __init__(self, unit):
            self.total, self.n, self.closed = None, 0, False
            Bar.last = self

        def set_postfix_str(self, text, refresh):
            Bar.told += (text,)

        def reset(self, total):
            self.total, self.n = total, 0

        def update(self, n):
            self.n += n

        def refresh(self):
            Bar.told += (f"{self.n}/{self.total}",)

        def close(self):
            self.closed = True

    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=Bar))
    fit_path(A, Y, alphas=5, eps=0.3, verbose=1)
    assert Bar.told[-1] == "5/5"
    assert Bar.told[-2].endswith(" passes")
    assert Bar.last.closed


def test_the_bar_of_a_notebook_with_the_real_tqdm(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")         # tqdm says that it finds no widgets
        fit_path(A, Y, alphas=5, eps=0.3, verbose=1)
    assert "5/5" in capsys.readouterr().err


def test_a_notebook_without_tqdm_has_a_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    fit_path(A, Y, alphas=5, eps=0.3, verbose=1)
    assert "5/5 alphas" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar():
    half, done = State(10, 20, 12.0, 100.0, 100.0), State(20, 20, 20.0, 200.0, 0.0)
    terminal, log = Terminal(), io.StringIO()
    for stream in (terminal, log):
        bar = Bar(stream)
        for state in (half, half, done):
            bar(state)
    assert str(half) == f"[{'#' * 12:<24}] 10/20 alphas, 12 passes, 1 min 40 s, 1 min 40 s left"
    assert terminal.getvalue() == f"\r{half}\x1b[K\r{half}\x1b[K\r{done}\x1b[K\n"
    assert log.getvalue() == f"{half}\n{done}\n"
    assert "left" not in str(State(0, 20, 0.0, 1.0, math.nan))
    assert clock(8_000) == "2 h 13 min"


def test_verbose_draws_on_standard_error(capsys):
    fit_path(A, Y, alphas=5, eps=0.3, verbose=True)
    assert "5/5 alphas" in capsys.readouterr().err


def test_progress_must_be_callable():
    with pytest.raises(TypeError, match="progress must be callable"):
        fit_path(A, Y, progress=3)
