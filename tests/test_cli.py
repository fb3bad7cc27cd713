"""The command: what it prints, where, and with which exit code."""

import importlib
import inspect
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from fastlasso import (
    Huber,
    LassoPath,
    NegativeBinomial,
    Tweedie,
    __version__,
    cross_validate_path,
    fit_path,
    verify,
)
from fastlasso.cli import column_sd as deviations, demo, fitting, main, path as path_command, progress as progressing
from fastlasso.cli.exit_codes import CLOSED_PIPE
from fastlasso.datasets import load_diabetes
from fastlasso.selection.folds import Folds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The diabetes data in the formats the command reads."""
    place, data = tmp_path_factory.mktemp("data"), load_diabetes(quadratic=False)
    table = np.column_stack([data.X, data.y])
    names = ",".join([*data.feature_names, "y"])
    np.savetxt(place / "d.csv", table, delimiter=",", header=names, comments="", fmt="%g")
    np.save(place / "d.npy", table)
    np.save(place / "X.npy", data.X)
    np.savetxt(place / "y.txt", data.y)
    sparse.save_npz(place / "d.npz", sparse.csr_array(table))
    return place


@pytest.fixture
def run(capsys, folder, monkeypatch):
    """Run the command in the folder of the data; return (exit code, standard output, standard error)."""
    monkeypatch.chdir(folder)

    def call(*arguments):
        code = main(list(arguments))
        return code, *capsys.readouterr()
    return call


# ---- reports

def test_path_prints_a_table(run):
    code, out, err = run("path", "d.csv", "--target", "y")
    assert (code, err) == (0, "")
    assert "442 samples x 10 features, dense" in out
    header, *rows = out.split("\n\n")[1].splitlines()
    assert header.split() == ["alpha", "features", "R2", "gap", "/", "P(0)", "passes", "seconds"]
    assert 10 <= len(rows) <= 12
    assert float(rows[0].split()[0]) > float(rows[-1].split()[0])
    assert "all certified" in out
    assert "BIC chooses" in out
    assert "bmi" in out


def test_cv_prints_the_choice(run):
    code, out, err = run("cv", "d.csv", "--target", "y", "--standardize", "--folds", "5")
    assert (code, err) == (0, "")
    assert "CV error" in out
    assert "<- lowest CV error" in out
    assert "5-fold cross-validation" in out
    assert "one standard error" in out
    assert "Strongest features" in out
    assert "alphas in 0 s" not in out
    assert "cross-validation in 0 s" not in out


def test_cv_is_reproducible_and_obeys_seed_and_rule(run):
    results = [json.loads(run("cv", "d.npy", "--target", "-1", "--json", *more)[1])["cv"]
               for more in ((), (), ("--rule", "1se"), ("--seed", "5"))]
    first, again, sparser, other = results
    assert first == again
    assert sparser["alpha"] == sparser["alpha_1se"] == first["alpha_1se"]
    assert other["seed"] == 5


@pytest.mark.parametrize("arguments", [("d.csv", "--target", "y"), ("d.csv", "--target", "11"),
                                       ("d.npy", "--target", "-1"), ("d.npz", "--target", "11"),
                                       ("X.npy", "--target-file", "y.txt")])
def test_every_format_gives_the_same_path(run, arguments):
    code, out, _ = run("path", *arguments, "--alphas", "20,5,1", "--json")
    data = load_diabetes(quadratic=False)
    expected = fit_path(data.X, data.y, alphas=[20, 5, 1])
    points = json.loads(out)["path"]
    assert code == 0
    assert [point["n_features"] for point in points] == expected.df.tolist()
    np.testing.assert_allclose([point["intercept"] for point in points], expected.intercepts, rtol=1e-3)


def test_demo(run, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "DEMOS", [(name, loader, max(eps, 0.05), more) for name, loader, eps, more in demo.DEMOS])
    pytest.importorskip("matplotlib")
    code, out, err = run("demo", "--plot", str(tmp_path / "demo.png"))
    assert (code, err) == (0, "")
    for words in ("diabetes", "Debian words", "442 samples x 64 features", "12,000 samples", "CV error", "gap / P(0)",
                  "passes", "seconds", "lowest error", "one standard error", "bmi", "librust",
                  "Debian programs", "loss: log_loss", "dev ratio",
                  "CV AUC", "highest AUC", "gnome", "Drawn to"):
        assert words in out
    assert (tmp_path / "demo.png").stat().st_size > 50_000


# ---- options reach the fit

@pytest.mark.parametrize(("arguments", "options"), [
    (["--l1-ratio", "0.5", "--alphas", "7"], {"l1_ratio": 0.5, "alphas": 7}),
    (["--l1-ratio", "0", "--alphas", "3,1"], {"l1_ratio": 0.0, "alphas": [3, 1]}),
    (["--l1-ratio", "0", "--alphas", "4"], {"l1_ratio": 0.0, "alphas": 4}),
    (["--standardize", "--eps", "0.1", "--alphas", "4"], {"standardize": True, "eps": 0.1, "alphas": 4}),
    (["--no-intercept", "--alphas", "0.5,"], {"fit_intercept": False, "alphas": [0.5]}),
    (["--tol", "1e-9", "--threads", "1", "--alphas", "3"], {"tol": 1e-9, "n_threads": 1, "alphas": 3}),
])
def test_options(run, folder, arguments, options):
    code, out, _ = run("path", "d.npy", "--target", "11", "--json", *arguments)
    table = np.load(folder / "d.npy")
    expected = fit_path(table[:, :10], table[:, 10], **options)
    points = json.loads(out)["path"]
    assert code == 0
    np.testing.assert_allclose([point["alpha"] for point in points], expected.alphas)
    np.testing.assert_allclose([point["intercept"] for point in points], expected.intercepts, rtol=1e-6, atol=1e-6)


def test_bic_is_not_asked_where_there_are_more_features_than_samples(run, folder):
    rng = np.random.default_rng(0)
    np.save(folder / "wide.npy", rng.standard_normal((20, 31)))
    code, out, _ = run("path", str(folder / "wide.npy"), "--target", "31", "--alphas", "5")
    assert code == 0
    assert "BIC chooses" not in out
    assert "fastlasso cv" in out


def test_the_version(run):
    assert run("--version") == (0, f"fastlasso {__version__}\n", "")


def test_a_table_of_an_elastic_net(run):
    code, out, _ = run("path", "d.csv", "--target", "y", "--l1-ratio", "0.5", "--alphas", "5")
    assert code == 0
    assert "BIC chooses" in out


# ---- JSON and files

@pytest.mark.parametrize("command", ["path", "cv"])
def test_json_is_all_that_is_printed(run, command):
    code, out, err = run(command, "d.csv", "--target", "y", "--json", "--alphas", "8")
    result = json.loads(out)
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    assert result["certified"] is True
    assert result["data"] == {"file": "d.csv", "target": "y", "n_samples": 442, "n_features": 10}
    assert len(result["path"]) == 8
    last = result["path"][-1]
    assert last["n_features"] == len(last["coef"])
    assert last["gap"] <= result["tol"] * result["null_objective"]
    assert "bmi" in last["coef"]
    assert ("cv_error" in last) == (command == "cv")
    assert ("cv" in result) == (command == "cv")


def test_out_saves_a_path_that_loads(run, tmp_path):
    file = tmp_path / "path.npz"
    code, out, _ = run("cv", "d.csv", "--target", "y", "--alphas", "9", "--out", str(file), "--json")
    path = LassoPath.load(file)
    assert code == 0
    assert len(path) == 9
    assert path.feature_names[2] == "bmi"
    np.testing.assert_allclose(path.r2, [point["r2"] for point in json.loads(out)["path"]])


@pytest.mark.parametrize("command", ["path", "cv"])
def test_plot_creates_a_file(run, tmp_path, command):
    pytest.importorskip("matplotlib")
    file = tmp_path / "p.png"
    assert run(command, "d.csv", "--target", "y", "--plot", str(file))[0] == 0
    assert file.stat().st_size > 10_000


# ---- exit codes

def test_uncertified_is_1_and_says_so_once(run):
    code, out, err = run("path", "d.csv", "--target", "y", "--tol", "0")
    assert code == 1
    assert "only" in out
    assert err.startswith("fastlasso: warning: ")
    assert err.count("\n") == 1
    code, out, _ = run("path", "d.csv", "--target", "y", "--tol", "0", "--json")
    assert code == 1
    assert json.loads(out)["certified"] is False


@pytest.mark.parametrize(("arguments", "message"), [
    ((), "required: demo | path | cv | predict | show"),
    (("fly",), "invalid choice"),
    (("path",), "required: DATA"),
    (("path", "d.csv"), "say which column is the target"),
    (("path", "d.csv", "--target", "price"), "no column 'price'"),
    (("path", "d.csv", "--target", "12"), "no column 12"),
    (("path", "d.csv", "--target", "y", "--target-file", "y.txt"), "not allowed with"),
    (("path", "d.csv", "--target", "y", "--eps", "2"), "2 is not in (0, 1]"),
    (("path", "d.csv", "--target", "y", "--eps", "0"), "0 is not in (0, 1]"),
    (("path", "d.csv", "--target", "y", "--l1-ratio", "1.5"), "1.5 is not in [0, 1]"),
    (("path", "d.csv", "--target", "y", "--tol", "nan"), "nan is not in"),
    (("path", "d.csv", "--target", "y", "--alphas", "0"), "0 is less than 1"),
    (("path", "d.csv", "--target", "y", "--alphas", "1,x"), "invalid"),
    (("path", "d.csv", "--target", "y", "--alphas", "1,-1"), "-1 is not in"),
    (("path", "d.csv", "--target", "y", "--alphas", "1,inf"), "neither a count nor a list"),
    (("path", "d.csv", "--target", "y", "--alphas", ","), "neither a count nor a list"),
    (("path", "d.csv", "--target", "y", "--threads", "0"), "0 is less than 1"),
    (("path", "d.csv", "--target", "y", "--out", "p.txt"), "does not end in .npz"),
    (("path", "d.csv", "--target", "y", "--out", "nowhere/p.npz"), "there is no folder nowhere"),
    (("demo", "--plot", "p.docx"), "does not end in .png"),
    (("cv", "d.csv", "--target", "y", "--folds", "1"), "1 is less than 2"),
    (("cv", "d.csv", "--target", "y", "--rule", "best"), "invalid choice"),
    (("path", "d.csv", "--target", "y", "--loss", "logistic"), "invalid choice"),
    (("path", "d.csv", "--target", "y", "--loss", "poisson", "--power", "1.5"), "--power is for --loss tweedie, not"),
    (("path", "d.csv", "--target", "y", "--delta", "1"), "--delta is for --loss huber, not for squared_error"),
    (("path", "d.csv", "--target", "y", "--loss", "tweedie", "--power", "2"), "2 is loss='gamma'"),
    (("path", "d.csv", "--target", "y", "--loss", "huber", "--delta", "0"), "delta"),
    (("path", "d.csv", "--target", "y", "--loss", "negative_binomial", "--k", "nan"), "k"),
    (("cv", "d.csv", "--target", "y", "--measure", "auc"), "--measure='auc' needs a classifier"),
    (("cv", "d.csv", "--target", "y", "--loss", "log_loss", "--measure", "r2"), "--measure must be"),
    (("cv", "d.csv", "--target", "y", "--measure", "roc"), "invalid choice"),
])
def test_usage_is_2(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_plot_without_matplotlib_is_2_before_any_work(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = run("path", "nowhere.csv", "--target", "y", "--plot", "p.png")
    assert (code, out) == (2, "")
    assert 'pip install "fastlasso[plot]"' in err


@pytest.mark.parametrize(("name", "content", "message"), [
    ("gone.csv", None, "gone.csv: No such file or directory"),
    ("gone.npy", None, "gone.npy: No such file or directory"),
    ("gone.npz", None, "gone.npz: No such file or directory"),
    ("gone.svm", None, "gone.svm: No such file or directory"),
    ("gone.mtx", None, "gone.mtx"),
    ("word.csv", "a,b\n1,2\n3,x\n", "word.csv line 3, column 'b': 'x' is not a finite number"),
    ("zero.svm", "1 0:1\n", "zero.svm line 1: index 0"),
    ("text.npz", "text", "not a sparse matrix"),
    ("t.xlsx", "", "cannot read .xlsx"),
])
def test_bad_data_is_3_in_one_line(run, folder, name, content, message):
    if content is not None:
        (folder / name).write_text(content)
    code, out, err = run("path", name, *(() if name.endswith(".svm") else ("--target", "1")))
    assert (code, out) == (3, "")
    assert err.startswith("fastlasso: error: ")
    assert message in err
    assert err.count("\n") == 1


def test_what_the_engine_refuses_is_3_too(run, folder):
    np.save(folder / "nan.npy", np.array([[1.0, np.nan], [2.0, 1.0]]))
    code, out, err = run("path", "nan.npy", "--target", "1")
    assert (code, out) == (3, "")
    assert "NaN" in err
    assert err.count("\n") == 1


def test_corrupt_sparse_structure_is_3(run, folder):
    np.savez(folder / "bad.npz", format=np.array(b"csr"), shape=np.array([2, 2]), data=np.ones(2),
             indices=np.array([0, 7]), indptr=np.array([0, 1, 2]))
    np.save(folder / "two.npy", np.ones(2))
    code, out, err = run("path", "bad.npz", "--target-file", "two.npy")
    assert (code, out) == (3, "")
    assert err.count("\n") == 1


def test_help_is_0(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "demo" in out
    assert run("cv", "--help")[0] == 0


@pytest.mark.skipif(os.name != "posix", reason="SIGINT by os.kill is POSIX")
@pytest.mark.parametrize("out", [False, True])
def test_an_interrupt_keeps_and_saves_the_certified_part(run, folder, monkeypatch, out):
    np.save(folder / "long.npy", np.random.default_rng(0).standard_normal((1000, 4000)))
    timer = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    monkeypatch.setattr(progressing.Progress, "start", lambda monitor: timer.start())
    options = ("--out", "part.npz") if out else ()
    try:
        code, text, err = run("path", "long.npy", "--target", "1", "--alphas", "1000", "--eps", "1e-5", *options)
    finally:
        timer.cancel()      # a fit that ended before its interrupt must not take the other tests along
    kept = int(err.split("interrupted: ")[1].split()[0])
    assert code == 130
    assert 0 < kept < 1000
    assert f"{kept} of them certified" in err
    assert "all certified" in text
    if out:
        part = LassoPath.load(folder / "part.npz")
        assert (len(part), part.status, bool(part.certified.all())) == (kept, "interrupted", True)
    else:
        assert "--out" in err


def test_an_interrupt_among_the_folds_keeps_the_path(run, folder, monkeypatch):
    def stops(self, k, *_):
        if k >= 0:
            raise KeyboardInterrupt
        return take(self, k, *_)
    take = Folds.problem
    monkeypatch.setattr(Folds, "problem", stops)
    code, _, err = run("cv", "d.csv", "--target", "y", "--alphas", "20", "--out", "path_alone.npz")
    assert code == 130
    assert "interrupted: 20 alphas kept, 20 of them certified, saved to path_alone.npz" in err
    assert len(LassoPath.load(folder / "path_alone.npz")) == 20


def test_an_interrupt_of_the_judge_loses_nothing(run, folder, monkeypatch):
    calls = []

    def judge(*given, **more):
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return verify(*given, **more)
    monkeypatch.setattr(fitting, "verify", judge)
    code, out, err = run("path", "d.csv", "--target", "y", "--alphas", "9", "--verify", "--out", "judged.npz")
    assert code == 130
    assert "3 of 9 solutions verified" in err
    assert "BIC chooses" in out
    assert len(LassoPath.load(folder / "judged.npz")) == 9


def test_an_interrupt_before_anything_is_certified(run, folder, monkeypatch):
    monkeypatch.setattr(path_command, "fit_path", interrupt)
    assert run("path", "d.csv", "--target", "y") == (130, "", "fastlasso: interrupted\n")


def interrupt(*_, **__):
    raise KeyboardInterrupt


# ---- other losses

@pytest.fixture(scope="module")
def classes(folder):
    """The diabetes data with words, numbers and counts for a target, each in a .csv of its own."""
    data = load_diabetes(quadratic=False)
    high = data.y > np.median(data.y)
    names = ",".join(data.feature_names)
    targets = {"words": np.where(high, "yes", "no"), "codes": np.where(high, 7, 3), "counts": np.floor(data.y / 30)}
    for name, y in targets.items():
        rows = [",".join([*(f"{value:g}" for value in row), str(label)]) for row, label in zip(data.X, y, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join([f"{names},y", *rows]))
    (folder / "labels.txt").write_text("\n".join(["outcome", *targets["words"]]))
    return data.X, targets


LOSSES = [("log_loss", [], "words", "log_loss"), ("squared_hinge", [], "words", "squared_hinge"),
          ("poisson", [], "counts", "poisson"), ("gamma", [], "d", "gamma"),
          ("tweedie", ["--power", "1.3"], "counts", Tweedie(1.3)), ("tweedie", [], "counts", Tweedie()),
          ("negative_binomial", ["--k", "2"], "counts", NegativeBinomial(2.0)),
          ("huber", ["--delta", "20"], "d", Huber(20.0))]


@pytest.mark.parametrize(("name", "more", "file", "loss"), LOSSES)
def test_every_loss(run, folder, classes, name, more, file, loss):
    X, targets = classes
    y = targets.get(file, np.loadtxt(folder / "y.txt"))
    asked = ("path", f"{file}.csv", "--target", "y", "--loss", name, *more, "--alphas", "6", "--eps", "0.1",
             "--standardize")
    code, out, err = run(*asked)
    assert (code, err) == (0, "")
    assert "dev ratio" in out
    assert f"loss: {name}" in out
    result = json.loads(run(*asked, "--json")[1])
    expected = fit_path(X, y, loss=loss, alphas=6, eps=0.1, standardize=True)
    assert result["loss"]["name"] == name
    assert [point["n_features"] for point in result["path"]] == expected.df.tolist()
    np.testing.assert_allclose([point["deviance_ratio"] for point in result["path"]], expected.r2, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("measure", "head", "best"), [
    ("auc", "CV AUC", "highest AUC"), ("class", "CV class error", "lowest class error"),
    ("deviance", "CV deviance", "lowest deviance"), (None, "CV deviance", "lowest deviance"),
    ("mse", "CV error", "lowest error"), ("mae", "CV mae", "lowest mae")])
def test_measures_of_a_classifier(run, classes, measure, head, best):
    asked = ("cv", "words.csv", "--target", "y", "--loss", "log_loss", "--standardize", "--alphas", "9", "--folds", "4",
             *(["--measure", measure] if measure else []))
    code, out, err = run(*asked)
    assert (code, err) == (0, "")
    assert head in out
    assert best in out
    result = json.loads(run(*asked, "--json")[1])
    X, targets = classes
    expected = cross_validate_path(X, targets["words"], loss="log_loss", measure=measure, standardize=True, alphas=9,
                                   cv=4, random_state=0)
    assert result["cv"]["measure"] == (measure or "deviance")
    assert result["loss"]["classes"] == ["no", "yes"]
    np.testing.assert_allclose([point["cv_error"] for point in result["path"]], expected.mean_error, rtol=1e-9)


def test_labels_of_every_kind_give_one_path(run, classes):
    common = ("--loss", "log_loss", "--alphas", "4", "--json")
    files = [("words.csv", "--target", "y"), ("codes.csv", "--target", "-1"), ("X.npy", "--target-file", "labels.txt")]
    paths = [json.loads(run("path", *arguments, *common)[1])["path"] for arguments in files]
    for path in paths[1:]:
        np.testing.assert_allclose([point["intercept"] for point in path], [point["intercept"] for point in paths[0]])


def test_words_are_no_target_of_a_regression(run, classes):
    code, out, err = run("path", "words.csv", "--target", "y")
    assert (code, out) == (3, "")
    assert "is not a finite number" in err


def test_bad_targets_of_a_loss_are_3(run, folder, classes):
    (folder / "three.csv").write_text("a,y\n1,red\n2,green\n3,blue\n")
    (folder / "one.csv").write_text("a,y\n1,red\n2,red\n3,red\n")
    (folder / "negative.csv").write_text("a,y\n1,2\n2,-1\n3,4\n")
    for name, loss, message in (("three", "log_loss", "y has 3 different values"), ("one", "log_loss", "two classes"),
                                ("negative", "poisson", "y[1] is -1.0")):
        code, out, err = run("path", f"{name}.csv", "--target", "y", "--loss", loss)
        assert (code, out) == (3, "")
        assert message in err
        assert err.count("\n") == 1


def saved(run, folder, *arguments):
    assert run("path", *arguments, "--alphas", "5", "--out", "m.npz", "--json")[0] == 0
    return LassoPath.load(folder / "m.npz")


def test_predict_scores_means_and_classes(run, folder, classes):
    X, _ = classes
    path = saved(run, folder, "words.csv", "--target", "y", "--loss", "log_loss")
    alpha = f"{path.alphas[3]:.4g}"
    outputs = {kind: run("predict", "m.npz", "words.csv", "--target", "y", "--alpha", alpha, "--kind", kind)
               for kind in ("score", "mean", "class")}
    assert [code for code, *_ in outputs.values()] == [0, 0, 0]
    expected = path.fit_at(3).predict(X, kind="mean")
    np.testing.assert_allclose(np.array(outputs["mean"][1].split(), float), expected)
    assert outputs["class"][1].split() == np.where(expected > 0.5, "yes", "no").tolist()
    np.testing.assert_allclose(np.array(outputs["score"][1].split(), float), path.fit_at(3).predict(X))


def test_predict_from_columns_alone(run, folder, classes):
    path = saved(run, folder, "counts.csv", "--target", "y", "--loss", "poisson")
    code, out, _ = run("predict", "m.npz", "X.npy", "--alpha", str(path.alphas[-1]))
    assert code == 0
    expected = path.fit_at(4).predict(np.load(folder / "X.npy"), kind="mean")
    np.testing.assert_allclose(np.array(out.split(), float), expected)


def test_what_cannot_be_predicted(run, folder, classes):
    path = saved(run, folder, "counts.csv", "--target", "y", "--loss", "poisson")
    alpha = str(path.alphas[0])
    for arguments, expected, message in [
            (("X.npy",), 2, "required: --alpha"),
            (("X.npy", "--alpha", alpha, "--kind", "class"), 2, "needs a path of two classes"),
            (("d.npy", "--alpha", alpha), 3, "has 11 columns, the path 10 (--target NAME|NUMBER leaves one out)"),
            (("gone.csv", "--alpha", alpha), 3, "No such file")]:
        code, out, err = run("predict", "m.npz", *arguments)
        assert (code, out) == (expected, "")
        assert message in err
    assert run("predict", "counts.csv", "X.npy", "--alpha", "1")[0] == 3


def test_predict_says_where_it_interpolates(run, folder, classes):
    path = saved(run, folder, "counts.csv", "--target", "y", "--loss", "poisson")
    code, out, err = run("predict", "m.npz", "X.npy", "--alpha", str(0.5 * (path.alphas[1] + path.alphas[2])))
    assert code == 1
    assert "interpolated" in err
    assert len(out.split()) == len(np.load(folder / "X.npy"))


def test_predict_of_svm_lines_that_lack_the_last_columns(run, folder):
    (folder / "train.svm").write_text("".join(f"{i % 2} {1 + i % 3}:{i + 1} 4:{i % 5}\n" for i in range(30)))
    (folder / "new.svm").write_text("0 1:2\n1 2:1 3:1\n")
    path = saved(run, folder, "train.svm", "--loss", "log_loss")
    code, out, _ = run("predict", "m.npz", "new.svm", "--alpha", str(path.alphas[2]))
    assert code == 0
    rows = np.array([[2.0, 0, 0, 0], [0, 1, 1, 0]])
    np.testing.assert_allclose(np.array(out.split(), float), path.fit_at(2).predict(rows, kind="mean"))


def test_verify_says_what_the_judge_found(run):
    code, out, err = run("path", "d.csv", "--target", "y", "--alphas", "5", "--verify")
    assert (code, err) == (0, "")
    assert "Judge: largest gap" in out
    assert "5 of 5 within" in out
    gaps = json.loads(run("cv", "d.csv", "--target", "y", "--alphas", "5", "--verify", "--json")[1])["judged_gaps"]
    assert len(gaps) == 5
    assert max(gaps) < 1e-6


@pytest.mark.skipif("loss" not in inspect.signature(verify).parameters, reason="the judge knows squared error alone")
@pytest.mark.parametrize(("name", "more", "file", "_"), LOSSES)
def test_verify_of_every_loss(run, classes, name, more, file, _):
    code, out, err = run("path", f"{file}.csv", "--target", "y", "--loss", name, *more, "--alphas", "5", "--verify",
                         "--standardize", "--tol", "1e-5")
    assert (code, err) == (0, "")
    assert "5 of 5 within" in out


# ---- progress

class Terminal:
    """A standard error that says it is a terminal."""

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_no_progress_in_a_pipe(capsys, monkeypatch):
    monkeypatch.setattr(progressing, "PATIENCE", 0.0)
    with progressing.progress("path"):
        time.sleep(0.25)
    assert capsys.readouterr().err == ""


def test_progress_on_a_terminal_when_the_work_is_long(monkeypatch):
    monkeypatch.setattr(progressing, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    data = load_diabetes()
    with progressing.progress("path") as monitor:
        fit_path(data.X, data.y, alphas=20, callback=monitor)
        time.sleep(0.25)
    assert "] 20/20 alphas" in terminal.text
    assert terminal.text.endswith("\r\x1b[K")
    assert sorted(monitor.seconds) == list(range(20))


def test_no_progress_when_the_work_is_short(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progressing.progress("path"):
        pass
    assert terminal.text == ""


# ---- as a process

def process(*arguments, **more):
    return subprocess.Popen([sys.executable, "-m", "fastlasso", *arguments], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **more)


def test_python_dash_m_in_a_pipe(folder):
    with process("cv", "d.csv", "--target", "y", "--json", cwd=folder) as command:
        out, err = command.communicate(timeout=60)
    assert command.returncode == 0
    assert err == ""
    assert json.loads(out)["cv"]["folds"] == 10


@pytest.mark.skipif(os.name != "posix", reason="closed pipes of POSIX")
def test_a_closed_pipe_is_no_error(folder):
    with process("path", "d.csv", "--target", "y", cwd=folder) as command:
        command.stdout.close()
        assert command.stderr.read() == ""
        assert command.wait(60) == CLOSED_PIPE


# ---- odd ends

def test_python_dash_m_is_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fastlasso", "--version-that-is-not"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("fastlasso", run_name="__main__")
    assert stop.value.code == 2
    assert importlib.import_module("fastlasso.__main__").main is main


def test_a_reader_that_has_seen_enough_is_no_error(run, monkeypatch):
    redirected = []
    monkeypatch.setattr(os, "dup2", lambda *files: redirected.append(files))
    monkeypatch.setattr(path_command, "print", closed_pipe, raising=False)
    monkeypatch.setattr(sys.stdout, "fileno", lambda: 1)
    assert main(["path", "d.csv", "--target", "y"]) == CLOSED_PIPE
    assert len(redirected) == 1


def closed_pipe(*_, **__):
    raise BrokenPipeError


def test_demo_without_a_picture_says_how_to_get_one(run, monkeypatch):
    monkeypatch.setattr(demo, "DEMOS", demo.DEMOS[:1])
    code, out, _ = run("demo")
    assert code == 0
    assert "fastlasso demo --plot demo.png" in out


def test_the_progress_line_says_what_is_going_on():
    progress = progressing.Progress("path", "cross-validation")
    assert progress.line().split() == ["path", "0", "s"]
    progress(SimpleNamespace(index=0, n_alphas=2, df=3))
    assert "1/2 alphas, 3 features" in progress.line()
    progress(SimpleNamespace(index=1, n_alphas=2, df=3))
    assert progress.line().split() == ["cross-validation", "0", "s"]


@pytest.mark.parametrize("make", [np.asarray, np.asfortranarray, np.float32, sparse.csr_array, sparse.csc_matrix,
                                  lambda X: sparse.csr_array(np.rint(X).astype(int))])
def test_standard_deviations_of_columns(make, monkeypatch):
    """Also where means are far from zero, values few, and entries of a sparse X duplicate."""
    monkeypatch.setattr(deviations, "SD_BLOCK", 21)
    rng = np.random.default_rng(0)
    X = np.rint(8 * rng.standard_normal((40, 6)) * (rng.random((40, 6)) < 0.5))
    X[:, 1] += 1e6
    X[:, 2] = 3.0
    given = make(X)
    expected = np.std(X, axis=0)
    np.testing.assert_allclose(deviations.column_sd(given), expected, rtol=1e-12, atol=1e-14)
    if sparse.issparse(given):
        halves = type(given)((np.repeat(given.data / 2, 2), np.repeat(given.indices, 2), 2 * given.indptr), X.shape)
        np.testing.assert_allclose(deviations.column_sd(halves), expected, rtol=1e-12, atol=1e-14)
        assert halves.nnz == 2 * given.nnz


def test_a_model_without_features_says_so(run):
    code, out, _ = run("path", "d.csv", "--target", "y", "--alphas", "1")
    assert code == 0
    assert "No feature is used." in out
