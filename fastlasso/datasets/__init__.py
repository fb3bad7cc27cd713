"""Data to fit: three real data sets that come with the package, and the readers behind `fastlasso path|cv DATA`."""

from .labels import read_classified, read_matrix
from .readers import DataError, Dataset, TargetError, read_dataset
from .shipped import load_debian_programs, load_debian_words, load_diabetes

__all__ = ["DataError", "Dataset", "TargetError", "load_debian_programs", "load_debian_words", "load_diabetes",
           "read_classified", "read_dataset", "read_matrix"]
