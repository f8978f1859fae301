"""Turns the bytes that a fuzzer gives into decisions; when there are no more, all of them are zero."""

from collections.abc import Sequence
from typing import TypeVar, final

Choice = TypeVar("Choice")


@final
class ByteSource:
    """Reads bytes from the front.

    Small and stable, so that a corpus means the same with every fuzzer, and without one.

    Args:
        data: all bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._read = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return max(0, len(self._data) - self._read)

    def take(self, count: int) -> bytes:
        """Return the next bytes, zeros where there are no more.

        Args:
            count: how many.
        """
        taken = self._data[self._read : self._read + count]
        self._read += count
        return taken.ljust(count, b"\0")

    def number(self, count: int) -> int:
        """Return a number.

        Args:
            count: of how many bytes.
        """
        return int.from_bytes(self.take(count), "big")

    def choose(self, choices: Sequence[Choice]) -> Choice:
        """Return one of several things.

        Args:
            choices: what there is, 256 at most.
        """
        return choices[self.number(1) % len(choices)]
