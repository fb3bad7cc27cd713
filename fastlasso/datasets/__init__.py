"""Data to fit: three real data sets that come with the package, and the readers behind `fastlasso path|cv DATA`."""

from .errors import DataError, TargetError
from .readers import Dataset, read_classified, read_dataset, read_matrix
from .reading import Reading
from .shipped import load_debian_programs, load_debian_words, load_diabetes

__all__ = ["DataError", "Dataset", "Reading", "TargetError", "load_debian_programs", "load_debian_words",
           "load_diabetes", "read_classified", "read_dataset", "read_matrix"]
