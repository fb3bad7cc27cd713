"""Where bytes come from: a file, a file that gzip has packed, or standard input."""

import codecs
import gzip
import io
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path

from .errors import DataError, EncodingError, Utf16Error, one_line

# The name of standard input among arguments, and in messages.
STDIN = "-"
STDIN_NAME = "standard input"

# What a file in UTF-16 begins with.
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Source:
    """A file that can be read from its beginning as often as need be.

    Parameters
    ----------
    file : str or path
        "-" is standard input, which is kept in memory; a suffix .gz is unpacked.
    encoding : str, default="utf-8"
        A byte order mark is taken off.
    format : str, optional
        In place of the suffix, without the dot. Standard input is "csv" by default.

    Attributes
    ----------
    name : str
        For messages.
    suffix : str
        In lower case, .gz taken off.
    """

    def __init__(self, file, encoding="utf-8", format=None):
        self.path, self.encoding, self.is_stdin = Path(file), encoding, str(file) == STDIN
        self.name = STDIN_NAME if self.is_stdin else str(self.path)
        self.is_packed = not self.is_stdin and self.path.suffix.lower() == ".gz"
        suffix = ".csv" if self.is_stdin else Path(self.path.stem if self.is_packed else self.path.name).suffix.lower()
        self.suffix = suffix if format is None else f".{format.lower().lstrip('.')}"
        self._kept = None

    @property
    def is_plain(self):
        """Whether NumPy can read the file itself, as text in UTF-8."""
        return not (self.is_stdin or self.is_packed) and is_utf8(self.encoding)

    def __str__(self):
        return self.name

    @property
    def stem(self):
        """The name of the file without folder and suffixes."""
        return STDIN_NAME if self.is_stdin else Path(self.path.stem).stem if self.is_packed else self.path.stem

    @property
    def short(self):
        """The name of the file without its folder."""
        return self.name if self.is_stdin else self.path.name

    def file(self):
        """Return the path of a plain file, or what it holds as a file in memory."""
        if not (self.is_stdin or self.is_packed):
            return self.path
        if self._kept is None:
            self._kept = sys.stdin.buffer.read() if self.is_stdin else self._unpacked()
        return io.BytesIO(self._kept)

    def _unpacked(self):
        try:
            with gzip.open(self.path) as packed:
                return packed.read()
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{self} is not a file packed by gzip: {one_line(error)}") from None

    @contextmanager
    def text(self):
        """Within the context, the lines of the file; what is wrong with its bytes is a DataError."""
        encoding = "utf-8-sig" if is_utf8(self.encoding) else self.encoding
        try:
            with self._opened(encoding) as lines:
                yield lines
        except UnicodeError as error:
            begins = getattr(error, "object", b"")[:2] if getattr(error, "start", None) == 0 else b""
            kind = Utf16Error if begins in UTF16_MARKS else EncodingError
            raise kind(f"{self} is not text in {self.encoding.upper()}") from None
        except LookupError:
            raise DataError(f"{self.encoding!r} is no encoding that Python knows") from None
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{self} is not a file packed by gzip: {one_line(error)}") from None

    def _opened(self, encoding):
        if self.is_packed:
            return gzip.open(self.path, "rt", encoding=encoding)
        if self.is_stdin:
            return io.TextIOWrapper(self.file(), encoding=encoding)
        return open(self.path, encoding=encoding)


def is_utf8(encoding):
    """Whether an encoding is UTF-8 by one of its names."""
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8")
