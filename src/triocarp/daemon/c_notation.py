"""Whole numbers as C writes them: what ucarp's options and variables may have for a number."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})")  # int() refuses very long ones
_OCTAL: Final = re.compile(r"[+-]?0[0-7]+")


def read_number(text: str) -> int:
    """Return the number that a text is, in decimal, with ``0x`` in hexadecimal, or with ``0`` in octal.

    Args:
        text: of nothing else.

    Raises:
        ValueError: it is no number, or one of more digits than any setting has.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return int(text, 8 if _OCTAL.fullmatch(text) else 16 if "x" in text.lower() else 10)
