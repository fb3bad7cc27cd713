"""The command on real tables: words, missing values, indices, separators, packed files, standard input, Parquet."""

import argparse
import ast
import gzip
import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import fastlasso
from fastlasso import LassoPath, Stage, cross_validate_path, fit_path
from fastlasso.cli import main
from fastlasso.cli.hints import HINTS, options_of
from fastlasso.cli.main import COMMANDS
from fastlasso.datasets import DataError, Reading, read_dataset, read_matrix
from fastlasso.datasets.matching import read_like

N = 60
OPTION = r"(?<![\w-])--[a-z][a-z0-9-]*"


@pytest.fixture(scope="module")
def table():
    """Columns of a table: rows with names, words in two columns, exposure, weights, and a target."""
    rng = np.random.default_rng(3)
    city = rng.choice(["Oslo", "Rome", "Lima"], N)
    columns = {"age": rng.integers(20, 70, N).astype(float), "size": rng.normal(170, 9, N).round(2), "city": city,
               "note": np.array([f"n,{i % 7}" for i in range(N)]), "w": rng.uniform(0.5, 2, N).round(3),
               "shift": rng.normal(size=N).round(3), "visit": np.repeat(np.arange(N // 4), 4).astype(float)}
    columns["y"] = (0.1 * columns["age"] + (city == "Rome") * 3 + rng.normal(size=N)).round(3)
    return columns


def lines(columns, sep=",", decimal=".", index=False, header=True):
    def text(value):
        shown = f"{value:g}".replace(".", decimal) if isinstance(value, float) else str(value)
        return f'"{shown}"' if sep in shown else shown
    rows = [sep.join([*([str(i)] if index else []), *map(text, row)])
            for i, row in enumerate(zip(*columns.values(), strict=True))]
    head = [sep.join([*([""] if index else []), *columns])] if header else []
    return "\n".join([*head, *rows]) + "\n"


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = main(list(arguments))
        return code, *capsys.readouterr()
    return call


def numbers(table, *names):
    return np.column_stack([table[name] for name in names])


def points(out):
    return np.array([[point["intercept"], *[point["coef"].get(name, 0.0) for name in ("age", "size")]]
                     for point in json.loads(out)["path"]])


PLAIN = ("--target", "y", "--columns", "age,size", "--alphas", "3,1,0.2", "--json")


@pytest.fixture
def expected(table):
    path = fit_path(numbers(table, "age", "size"), table["y"], alphas=[3, 1, 0.2])
    return np.column_stack([path.intercepts, path.coefs.toarray().T])


# ---- ways of text

@pytest.mark.parametrize(("name", "how", "options"), [
    ("t.csv", {}, ()), ("t.tsv", {"sep": "\t"}, ()), ("t.csv", {"sep": ";", "decimal": ","}, ("--decimal", ",")),
    ("t.csv", {"sep": "|"}, ("--sep", "|")), ("t.data", {}, ("--format", "csv")),
    ("t.csv", {"index": True}, ()), ("t.csv.gz", {}, ()), ("t.tsv.gz", {"sep": "\t"}, ())])
def test_every_way_of_text_gives_the_same_path(run, tmp_path, table, expected, name, how, options):
    data = lines(table, **how).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    code, out, err = run("path", name, *PLAIN, *options)
    assert code == 0
    np.testing.assert_allclose(points(out), expected, rtol=1e-6)
    assert ("left out" in err) == bool(how.get("index"))


def test_standard_input(run, table, expected, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(lines(table).encode())))
    code, out, _ = run("path", "-", *PLAIN)
    assert code == 0
    np.testing.assert_allclose(points(out), expected, rtol=1e-6)


def test_another_encoding(run, tmp_path, table):
    named = {"größe" if name == "size" else name: column for name, column in table.items()}
    (tmp_path / "t.csv").write_text(lines(named), encoding="latin-1")
    code, _, err = run("path", "t.csv", "--target", "y", "--columns", "größe")
    assert (code, "is not text in UTF-8 (--encoding latin-1" in err) == (3, True)
    assert run("path", "t.csv", "--target", "y", "--columns", "größe", "--encoding", "latin-1")[0] == 0
    code, _, err = run("path", "t.csv", "--target", "y", "--encoding", "klingon")
    assert (code, "no encoding" in err) == (3, True)


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_arrow_files(run, tmp_path, table, expected, kind):
    arrow = pytest.importorskip("pyarrow")
    importer = pytest.importorskip(f"pyarrow.{kind}")
    write = importer.write_table if kind == "parquet" else importer.write_feather
    write(arrow.table({"__index_level_0__": np.arange(N), **table}), tmp_path / f"t.{kind}")
    code, out, _ = run("path", f"t.{kind}", *PLAIN)
    assert code == 0
    np.testing.assert_allclose(points(out), expected, rtol=1e-6)
    code, out, err = run("path", f"t.{kind}", "--target", "y")
    assert (code, out) == (3, "")
    assert "2 columns are not all numbers: 'city' (row 1: " in err
    assert "--one-hot" in err
    code, out, _ = run("path", f"t.{kind}", "--target", "y", "--drop", "note", "--one-hot", "city", "--json")
    assert (code, json.loads(out)["data"]["n_features"]) == (0, 8)
    (tmp_path / f"bad.{kind}").write_text("nothing")
    assert run("path", f"bad.{kind}", "--target", "y")[0] == 3


def test_without_pyarrow(run, tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    code, _, err = run("path", "t.parquet", "--target", "y")
    assert (code, 'pip install "fastlasso[parquet]"' in err) == (3, True)


@pytest.mark.parametrize(("text", "options", "names"), [
    ("1,2,3\n4,5,6\n7,8,10\n", ("--header",), ["1"]),                           # a header of numbers
    (",a,y\n0,1,3\n1,4,6\n2,8,9\n", (), ["a"]),                                 # pandas' index
    ("Unnamed: 0,a,y\n5,1,3\n3,4,6\n9,8,9\n", (), ["a"]),                       # an index read and written once more
    ('"","a","y"\n"Mazda",1,3\n"Fiat",4,6\n"Merc",8,9\n', (), ["a"]),           # R's row names
    ('"a" "y"\n"1" 1 3\n"2" 4 6\n"3" 8 9\n', (), ["a"]),                        # R's write.table: no name above them
    (",a,y\n1.5,1,3\n1.5,4,6\n2,8,9\n", (), ["x1", "a"])])                      # not an index: values twice
def test_headers_and_indices(tmp_path, text, options, names):
    (tmp_path / "t.csv").write_text(text)
    target = "y" if "y" in text else "3"
    drop = ("2",) if "--header" in options else ()
    data = read_dataset(tmp_path / "t.csv", target, how=Reading(header=True if options else None, drop=drop))
    assert list(data.feature_names) == names
    assert len(data.y) == text.count("\n") - 1
    assert bool(data.notes) == (names == ["a"])


def test_a_point_within_a_number_is_no_decimal_mark(tmp_path):
    (tmp_path / "t.csv").write_text("a;y\n1,5;2\n1.234;3\n")
    with pytest.raises(DataError, match=r"line 3, column 'a': '1.234' is not a finite number"):
        read_dataset(tmp_path / "t.csv", "y", how=Reading(decimal=","))


@pytest.mark.parametrize("line", ["1,2,3,4", "1,2"])
def test_ragged_lines_are_seen_beside_columns_left_out(tmp_path, line):
    (tmp_path / "t.csv").write_text(f"a,b,y\n1,2,3\n{line}\n")
    with pytest.raises(DataError, match=r"line 3: . fields, but 3"):
        read_dataset(tmp_path / "t.csv", "y", how=Reading(columns=("a",)))


def test_a_packed_file_that_is_none(run, tmp_path):
    (tmp_path / "t.csv.gz").write_text("a,b\n1,2\n")
    (tmp_path / "t.npy.gz").write_text("a,b\n1,2\n")
    (tmp_path / "short.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 999)[:40])
    for name in ("t.csv.gz", "t.npy.gz", "short.csv.gz"):
        code, out, err = run("path", name, "--target", "1")
        assert (code, out, err.count("\n")) == (3, "", 1)
        assert "gzip" in err


# ---- svmlight

def test_zero_based_svmlight(run, tmp_path):
    rng = np.random.default_rng(0)
    text = "".join(f"{rng.normal():.3f} qid:{i // 3} 0:{rng.normal():.3f} 2:{i}\n" for i in range(12))
    (tmp_path / "zero.svm").write_text(text)
    (tmp_path / "one.svm").write_text(re.sub(r" (\d):", lambda found: f" {int(found[1]) + 1}:", text))
    code, _, err = run("path", "zero.svm")
    assert (code, "index 0" in err, "--zero-based" in err) == (3, True, True)
    code, out, err = run("path", "zero.svm", "--zero-based", "--json", "--out", "m.npz")
    assert (code, "qid is left out" in err) == (0, True)
    assert json.loads(out)["path"] == json.loads(run("path", "one.svm", "--json")[1])["path"]
    known = run("predict", "m.npz", "zero.svm", "--alpha", "0.05")[1]
    assert len(known.split()) == 12       # the model knows that its files count from 0
    code, _, err = run("cv", "zero.svm", "--zero-based", "--groups", "qid", "--folds", "4")
    assert (code, err) == (0, "")


# ---- words and missing values

def test_all_bad_columns_in_one_message_and_at_most_ten(run, tmp_path):
    names = [f"c{j}" for j in range(14)]
    (tmp_path / "t.csv").write_text(",".join([*names, "y"]) + "\n" + "1," * 14 + "2\n" + "x," * 13 + ",3\n")
    code, out, err = run("path", "t.csv", "--target", "y")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "14 columns are not all numbers: 'c0' (line 3: 'x' is not a finite number)" in err
    assert "'c9'" in err
    assert "'c10'" not in err
    assert "and 4 more" in err


def with_holes(table):
    holes = {name: list(column) for name, column in table.items() if name in ("age", "size", "city", "y")}
    holes["age"][3] = holes["size"][5] = ""
    holes["city"][8] = "NA"
    return holes


def test_missing_values(run, tmp_path, table):
    (tmp_path / "t.csv").write_text(lines(with_holes(table)))
    common = ("path", "t.csv", "--target", "y", "--one-hot", "city", "--alphas", "0.3,", "--json")
    code, _, err = run(*common)
    assert (code, "--na drop" in err) == (3, True)
    assert "2 columns have missing values: 'age' (line 5: missing value), 'size' (line 7: missing value)" in err
    code, out, err = run(*common, "--na", "drop")
    keep = np.setdiff1d(np.arange(N), [3, 5, 8])
    words = table["city"][:, None] == np.array(["Lima", "Oslo", "Rome"])
    X = np.column_stack([numbers(table, "age", "size"), words]).astype(float)
    found = json.loads(out)["path"][0]
    path = fit_path(X[keep], table["y"][keep], alphas=[0.3])
    assert "3 of 60 rows have missing values and are left out" in err
    assert found["intercept"] == pytest.approx(path.intercepts[0])
    code, out, _ = run(*common, "--na", "mean")
    for j, i in ((0, 3), (1, 5)):
        X[i, j] = np.delete(X[:, j], i).mean()
    X[8, 2:] = np.delete(X[:, 2:], 8, axis=0).mean(axis=0)
    found, path = json.loads(out)["path"][0], fit_path(X, table["y"], alphas=[0.3])
    assert found["intercept"] == pytest.approx(path.intercepts[0])
    assert found["coef"]["city=Rome"] == pytest.approx(path.fit_at(0).coef[4])


def test_a_missing_target_is_not_filled_in(run, tmp_path, table):
    holes = {"age": table["age"], "y": ["", *table["y"][1:]]}
    (tmp_path / "t.csv").write_text(lines(holes))
    code, _, err = run("path", "t.csv", "--target", "y", "--na", "mean")
    assert (code, "column 'y' (the target): missing value" in err) == (3, True)
    assert run("path", "t.csv", "--target", "y", "--na", "drop")[0] == 0


def test_a_row_whose_group_is_missing_is_left_out(run, tmp_path):
    rows = [f"{i},{i * i % 7},g{i % 4},{i % 5}" for i in range(12)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,g,y", *rows, "3,4,,2", ""]))
    common = ("cv", "t.csv", "--target", "y", "--groups", "g", "--folds", "3", "--alphas", "4")
    for how in ((), ("--na", "mean")):
        code, _, err = run(*common, *how)
        assert (code, "missing group (--na drop leaves the rows out)" in err) == (3, True)
    code, out, err = run(*common, "--na", "drop")
    assert (code, "1 of 13 rows" in err, "12 samples" in out) == (0, True, True)


def test_a_row_whose_label_is_missing_is_left_out(run, tmp_path):
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,yes\n2,1,no\n3,4,\n0,1,yes\n5,1,no\n2,2,NA\n1,1,yes\n")
    common = ("path", "t.csv", "--target", "y", "--loss", "log_loss", "--alphas", "4")
    code, _, err = run(*common)
    assert (code, "the label of row 3 is missing" in err) == (3, True)
    code, out, err = run(*common, "--na", "drop")
    assert (code, "2 of 7 rows" in err, "5 samples" in out) == (0, True, True)


@pytest.mark.parametrize(("text", "how", "message"), [
    ("a,y\n,1\n2,\n", Reading(na="drop"), "every row has a missing value"),
    ("a,b,y\n,1,1\n,2,3\n", Reading(na="mean"), "column 'a' has no value to take the mean of"),
    ("a,k,y\n1,u,1\n2,?,3\n", Reading(one_hot=("k",)), "line 3, column 'k': missing value"),
    ("a,g,y\n1,u,1\n2,NA,3\n", Reading(groups="g"), "line 3, column 'g': missing group"),
    ("a,y\n1,2\n3,4\n", Reading(weights="w.svm"), "cannot read .svm"),
    ("a,y\n1,2\n3,4\n", Reading(weights="short.txt"), "weights has 1 values, but .* has 2 rows")])
def test_what_cannot_be_filled_in_or_read(tmp_path, monkeypatch, text, how, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "w.svm").write_text("1 1:1\n")
    (tmp_path / "short.txt").write_text("1\n")
    with pytest.raises(DataError, match=message):
        read_dataset("t.csv", "y", how=how)


@pytest.mark.parametrize("how", [Reading(na="guess"), Reading(decimal=";")])
def test_a_reading_is_checked(tmp_path, how):
    (tmp_path / "t.csv").write_text("a,y\n1,2\n")
    with pytest.raises(ValueError, match="must be one of"):
        read_dataset(tmp_path / "t.csv", "y", how=how)


def test_a_matrix_alone(tmp_path):
    (tmp_path / "t.svm").write_text("1 1:1 2:2\n2 2:3\n")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    X, names = read_matrix(tmp_path / "t.svm")
    assert (X.toarray().tolist(), names) == ([[1, 2], [0, 3]], ("x1", "x2"))
    X, names = read_matrix(tmp_path / "t.csv")
    assert (X.tolist(), names) == ([[1, 2]], ("a", "b"))


def test_groups_from_a_file_of_words(run, tmp_path, table):
    (tmp_path / "t.csv").write_text(lines({name: table[name] for name in ("age", "visit", "y")}))
    (tmp_path / "g.txt").write_text("\n".join(f"v{v:g}" for v in table["visit"]))
    results = [json.loads(run("cv", "t.csv", "--target", "y", "--columns", "age", "--groups", groups, "--json")[1])
               for groups in ("visit", "g.txt")]
    assert len({len(result["path"]) for result in results}) == 1


def test_many_categories_are_stored_sparse(tmp_path):
    rng = np.random.default_rng(0)
    words = [f"w{k}" for k in rng.integers(0, 50, 300)]
    (tmp_path / "t.csv").write_text("k,y\n" + "\n".join(f"{word},{rng.normal():.3f}" for word in words))
    data = read_dataset(tmp_path / "t.csv", "y", how=Reading(one_hot=("k",)))
    assert data.X.format == "csr"
    assert data.feature_names[0] == "k=w0"
    np.testing.assert_array_equal(data.X.toarray().argmax(axis=1), [sorted(set(words)).index(word) for word in words])


def test_numbers_of_a_file_without_a_header_beside_words(tmp_path):
    (tmp_path / "t.csv").write_text("a,1,2\nb,3,4\na,5,7\n")
    data = read_dataset(tmp_path / "t.csv", "3", how=Reading(one_hot=("1",)))
    assert data.feature_names == ("x1=a", "x1=b", "x2")
    np.testing.assert_array_equal(data.X, [[1, 0, 1], [0, 1, 3], [1, 0, 5]])


@pytest.mark.parametrize(("options", "message"), [
    (("--drop", "nothing"), "no column 'nothing'"), (("--id", "y"), "cannot be id and target at once"),
    (("--one-hot", "city", "--drop", "city"), "'city' is to be one-hot, but it is no feature"),
    (("--columns", "99"), "no column 99"), (("--sep", "ab"), "not one character"),
    (("--na", "guess"), "invalid choice"),
    (("--columns", "age", "--penalty-factor", "size=2"), "no column 'size'"),
    (("--columns", "age", "--penalty-factor", "age=x"), "'x' is not a number"),
    (("--columns", "age", "--dfmax", "-1"), "less than 0"), (("--columns", "age", "--max-r2", "2"), "not in [0, 1]"),
    (("--weights", "heavy"), "no column 'heavy'")])
def test_wrong_columns_are_wrong_usage(run, tmp_path, table, options, message):
    (tmp_path / "t.csv").write_text(lines(table))
    code, out, err = run("path", "t.csv", "--target", "y", *options)
    assert (code, out) == (2, "")
    assert message in err


# ---- options of the fit

@pytest.mark.parametrize(("options", "more"), [
    (("--weights", "w"), lambda t: {"sample_weight": t["w"]}),
    (("--weights", "w.txt"), lambda t: {"sample_weight": t["w"]}),
    (("--offset", "shift"), lambda t: {"offset": t["shift"]}),
    (("--penalty-factor", "age=0,size=2"), lambda t: {"penalty_factor": [0, 2]}),
    (("--penalty-factor", "f.txt"), lambda t: {"penalty_factor": [0, 2]}),
    (("--positive",), lambda t: {"lower": 0.0}), (("--dfmax", "1"), lambda t: {"dfmax": 1}),
    (("--max-r2", "0.1"), lambda t: {"max_r2": 0.1})])
def test_options_reach_the_fit_and_the_judge(run, tmp_path, table, options, more):
    (tmp_path / "t.csv").write_text(lines(table))
    np.savetxt(tmp_path / "w.txt", table["w"])
    np.savetxt(tmp_path / "f.txt", [0, 2])
    path = fit_path(numbers(table, "age", "size"), table["y"], alphas=20, **more(table))
    for command in ("path", "cv"):
        code, out, err = run(command, "t.csv", "--target", "y", "--columns", "age,size", "--alphas", "20", "--json",
                             "--verify", *options)
        result = json.loads(out)
        assert (code, err) == (0, "")
        np.testing.assert_allclose([point["intercept"] for point in result["path"]], path.intercepts, rtol=1e-6)
        assert max(result["judged_gaps"]) < 1e-6


def test_groups_and_scoring_reach_the_cross_validation(run, tmp_path, table):
    (tmp_path / "t.csv").write_text(lines(table))
    code, out, _ = run("cv", "t.csv", "--target", "y", "--columns", "age,size", "--groups", "visit", "--folds", "5",
                       "--scoring", "neg_mean_absolute_error", "--json")
    expected = cross_validate_path(numbers(table, "age", "size"), table["y"], cv=5, random_state=0, measure="mae",
                                   groups=[f"{v:g}" for v in table["visit"]])
    assert code == 0
    assert json.loads(out)["cv"]["measure"] == "mae"
    np.testing.assert_allclose([point["cv_error"] for point in json.loads(out)["path"]], expected.mean_error)
    code, _, err = run("cv", "t.csv", "--target", "y", "--columns", "age", "--scoring", "neg_log_loss")
    assert (code, "neg_log_loss is for --loss log_loss" in err) == (2, True)
    code, _, err = run("cv", "t.csv", "--target", "y", "--columns", "age", "--scoring", "roc_auc")
    assert (code, "needs a classifier" in err) == (2, True)


def groups_are_obeyed():
    """Whether an integer cv makes folds of whole groups."""
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(10), 3)
    X, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    found = cross_validate_path(X, y, cv=2, groups=groups, alphas=[0.1], random_state=0)
    return not np.array_equal(found.errors, cross_validate_path(X, y, cv=2, alphas=[0.1], random_state=0).errors)


@pytest.mark.skipif(not groups_are_obeyed(), reason="an integer cv does not know groups yet")
def test_rows_of_a_group_stay_in_one_fold(run, tmp_path):
    """30 patients of 8 visits, whose own level hides in the columns: torn apart, the error is far too small."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(30), 8)
    X = rng.standard_normal((30, 40))[who] + 0.01 * rng.standard_normal((240, 40))
    y = 2 * rng.standard_normal(30)[who] + 0.1 * rng.standard_normal(240)
    columns = {f"c{j}": X[:, j] for j in range(40)} | {"who": [f"p{i}" for i in who], "y": y}
    (tmp_path / "t.csv").write_text(lines(columns))
    errors = []
    for more in (("--drop", "who"), ("--groups", "who")):
        code, out, _ = run("cv", "t.csv", "--target", "y", "--folds", "5", "--json", *more)
        assert code == 0
        errors.append(min(point["cv_error"] for point in json.loads(out)["path"]))
    assert errors[1] > 3 * errors[0]


def test_the_command_needs_no_pandas(run, tmp_path, table, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "t.csv").write_text(lines(table))
    assert run("cv", "t.csv", "--target", "y", "--drop", "note", "--one-hot", "city", "--folds", "3")[0] == 0


def test_the_path_as_json_has_the_criteria(run, tmp_path, table):
    (tmp_path / "t.csv").write_text(lines(table))
    for ratio in ("1", "0.5"):
        _, out, _ = run("path", "t.csv", *PLAIN, "--l1-ratio", ratio)
        X = numbers(table, "age", "size")
        path = fit_path(X, table["y"], alphas=[3, 1, 0.2], l1_ratio=float(ratio))
        criteria = json.loads(out)["criteria"]
        for name in ("aic", "bic", "ebic"):
            np.testing.assert_allclose(criteria[name]["values"], path.criterion(name))
            assert criteria[name]["index"] == path.select(name)
        np.testing.assert_allclose(criteria["df"], path.effective_df())


# ---- predict and show

@pytest.fixture
def model(run, tmp_path, table):
    """A model of numbers and words with an offset, its cross-validation, and the table."""
    (tmp_path / "t.csv").write_text(lines(table, index=True))
    code, out, _ = run("cv", "t.csv", "--target", "y", "--drop", "note,w,visit", "--one-hot", "city", "--offset",
                       "shift", "--folds", "5", "--alphas", "20", "--out", "m.npz", "--json")
    assert code == 0
    words = table["city"][:, None] == np.array(["Lima", "Oslo", "Rome"])
    return np.column_stack([numbers(table, "age", "size"), words]).astype(float), json.loads(out)["cv"]


@pytest.mark.parametrize("rule", [None, "min", "1se"])
def test_predict_by_names_whatever_the_order(run, tmp_path, table, model, rule):
    X, cv = model
    turned = dict(reversed(table.items()))
    (tmp_path / "new.csv").write_text(lines(turned))
    code, out, err = run("predict", "m.npz", "new.csv", *(["--rule", rule] if rule else []))
    path = LassoPath.load(tmp_path / "m.npz")
    alpha = cv[f"alpha_{rule or 'min'}"]
    assert code == 0
    np.testing.assert_allclose(np.array(out.split(), float), path.at(alpha).predict(X, offset=table["shift"]))
    assert "not of the fit and left out: 'y', 'visit', 'w', 'note'" in err


def test_predict_to_a_table_with_ids(run, tmp_path, table, model):
    (tmp_path / "new.csv").write_text(lines({"who": np.array([f"p{i}" for i in range(N)]), **table}))
    code, out, _ = run("predict", "m.npz", "new.csv", "--id", "who", "--out", "p.csv")
    rows = (tmp_path / "p.csv").read_text().splitlines()
    assert (code, out, rows[0], len(rows)) == (0, "", "who,mean", N + 1)
    assert rows[1].startswith("p0,")


def test_predict_refuses_what_is_missing_or_new(run, tmp_path, table, model):
    for name, columns, message in (
            ("lacks", {name: table[name] for name in ("age", "shift")},
             "lacks 2 of the 3 columns of the fit: 'size', 'city'"),
            ("offset", {name: table[name] for name in ("age", "size", "city")}, "no column 'shift'"),
            ("words", table | {"city": np.array(["Bonn", *table["city"][1:]])},
             "the fit has not seen: 'Bonn' (the first in line 2)"),
            ("hole", table | {"age": ["", *table["age"][1:]]}, "line 2, column 'age': missing value")):
        (tmp_path / f"{name}.csv").write_text(lines(columns))
        code, out, err = run("predict", "m.npz", f"{name}.csv")
        assert (code in (2, 3), out) == (True, "")
        assert message in err


@pytest.mark.parametrize("offset", ["2", "o.txt"])
def test_an_offset_by_number_or_file_is_asked_for_again(run, tmp_path, table, offset):
    """In another table it may be another column or file."""
    columns = {name: table[name] for name in ("age", "shift", "y")}
    (tmp_path / "t.csv").write_text(lines(columns))
    np.savetxt(tmp_path / "o.txt", table["shift"])
    options = ("--target", "y", "--columns", "age", "--offset", offset)
    assert run("path", "t.csv", *options, "--out", "m.npz")[0] == 0
    path = LassoPath.load(tmp_path / "m.npz")
    alpha = f"{path.alphas[-1]:.6g}"
    code, out, err = run("predict", "m.npz", "t.csv", "--alpha", alpha)
    assert (code, out) == (2, "")
    assert "--offset COL|FILE" in err
    code, out, _ = run("predict", "m.npz", "t.csv", "--alpha", alpha, "--offset", "shift")
    expected = path.fit_at(-1).predict(table["age"][:, None], offset=table["shift"])
    np.testing.assert_allclose(np.array(out.split(), float), expected)


def test_means_of_the_fit_fill_in_what_is_predicted(run, tmp_path, table):
    (tmp_path / "t.csv").write_text(lines(with_holes(table)))
    assert run("path", "t.csv", "--target", "y", "--one-hot", "city", "--na", "mean", "--out", "m.npz")[0] == 0
    (tmp_path / "new.csv").write_text("city,age,size\nRome,,170\nNA,30,\n")
    path = LassoPath.load(tmp_path / "m.npz")
    alpha = path.alphas[-1]
    code, out, _ = run("predict", "m.npz", "new.csv", "--alpha", f"{alpha:.5g}")
    shares = [(np.delete(table["city"], 8) == word).mean() for word in ("Lima", "Oslo", "Rome")]
    rows = np.array([[np.delete(table["age"], 3).mean(), 170, 0, 0, 1],
                     [30, np.delete(table["size"], 5).mean(), *shares]])
    assert code == 0
    np.testing.assert_allclose(np.array(out.split(), float), path.at(alpha).predict(rows))


def test_show(run, tmp_path, table, model):
    code, out, err = run("show", "m.npz")
    _, cv = model
    assert (code, err) == (0, "")
    for words in ("m.npz: LassoPath, 60 samples x 5 features", "fitted to t.csv, target: y", "5-fold cross-validation:",
                  "<- lowest CV error", "one standard error", "all certified", "(intercept)",
                  "city=Rome", f"Coefficients at alpha = {cv['alpha_min']:.6g}"):
        assert words in out
    shown = json.loads(run("show", "m.npz", "--json", "--rule", "1se")[1])
    assert shown["cv"] == cv
    assert shown["chosen"]["alpha"] == cv["alpha_1se"]
    assert shown["target"] == "y"
    fit = LassoPath.load(tmp_path / "m.npz").at(cv["alpha_1se"])
    assert shown["chosen"]["coef"]["city=Rome"] == pytest.approx(fit.coef[4])


def test_show_a_path_of_the_library(run, tmp_path, table):
    fit_path(numbers(table, "age", "size"), table["y"], alphas=5, standardize=True).save(tmp_path / "lib.npz")
    code, out, _ = run("show", "lib.npz")
    assert (code, "--alpha A" in out, "standardize True" in out) == (0, True, True)
    code, out, err = run("show", "lib.npz", "--rule", "1se")
    assert (code, out) == (2, "")
    assert "holds no cross-validation" in err


def test_a_damaged_model(run, tmp_path, table, model):
    with np.load(tmp_path / "m.npz") as stored:
        members = dict(stored)
    facts = json.loads(members["command"].tobytes())
    older = {"errors": np.zeros((20, 5)).tolist(), "rule": "min", "measure": "mse", "seed": 0}
    for damage in ({"cv": {"seed": "x"}}, {"cv": older | {"errors": [[1.0]]}}, {"cv": older | {"rule": "best"}},
                   {"recipe": {}}, {"recipe": facts["recipe"] | {"means": []}}, {"recipe": None}):
        text = json.dumps(facts | damage).encode()
        np.savez(tmp_path / "bad.npz", **members | {"command": np.frombuffer(text, np.uint8)})
        code, out, err = run("show", "bad.npz")
        assert (code, out, err.count("\n")) == (3, "", 1)


def test_the_file_of_cv_is_that_of_the_library(run, tmp_path, model):
    """`cv --out` writes by `PathCV.save`; files of before it did keep their cross-validation."""
    cv = fastlasso.load(tmp_path / "m.npz")
    assert isinstance(cv, fastlasso.PathCV)
    assert (cv.alpha, cv.path.has_offset) == (model[1]["alpha"], True)
    with np.load(tmp_path / "m.npz") as stored:
        members = {name: array for name, array in stored.items() if not name.startswith("cv_")}
    facts = json.loads(members["command"].tobytes())
    facts["cv"] = {"errors": cv.errors.tolist(), "rule": "min", "measure": "mse", "seed": 0}
    members["command"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(tmp_path / "older.npz", **members)
    assert run("show", "older.npz", "--json")[1].replace("older", "m") == run("show", "m.npz", "--json")[1]


ODD = {     # a file, how it is read, the code, and what is said
    "the same name twice": ("a,a,y\n1,2,3\n3,4,9\n5,7,1\n", ["--target", "y"], 3,
                            "the header names 'a' twice, columns 1 and 2 (--drop NUMBER leaves one of them out)"),
    "one of two names dropped": ("a,a,y\n1,2,3\n3,4,9\n5,7,1\n", ["--target", "y", "--drop", "2"], 0, ""),
    "one dropped from the end": ("a,y,y\n1,2,3\n3,4,9\n5,7,1\n", ["--target", "y", "--drop", "-1"], 0, ""),
    "utf-16": ("a,y\n1,2\n3,4\n5,7\n".encode("utf-16"), ["--target", "y"], 3,
               "is not text in UTF-8 (--encoding utf-16)"),
    "utf-16, told": ("a,y\n1,2\n3,4\n5,7\n".encode("utf-16"), ["--target", "y", "--encoding", "utf-16"], 0, ""),
    "latin-1": ("größe;y\r\n1;2\r\n3;4\r\n5;7".encode("latin-1"), ["--target", "y"], 3,
                "(--encoding latin-1, for one)"),
    "a comma at the end of every line": ("a,y,\n1,2,\n3,4,\n5,7,\n", ["--target", "y"], 0,
                                         "column 'x3' is left out: it has no name and is empty"),
    "a target without a mean": ("a,y\n1,2\n3,NA\n5,7\n", ["--target", "y", "--na", "mean"], 3,
                                "line 3, column 'y' (the target): missing value (--na drop leaves the rows out)"),
    "a header of numbers": ("2020,2021\n1,2\n3,4\n5,7\n", ["--target", "2021"], 2, "names the columns on --header)"),
    "a header of numbers, told": ("2020,2021\n1,2\n3,4\n5,7\n", ["--target", "2021", "--header"], 0, ""),
    "a negative weight": ("a,w,y\n1,2,3\n3,-4,9\n5,7,1\n", ["--target", "y", "--weights", "w"], 3,
                          "t.csv line 3: a weight is negative"),
    "empty lines everywhere": ("\n\na,y\n\n1,2\n\n3,4\n5,7\n\n", ["--target", "y"], 0, ""),
    "old line ends": ("a,y\r1,2\r3,4\r5,7\r", ["--target", "y"], 0, ""),
    "quotes": ('"a, or b","the ""y"""\n"1","2"\n"3","4"\n"5","7"\n', ["--target", 'the "y"'], 0, ""),
    "a byte order mark": ("\ufeffa;y\r\n1,5;2\r\n3,5;4\r\n5;7\r\n", ["--target", "y", "--decimal", ","], 0, ""),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_read_or_the_way_out_is_said(run, tmp_path, name):
    text, options, expected, words = ODD[name]
    (tmp_path / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    code, out, err = run("path", "t.csv", *options, "--alphas", "2")
    assert (code, bool(out)) == (expected, expected == 0)
    assert words in err
    assert bool(words) == bool(err)


def of_the_library(table):
    """Results of the library by name: how each is asked for a solution, and its predictions."""
    X, y = pd.DataFrame({"age": table["age"], "size": table["size"]}), table["y"]
    relaxed = fastlasso.relaxed_path(X, y, alphas=[1.0, 0.2])
    cv = fastlasso.cross_validate_path(X, y, alphas=5, measure=lambda t, p, sample_weight=None: -abs(t - p).max())
    schedule = fastlasso.fit_schedule(X, y, [Stage("bic", alphas=5), Stage(0.1, factor="support")])
    targets = fit_path(X, pd.DataFrame({"u": y, "v": -y}), alphas=[1.0, 0.2])
    single = fastlasso.fit(X, y, 0.2)
    choice = fastlasso.cross_validate_relaxed(X, y, alphas=5)
    mcp = fastlasso.reweighted_path(X, y, alphas=[1.0, 0.2])
    return X, {"fit": (single, (), single.predict(X)),
               "relaxed": (relaxed, ("--alpha", "0.2"), relaxed.predict(X, alpha=0.2)),
               "relaxed cv": (choice, (), choice.predict(X)), "cv": (cv, (), cv.predict(X)),
               "schedule": (schedule, (), schedule.predict(X)), "mcp": (mcp, ("--alpha", "0.2"), mcp.predict(X, 0.2)),
               "targets": (targets, ("--alpha", "0.2"), targets.predict(X, 0.2))}


def test_predict_and_show_take_every_result(run, tmp_path, table):
    X, results = of_the_library(table)
    X[["size", "age"]].to_csv(tmp_path / "new.csv", index=False)
    for name, (result, choice, expected) in results.items():
        result.save(tmp_path / "r.npz")
        code, out, err = run("predict", "r.npz", "new.csv", *choice)
        assert (code, err) == (0, ""), name
        np.testing.assert_allclose([list(map(float, row.split(","))) for row in out.splitlines()],
                                   expected.reshape(len(X), -1), rtol=1e-12)
        code, out, err = run("show", "r.npz", *choice)
        assert (code, err) == (0, ""), name
        assert type(result).__name__ in out or name in ("cv", "mcp")
        assert ("age" in out, "(intercept)" in out) == (True, True)
        facts = json.loads(run("show", "r.npz", "--json", *choice)[1])
        assert facts["kind"] in (type(result).__name__, "LassoPath")
        assert run("show", "r.npz")[0] == 0
        if choice:
            code, out, err = run("predict", "r.npz", "new.csv")
            assert (code, out, "--alpha A" in err) == (2, "", True)
    code, out, _ = run("predict", "r.npz", "new.csv", "--alpha", "0.2", "--out", "p.csv")
    assert (tmp_path / "p.csv").read_text().splitlines()[0] == "u,v"


def test_what_results_cannot_be_asked_for(run, tmp_path, table):
    X, results = of_the_library(table)
    X.to_csv(tmp_path / "new.csv", index=False)
    stable = fastlasso.stability_selection(X, table["y"], n_pairs=3, alphas=5, random_state=0)
    stable.save(tmp_path / "stable.npz")
    code, out, err = run("predict", "stable.npz", "new.csv")
    assert (code, out, "fits no model" in err) == (2, "", True)
    code, out, _ = run("show", "stable.npz")
    assert (code, "Selected in 75 % or more" in out, "age" in out) == (0, True, True)
    assert json.loads(run("show", "stable.npz", "--json")[1])["kind"] == "StabilityPath"
    for name, choice, words in (("fit", ("--alpha", "3"), "holds one solution, at alpha 0.2"),
                                ("schedule", ("--alpha", "3"), "was solved at alpha=0.1 alone"),
                                ("relaxed", ("--rule", "min"), "holds a RelaxedPath")):
        results[name][0].save(tmp_path / "r.npz")
        code, out, err = run("predict", "r.npz", "new.csv", *choice)
        assert (code, out, words in err) == (2, "", True)
    assert run("show", "stable.npz", "--alpha", "1")[0] == 2


# ---- hints

def commands():
    """The parser of each subcommand by name."""
    top = argparse.ArgumentParser()
    added = top.add_subparsers()
    return {module.__name__.rpartition(".")[2]: module.add(added) for module in COMMANDS}


def strings(file):
    """Every text in a file that is no docstring."""
    tree = ast.parse(file.read_text())
    docs = {id(node.body[0].value) for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and isinstance(node.body[0], ast.Expr)}
    return [node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs]


def test_no_text_names_an_option_that_is_not_there():
    """A text's options are those of the commands that its line names, else of its file's, else of any."""
    known = {name: options_of(command) for name, command in commands().items()}
    package = Path(fastlasso.__file__).parent
    for file in [*(package / "cli").glob("*.py"), *(package / "datasets").glob("*.py")]:
        for line in (line for text in strings(file) for line in text.splitlines()):
            named = {name for pair in re.findall(r"fastlasso (\w+)|`(\w+)`", line) for name in pair} & set(known)
            named |= {file.stem} & set(known)
            allowed = set().union(*(known[name] for name in named or known)) | {"--version"}
            assert set(re.findall(OPTION, line)) <= allowed, f"{file.name}: {line!r}"


def test_every_hint_is_said_only_by_commands_that_have_its_options():
    for _, needed, hint in HINTS:
        named = set(re.findall(OPTION, hint))
        assert named <= set(needed)
        assert any(options_of(command) >= named for command in commands().values())


@pytest.mark.parametrize(("name", "text"), [
    ("t.csv", "a,b\n1,x\n2,3\n"), ("t.csv", "a,b\n1,\n2,3\n"), ("t.csv", "a,b,c\n1,2,3\n3,4,5\n"),
    ("t.svm", "1 0:1\n")])
@pytest.mark.parametrize("command", ["path", "cv", "predict"])
def test_what_a_command_says_of_bad_data_names_its_own_options(run, tmp_path, table, command, name, text):
    (tmp_path / name).write_text(text)
    fit_path(numbers(table, "age", "size"), table["y"], alphas=[0.1]).save(tmp_path / "m.npz")
    calls = ([command, name], [command, name, "--target", "nothing"], [command, name, "--target", "1"])
    if command == "predict":
        calls = [[command, "m.npz", *call[1:], "--alpha", "0.1"] for call in calls]
    for call in calls:
        _, _, err = run(*call)
        assert set(re.findall(OPTION, err)) <= options_of(commands()[command])


def test_read_like_goes_by_places_where_there_are_no_names(tmp_path):
    (tmp_path / "t.csv").write_text("3,4\n5,6\n")
    assert read_like(tmp_path / "t.csv", ("a", "b"), 2).X.tolist() == [[3, 4], [5, 6]]
    with pytest.raises(DataError, match="has 2 columns, the path 3"):
        read_like(tmp_path / "t.csv", None, 3)
