"""Reads a password from a file, so that it need not be on a command line that everybody can see."""

from pathlib import Path
from typing import Final, final

_LENGTH_MAX: Final = 511
"""Bytes of the first line that are looked at, as in ucarp."""


@final
class PasswordError(Exception):
    """Raised when a password cannot be read. Its text says why, and never shows what was read."""


def read_password(path: Path) -> bytes:
    """Return the first line of a file without its line end.

    Args:
        path: of the file.

    Raises:
        PasswordError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.readline(_LENGTH_MAX).rstrip(b"\r\n")
    except OSError as error:
        raise PasswordError(f"{str(path)!r}: cannot be read: {error.strerror}") from None
