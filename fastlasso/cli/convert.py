"""`fastlasso convert SRC DEST`: write a file of any size to a folder that is mapped, and need not fit in memory."""

from ..datasets.convert import convert
from ..matrices.mapped import open_dataset
from .exit_codes import CERTIFIED


def add(commands):
    """Add the command to the parser."""
    command = commands.add_parser("convert", help="write a file of any size to a folder that need not fit in memory",
                                  description="Write a file, some rows at a time, to a folder that is mapped: X need "
                                              "not fit in memory to be fitted.")
    command.add_argument("data", metavar="SRC", help=".svm, .libsvm, .mtx, .csv (also .gz), .npy, .npz (scipy sparse), "
                                                     ".parquet, .h5ad or .zarr")
    command.add_argument("folder", metavar="DEST", help="the folder to make; it must not exist")
    target = command.add_mutually_exclusive_group()
    target.add_argument("--target", metavar="NAME|NUMBER", help="target column, of obs for AnnData")
    target.add_argument("--target-file", metavar="FILE", help="target, one number per row: .csv, .txt, .npy, .npz")
    command.add_argument("--dtype", choices=("float32", "float64"), help="of the values (that of SRC)")
    command.add_argument("--layer", metavar="NAME", help="of AnnData, in place of its X")
    return command


def run(arguments):
    """Convert a file to a folder, say what it holds, and return the exit code."""
    data = open_dataset(convert(arguments.data, arguments.folder, target=arguments.target,
                                target_file=arguments.target_file, dtype=arguments.dtype, layer=arguments.layer))
    n, p = data.X.shape
    target = "no target" if data.y is None else f"target: {data.target_name}"
    print(f"{arguments.folder}: {n:,} x {p:,}, {data.X.nnz:,} stored values, {data.X.nbytes:,} bytes, {target}")
    return CERTIFIED
