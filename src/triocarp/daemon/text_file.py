"""Reads files that people write."""

from pathlib import Path
from typing import Final

SIZE_MAX: Final = 1 << 20
"""Bytes. Nobody writes more by hand, and ``/dev/zero`` has no end."""


class TextFileError(Exception):
    """Raised for a file that cannot be read; its text says why, without the name of the file."""


def read_text_file(path: Path) -> str:
    """Return what stands in a file.

    Args:
        path: of a text in UTF-8.

    Raises:
        TextFileError: it cannot be read, is too large, or no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_MAX + 1)
    except OSError as error:
        raise TextFileError(f"cannot be read: {error.strerror}") from None
    if len(content) > SIZE_MAX:
        raise TextFileError(f"cannot be read: expected {SIZE_MAX >> 20} MiB at most")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise TextFileError(f"not a text in UTF-8: {error}") from None
