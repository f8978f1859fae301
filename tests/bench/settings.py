"""How the hosts of a measured group are set, in CARP's words; each daemon translates them to its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

VIRTUAL_ADDRESS: Final = "10.0.0.100"
PREFIX_LENGTH: Final = 24
VHID: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One host's settings.

    Attributes:
        advbase_s: Seconds between advertisements.
        advskew: 1/256 seconds more; the least is preferred.
        preempt: Whether it takes over from a worse master.
    """

    advbase_s: int = 1
    advskew: int = 0
    preempt: bool = False


DEFAULT: Final = Settings()
SKEWED: Final = Settings(advskew=100)
PREFERRED: Final = Settings(preempt=True)
SUB_SECOND: Final = Settings(advbase_s=0, advskew=3)
"""As near to 10 ms as 1/256 s come: advertisements every 11.7 ms."""

FASTEST: Final = Settings(advbase_s=0, advskew=1)
"""Advertisements every 3.9 ms, and a dead time of 11.7 ms."""
