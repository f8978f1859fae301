"""What several subcommands can be told, and how it is read."""

import argparse
from typing import Final

SEED_MAX: Final = 2**63 - 1
"""The largest seed, here as in scenario files."""


def count(text: str) -> int:
    """Return how many of something there shall be.

    Args:
        text: as it was typed.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, 1 or more")
    return int(text)


def seed(text: str) -> int:
    """Return a seed.

    Args:
        text: as it was typed.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isascii() or not text.isdigit() or int(text) > SEED_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 0 to {SEED_MAX}")
    return int(text)


def seconds(text: str) -> float:
    """Return a time.

    Args:
        text: as it was typed, in seconds.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds, 0 or more")
    return found
