"""Durations as people write them: ``"50us"``, ``"1.5s"``, or a number of seconds."""

import re
from decimal import Decimal
from typing import Final

from triocarp.core.timing import SECOND

ACCEPTED: Final = 'a duration: a number of seconds, or a text such as "50us", "300ms", "1.5s", "5min", "1h"'
"""What can be read, in words."""

_UNITS: Final = {
    "h": 3600 * SECOND,
    "min": 60 * SECOND,
    "s": SECOND,
    "ms": SECOND // 1000,
    "us": SECOND // 1_000_000,
    "ns": 1,
}
_WRITTEN: Final = {unit: _UNITS[unit] for unit in ("s", "ms", "us", "ns")}
_FORM: Final = re.compile(r"([+-]?\d+(?:\.\d+)?) ?(h|min|s|ms|us|ns)", re.ASCII)
_LONGEST: Final = 10**6 * 3600 * SECOND  # a century and more; beyond it numbers of seconds lose nanoseconds


def read_duration(told: object) -> int:
    """Return nanoseconds.

    Args:
        told: a number of seconds, which is rounded to nanoseconds, or a text with a unit.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(told, bool):
        raise ValueError  # noqa: TRY004 - a mistake of whoever wrote the file, not of the caller
    if isinstance(told, int | float) and abs(told) * SECOND <= _LONGEST:
        return round(Decimal(str(told)) * SECOND)
    found = _FORM.fullmatch(told) if isinstance(told, str) else None
    if found is None:
        raise ValueError
    exact = Decimal(found[1]) * _UNITS[found[2]]
    if exact != int(exact) or abs(exact) > _LONGEST:
        raise ValueError
    return int(exact)


def write_duration(duration: int) -> str:
    """Return the text of a duration, in the largest unit of which it is at least one.

    Args:
        duration: nanoseconds.
    """
    unit = next((unit for unit, length in _WRITTEN.items() if abs(duration) >= length), "s")
    return f"{(Decimal(duration) / _UNITS[unit]).normalize():f}{unit}"
