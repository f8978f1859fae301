"""Reads a password from a file, so that it need not be on a command line that everybody can see."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

_LENGTH_MAX: Final = 511
"""Bytes of the first line that are looked at, as in ucarp."""

_UCARP_MAX: Final = 19
_BLANKS: Final = {b" ": "a blank", b"\t": "a tab", b"\r": "a carriage return"}


@final
class PasswordError(Exception):
    """Raised when a password cannot be read. Its text says why, and never shows what was read."""


@final
@dataclass(frozen=True, slots=True)
class PasswordLine:
    """The first line of a file.

    Attributes:
        password: without the line end.
        carriage_return: whether there was one in the line end.
    """

    password: bytes = field(repr=False)
    carriage_return: bool = False


def read_password(path: Path) -> PasswordLine:
    """Return the first line of a file.

    Args:
        path: of the file.

    Raises:
        PasswordError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(_LENGTH_MAX).removesuffix(b"\n")
    except OSError as error:
        raise PasswordError(f"{str(path)!r}: cannot be read: {error.strerror}") from None
    return PasswordLine(line.rstrip(b"\r\n"), carriage_return=line.endswith(b"\r"))


def doubts_about(line: PasswordLine, *, others: bool = True) -> Iterator[str]:
    """Yield a warning for each way in which other hosts may have another password from the same text or file.

    None shows the password.

    Args:
        line: has the password.
        others: whether hosts may take part that are no carpd.
    """
    password = line.password
    if others and len(password) > _UCARP_MAX:
        yield f"a password of {len(password)} bytes: ucarp and BSD ifconfig take 19 at most"
    if password[-1:] in _BLANKS:
        yield f"the password ends with {_BLANKS[password[-1:]]}, which counts: see whether the other hosts' does"
    if others and line.carriage_return:
        yield "the password's line ends with a carriage return, which is left out: ucarp would take it as well"
