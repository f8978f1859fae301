"""Files that are written: whatever fails on the way says of which file.

The system names a file when it cannot be opened, and not when the disk is full as it is written or closed.
"""

import io
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STANDARD_OUTPUT: Final = "standard output"
"""What stands for a name in an error of standard output."""


@contextmanager
def named(name: str | Path) -> Generator[None]:
    """Give an OSError that says no name this one.

    Args:
        name: of what is read or written, and nothing else is.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(name)
        raise


def open_text(path: Path, mode: str = "w") -> io.TextIOWrapper:
    """Open a text in UTF-8 with Unix's newlines.

    Args:
        path: of the file.
        mode: ``w``, or ``a`` to add to what is there.
    """
    return io.TextIOWrapper(io.BufferedWriter(_NamedFile(path, mode)), encoding="utf-8", newline="\n")


def open_binary(path: Path) -> io.BufferedWriter:
    """Open a file for bytes.

    Args:
        path: of the file.
    """
    return io.BufferedWriter(_NamedFile(path, "w"))


def write_text(path: Path, text: str) -> None:
    """Write a file.

    Args:
        path: of the file.
        text: all that will stand there.
    """
    with open_text(path) as file:
        file.write(text)


def synchronise(file: io.TextIOWrapper) -> None:
    """Wait until what was written is on the disk.

    Args:
        file: that was opened here.
    """
    file.flush()
    with named(file.name):
        os.fsync(file.fileno())


@final
class _NamedFile(io.FileIO):
    """What is below the buffers, where it fails, whoever empties them and when."""

    def __init__(self, path: Path, mode: str) -> None:
        super().__init__(str(path), mode)

    def write(self, data: "ReadableBuffer", /) -> int:
        with named(str(self.name)):
            return super().write(data)

    def close(self) -> None:
        with named(str(self.name)):
            super().close()


@final
class NamedOutput(io.TextIOBase):
    """Standard output, whose errors say that it is that.

    Args:
        stream: that is written to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        """Write a text; see `io.TextIOBase`.

        Args:
            text: it.
        """
        with named(STANDARD_OUTPUT):
            return self._stream.write(text)

    def flush(self) -> None:
        """Send on what is in buffers; see `io.TextIOBase`."""
        with named(STANDARD_OUTPUT):
            self._stream.flush()

    def isatty(self) -> bool:
        """Return whether a person reads it; see `io.TextIOBase`."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return its number; see `io.TextIOBase`."""
        return self._stream.fileno()
