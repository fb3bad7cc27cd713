"""The data shipped with the package, and the readers of the user's files."""

import numpy as np
import pytest
from scipy import io, sparse

from fastlasso.datasets import (
    DataError,
    Dataset,
    TargetError,
    load_debian_programs,
    load_debian_words,
    load_diabetes,
    read_classified,
    read_dataset,
    shipped,
)

TABLE = np.array([[1.0, 2.5, -3.0], [4.0, 0.0, 6.0], [0.0, 8.0, 9.5], [1.5, 0.0, 0.0]])


# ---- shipped data

def test_diabetes_as_measured():
    data = load_diabetes(quadratic=False)
    assert data.X.shape == (442, 10)
    assert data.feature_names[:4] == ("age", "sex", "bmi", "map")
    assert set(data.X[:, 1]) == {1.0, 2.0}
    assert data.y.mean() == pytest.approx(152.13348416289594)


def test_diabetes_is_scikit_learns():
    ours = load_diabetes(quadratic=False)
    theirs = pytest.importorskip("sklearn.datasets").load_diabetes(scaled=False)
    np.testing.assert_array_equal(ours.X, theirs.data)
    np.testing.assert_array_equal(ours.y, theirs.target)


def test_diabetes_with_quadratic_terms():
    data, raw = load_diabetes(), load_diabetes(quadratic=False)
    names = data.feature_names
    assert data.X.shape == (442, 64)
    assert len(set(names)) == 64
    assert sum(name.endswith("^2") for name in names) == 9
    assert sum(":" in name for name in names) == 45
    assert "sex^2" not in names
    np.testing.assert_allclose(data.X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.X.std(axis=0), 1)
    Z = (raw.X - raw.X.mean(axis=0)) / raw.X.std(axis=0)
    for name, product in (("bmi^2", Z[:, 2] ** 2), ("age:sex", Z[:, 0] * Z[:, 1]), ("ltg:glu", Z[:, 8] * Z[:, 9])):
        assert np.corrcoef(data.X[:, names.index(name)], product)[0, 1] == pytest.approx(1)


def test_debian_words():
    data = load_debian_words()
    X = data.X
    assert sparse.issparse(X)
    assert X.format == "csr"
    assert X.dtype == np.float64
    assert X.shape[0] >= 5000
    assert X.shape[1] >= 5000
    assert X.shape == (len(data.y), len(data.feature_names))
    assert len(set(data.feature_names)) == X.shape[1]
    assert X.has_canonical_format
    assert X.data.min() >= 1
    assert np.bincount(X.indices, minlength=X.shape[1]).min() >= 3
    assert (data.y >= 0).all()
    assert np.isfinite(data.y).all()
    doc = X[:, [data.feature_names.index("doc")]].toarray().ravel() > 0
    assert data.y[doc].mean() > data.y[~doc].mean()


def test_debian_programs():
    data = load_debian_programs()
    X = data.X
    assert X.format == "csr"
    assert X.dtype == np.float64
    assert X.shape == (len(data.y), len(data.feature_names)) == (5062, 2968)
    assert len(set(data.feature_names)) == X.shape[1]
    assert X.has_canonical_format
    assert np.bincount(X.indices, minlength=X.shape[1]).min() >= 3
    assert sorted(set(data.y)) == [0, 1]
    game, daemon = (X[:, [data.feature_names.index(word)]].toarray().ravel() > 0 for word in ("game", "daemon"))
    assert data.y[game].mean() > 0.6 > 0.2 > data.y[daemon].mean()


def test_the_data_folder_is_small():
    assert sum(file.stat().st_size for file in shipped.SHIPPED.glob("*.npz")) < 1_500_000


def test_a_dataset_is_frozen():
    data = Dataset(TABLE, TABLE[:, 0], None, "y", "test")
    with pytest.raises(AttributeError):
        data.y = None


# ---- readers: each kind of file holds TABLE, the last column is the target

def write_csv(file, text="a,b,target\n1,2.5,-3\n4,0,6\n0,8,9.5\n1.5,0,0\n"):
    file.write_text(text)


WRITERS = {
    "comma.csv": write_csv,
    "blank_lines.csv": lambda f: write_csv(f, "\n\na,b,target\n1,2.5,-3\n\n4,0,6\n0,8,9.5\n1.5,0,0\n\n"),
    "semicolon.csv": lambda f: write_csv(f, "1;2.5;-3\n4;0;6\n0;8;9.5\n1.5;0;0\n"),
    "tab.csv": lambda f: write_csv(f, "a\tb\ttarget\n1\t2.5\t-3\n4\t0\t6\n0\t8\t9.5\n1.5\t0\t0"),
    "blank.csv": lambda f: write_csv(f, "  1 2.5   -3\n4 0 6\n0 8 9.5\n1.5 0 0\n"),
    "quoted.csv": lambda f: write_csv(f, '"a","b","target"\n"1","2.5","-3"\n4,0,6\n0,8,9.5\n1.5,0,0\n'),
    "windows.csv": lambda f: f.write_bytes(b"\xef\xbb\xbfa,b,target\r\n1,2.5,-3\r\n4,0,6\r\n0,8,9.5\r\n1.5,0,0\r\n"),
    "dense.npy": lambda f: np.save(f, TABLE),
    "fortran.npy": lambda f: np.save(f, np.asfortranarray(TABLE)),
    "csr.npz": lambda f: sparse.save_npz(f, sparse.csr_array(TABLE)),
    "csc.npz": lambda f: sparse.save_npz(f, sparse.csc_matrix(TABLE)),
    "coo.npz": lambda f: sparse.save_npz(f, sparse.coo_array(TABLE)),
    "coordinate.mtx": lambda f: io.mmwrite(f, sparse.coo_array(TABLE)),
    "array.mtx": lambda f: io.mmwrite(f, TABLE),
}


@pytest.fixture(params=WRITERS)
def table_file(request, tmp_path):
    file = tmp_path / request.param
    WRITERS[request.param](file)
    return file


@pytest.mark.parametrize("target", ["3", "-1"])
def test_every_format_gives_the_same_problem(table_file, target):
    data = read_dataset(table_file, target)
    X = data.X.toarray() if sparse.issparse(data.X) else data.X
    np.testing.assert_array_equal(X, TABLE[:, :2])
    np.testing.assert_array_equal(data.y, TABLE[:, 2])
    assert data.feature_names in (("a", "b"), ("x1", "x2"))
    assert data.target_name in ("target", "x3")


def test_a_target_by_name(tmp_path):
    write_csv(tmp_path / "t.csv")
    data = read_dataset(tmp_path / "t.csv", "b")
    assert data.feature_names == ("a", "target")
    np.testing.assert_array_equal(data.y, TABLE[:, 1])


@pytest.mark.parametrize(("target", "kept", "viewed"),
                         [("1", [1, 2], True), ("-1", [0, 1], True), ("2", [0, 2], False)])
def test_an_array_on_disk_is_copied_only_for_a_target_inside_it(tmp_path, target, kept, viewed):
    np.save(tmp_path / "t.npy", TABLE)
    X = read_dataset(tmp_path / "t.npy", target).X
    np.testing.assert_array_equal(X, TABLE[:, kept])
    assert X.flags.writeable != viewed      # what is mapped is read-only


def test_unnamed_columns_keep_their_place_in_the_file(tmp_path):
    np.save(tmp_path / "t.npy", TABLE)
    assert read_dataset(tmp_path / "t.npy", "1").feature_names == ("x2", "x3")


@pytest.mark.parametrize("name", ["y.npy", "y.npz", "y.csv", "y.txt"])
def test_a_target_file(tmp_path, name):
    y = np.array([1.0, -2.0, 3.5, 0.0])
    writers = {".npy": lambda f: np.save(f, y[:, None]), ".npz": lambda f: np.savez(f, y=y, other=TABLE),
               ".csv": lambda f: f.write_text("price\n" + "\n".join(map(str, y))), ".txt": lambda f: np.savetxt(f, y)}
    file = tmp_path / name
    writers[file.suffix](file)
    np.save(tmp_path / "X.npy", TABLE)
    data = read_dataset(tmp_path / "X.npy", target_file=file)
    np.testing.assert_array_equal(data.y, y)
    assert data.X.shape == TABLE.shape
    assert isinstance(data.X, np.memmap)
    assert data.target_name == "y"


SVM = "# a comment\n-3 1:1 2:2.5\n6 1:4 # another\n\n9.5 2:8\n0 1:1.5\n"


@pytest.mark.parametrize("suffix", [".svm", ".libsvm"])
def test_svm(tmp_path, suffix):
    file = tmp_path / f"t{suffix}"
    file.write_text(SVM)
    data = read_dataset(file)
    np.testing.assert_array_equal(data.X.toarray(), TABLE[:, :2])
    np.testing.assert_array_equal(data.y, TABLE[:, 2])
    assert data.feature_names == ("x1", "x2")


def test_svm_agrees_with_scikit_learn(tmp_path):
    write = pytest.importorskip("sklearn.datasets").dump_svmlight_file
    X, y = sparse.random_array((50, 30), density=0.2, rng=np.random.default_rng(0), format="csr"), np.arange(50.0)
    write(X, y, str(tmp_path / "t.svm"), zero_based=False)
    data = read_dataset(tmp_path / "t.svm")
    np.testing.assert_allclose(data.X.toarray(), X.toarray()[:, :data.X.shape[1]])
    np.testing.assert_allclose(data.y, y)


# ---- targets that are words

WORDS = "a,b,who\n1,2.5,ann\n4,0,bob\n0,8,ann\n1.5,0,bob\n"


@pytest.mark.parametrize(("text", "target", "names"), [
    (WORDS, "who", ("a", "b")), (WORDS, "3", ("a", "b")), (WORDS, "-1", ("a", "b")),
    ("\n" + WORDS.replace(",", ";"), "who", ("a", "b")), (WORDS.replace(",", "\t"), "3", ("a", "b")),
    (WORDS.replace("ann", '"ann"'), "who", ("a", "b")), (WORDS.split("\n", 1)[1], "3", ("x1", "x2")),
    ("who,a,b\nann,1,2.5\n\nbob,4,0\nann,0,8\nbob,1.5,0", "1", ("a", "b"))])
def test_labels_that_are_words(tmp_path, text, target, names):
    (tmp_path / "t.csv").write_text(text)
    data = read_classified(tmp_path / "t.csv", target)
    assert data.y.tolist() == ["ann", "bob", "ann", "bob"]
    np.testing.assert_array_equal(data.X, TABLE[:, :2])
    assert data.feature_names == names


def test_labels_that_are_numbers_are_read_as_before(table_file):
    read, expected = read_classified(table_file, "3"), read_dataset(table_file, "3")
    np.testing.assert_array_equal(read.y, expected.y)
    assert (read.feature_names, read.target_name) == (expected.feature_names, expected.target_name)


@pytest.mark.parametrize("text", ["ann\nbob\nann\nbob\n", "who\nann\nbob\nann\nbob"])
def test_a_file_of_labels(tmp_path, text):
    np.save(tmp_path / "X.npy", TABLE)
    (tmp_path / "y.csv").write_text(text)
    data = read_classified(tmp_path / "X.npy", target_file=tmp_path / "y.csv")
    assert data.y.tolist() == ["ann", "bob", "ann", "bob"]
    assert data.target_name == "y"
    assert data.X.shape == (4, 3)


def test_a_file_of_numbers_for_labels(tmp_path):
    np.save(tmp_path / "X.npy", TABLE)
    (tmp_path / "y.csv").write_text("who\n1\n0\n1\n1\n")
    assert read_classified(tmp_path / "X.npy", target_file=tmp_path / "y.csv").y.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(("text", "message"), [
    (WORDS.replace("8,ann", "x,ann"), "line 4, column 'b': 'x' is not a finite number"),
    (WORDS.replace("8,ann", "nan,ann"), "line 4, column 'b': missing value"),
    (WORDS.replace("8,ann", "8,"), "label of row 3 is missing"), (WORDS.replace("8,ann", "8"), "line 4: 2 fields"),
    ("who\nann\nbob\n", "no column besides the target"), ("a,a,who\n1,2,ann\n2,3,bob\n", "names 'a' twice")])
def test_nonsense_beside_words(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_classified(tmp_path / "t.csv", "who")


def test_labels_too_few(tmp_path):
    np.save(tmp_path / "X.npy", TABLE)
    (tmp_path / "y.txt").write_text("ann\nbob\n")
    with pytest.raises(DataError, match=r"has 2 values, but .* has 4 rows"):
        read_classified(tmp_path / "X.npy", target_file=tmp_path / "y.txt")


# ---- nonsense, one line about each: (name, content, target, what the message says)

NONSENSE = [
    ("word.csv", "a,b\n1,2\n3,x\n", "1", r"line 3, column 'b': 'x' is not a finite number"),
    ("word_no_header.csv", "1,2\n3,4\n5,x\n", "1", r"line 3, column 2: 'x'"),
    ("missing.csv", "a,b\n1,2\n3,\n", "1", r"line 3, column 'b': missing value"),
    ("missing_first.csv", "1,NA\n3,4\n", "1", r"line 1, column 2: missing value"),
    ("nan.csv", "a,b\n1,nan\n", "1", r"line 2, column 'b': missing value"),
    ("inf.csv", "a,b\n1,2\n\n1,inf\n", "1", r"line 4, column 'b': 'inf' is not a finite number"),
    ("decimal_comma.csv", "a;b\n1,5;2\n", "1", r"'1,5' is not a finite number"),
    ("ragged.csv", "a,b\n1,2\n3,4,5\n", "1", r"line 3: 3 fields, but 2"),
    ("open_quote.csv", 'a,b\n1,"2\n3,4\n', "1", "could not convert string"),      # no line of it alone is wrong
    ("short_header.csv", "a,b\n1,2,3\n", "1", r"names 2 columns, the rows have 3|line 2: 3 fields, but 2"),
    ("twice.csv", "a,a\n1,2\n", "1", r"names 'a' twice"),
    ("empty.csv", "", "1", "is empty"),
    ("only_header.csv", "a,b\n", "1", "no rows"),
    ("one_column.csv", "a\n1\n2\n", "1", "no column besides the target"),
    ("latin.csv", b"caf\xe9,b\n1,2\n", "1", "not text in UTF-8"),
    ("latin_later.csv", b"a,b\n" + b"1,2\n" * 9000 + b"1,\xe9\n", "1", "not text in UTF-8"),
    ("text.npy", b"not an array", "1", "not a NumPy file"),
    ("empty.npy", b"", "1", "not a NumPy file"),
    ("text.npz", b"not a zip file", "1", "not a sparse matrix saved by"),
    ("text.mtx", "not a matrix\n", "1", "not a Matrix Market file"),
    ("huge.mtx", "%%MatrixMarket matrix coordinate real general\n4000000000 4000000000 1\n1 1 1\n", "1", "at most"),
    ("outside.mtx", "%%MatrixMarket matrix coordinate real general\n2 2 1\n5 1 1\n", "1", "not a Matrix Market file"),
    ("complex.mtx", "%%MatrixMarket matrix coordinate complex general\n2 2 1\n1 1 1 1\n", "1", "complex"),
    ("zero.svm", "1 0:5\n", None, r"line 1: index 0 after 0; indices ascend from 1"),
    ("descending.svm", "1 1:5\n2 3:1 2:1\n", None, r"line 2: index 2 after 3"),
    ("twice.svm", "1 3:1 3:1\n", None, r"index 3 after 3"),
    ("huge.svm", "1 99999999999999999999:1\n", None, "at most 100000000"),
    ("negative.svm", "1 -1:2\n", None, r"'-1' is not an index"),
    ("fraction.svm", "1 1.5:2\n", None, r"'1.5' is not an index"),
    ("qid.svm", "1 1:1 qid:2\n", None, r"'qid' is not an index"),
    ("qid_of_some.svm", "1 qid:2 1:1\n1 1:2\n", None, r"1 of 2 lines have a qid"),
    ("qid_word.svm", "1 qid:x 1:1\n", None, r"the qid is 'x', not a whole number"),
    ("no_colon.svm", "1 5\n", None, r"'5' is not index:value"),
    ("bad_value.svm", "1 1:x\n", None, r"the value of index 1 is 'x'"),
    ("nan.svm", "1 1:nan\n", None, "not a finite number"),
    ("bad_target.svm", "yes 1:1\n", None, r"line 1: the target is 'yes'"),
    ("empty.svm", "# nothing\n", None, "no rows"),
    ("bare.svm", "1\n2\n", None, "no index:value"),
    ("binary.svm", b"\xff\xfe\x00", None, "not text"),
    ("what.xlsx", "", "1", "cannot read .xlsx; known are"),
    ("what", "", "1", "a file without a suffix"),
]


@pytest.mark.parametrize(("name", "content", "target", "message"), NONSENSE, ids=[case[0] for case in NONSENSE])
def test_nonsense_is_refused_in_one_line(tmp_path, name, content, target, message):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message) as caught:
        read_dataset(file, target)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(("array", "message"), [
    (np.ones(3), "shape"), (np.ones((2, 2), complex), "complex128, not numbers"),
    (np.array([["a", "b"]]), "not numbers"), (np.array([[{}, 1]], object), "not a NumPy file of numbers"),
])
def test_arrays_that_are_no_matrix_of_numbers(tmp_path, array, message):
    np.save(tmp_path / "t.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=message):
        read_dataset(tmp_path / "t.npy", "1")


def test_an_npz_of_something_else(tmp_path):
    np.savez(tmp_path / "t.npz", a=TABLE)
    with pytest.raises(DataError, match="not a sparse matrix saved by"):
        read_dataset(tmp_path / "t.npz", "1")


@pytest.mark.parametrize(("target", "message"), [
    (None, "say which column"), ("4", "has columns 1 to 3"), ("0", "no column 0"), ("-4", "no column -4"),
    ("price", "it has a, b, target"),
])
def test_targets_that_are_not_there(tmp_path, target, message):
    write_csv(tmp_path / "t.csv")
    with pytest.raises(TargetError, match=message):
        read_dataset(tmp_path / "t.csv", target)


def test_a_name_without_a_header(tmp_path):
    np.save(tmp_path / "t.npy", TABLE)
    with pytest.raises(TargetError, match="no header, number its columns 1 to 3"):
        read_dataset(tmp_path / "t.npy", "a")


def test_a_column_cannot_replace_the_target_of_svm(tmp_path):
    (tmp_path / "t.svm").write_text(SVM)
    with pytest.raises(TargetError, match="carries its own target"):
        read_dataset(tmp_path / "t.svm", "1")
    np.save(tmp_path / "y.npy", np.arange(4.0))
    np.testing.assert_array_equal(read_dataset(tmp_path / "t.svm", target_file=tmp_path / "y.npy").y, np.arange(4.0))


@pytest.mark.parametrize(("content", "message"), [
    (np.ones(5), "has 5 values, but .* has 4 rows"), (np.ones((4, 2)), "one number for each row"),
    (np.array(list("abcd")), "not numbers"),
])
def test_target_files_that_do_not_fit(tmp_path, content, message):
    np.save(tmp_path / "X.npy", TABLE)
    np.save(tmp_path / "y.npy", content)
    with pytest.raises(DataError, match=message):
        read_dataset(tmp_path / "X.npy", target_file=tmp_path / "y.npy")


def test_a_target_archive_must_say_which_array(tmp_path):
    np.save(tmp_path / "X.npy", TABLE)
    np.savez(tmp_path / "y.npz", a=np.ones(4), b=np.ones(4))
    with pytest.raises(DataError, match="one called y"):
        read_dataset(tmp_path / "X.npy", target_file=tmp_path / "y.npz")


def test_a_field_longer_than_the_reader_takes(tmp_path):
    (tmp_path / "t.csv").write_text("1," + "9" * 140_000 + "\n")
    with pytest.raises(DataError, match="unreadable line"):
        read_dataset(tmp_path / "t.csv", "1")
