"""What a process that runs one world after the other does first."""

import gc
from typing import Final

ALLOCATIONS: Final = 50_000
"""Objects made, beyond those that are gone, between two searches for garbage: those of a few small worlds."""


def prepare() -> None:
    """Look for garbage seldom.

    A world is alive until its run ends, so that to search in the midst of it finds nothing; Python's default does
    so some hundred times in each.
    """
    _, second, third = gc.get_threshold()
    gc.set_threshold(ALLOCATIONS, second, third)
