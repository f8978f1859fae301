"""How the hosts of a measured group are set, in CARP's words; each daemon translates them to its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PREFIX_LENGTH: Final = 16
VHID: Final = 1
VHIDS: Final = 255
"""As many virtual hosts as an interface can have: CARP's VHID and VRRP's number are a byte, and not zero."""


def address_of(vhid: int) -> str:
    """Return the virtual address of a virtual host."""
    return f"10.0.1.{vhid}"


VIRTUAL_ADDRESS: Final = address_of(VHID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One host's settings.

    Attributes:
        advbase_s: Seconds between advertisements.
        advskew: 1/256 seconds more; the least is preferred.
        preempt: Whether it takes over from a worse master.
        virtual_hosts: How many it has, with the VHIDs from 1 on and an address each.
        sealed: Whether counters are sealed, and advertisements without a seal refused.
    """

    advbase_s: int = 1
    advskew: int = 0
    preempt: bool = False
    virtual_hosts: int = 1
    sealed: bool = False

    @property
    def shares(self) -> dict[int, str]:
        """The virtual addresses by VHID."""
        return {vhid: address_of(vhid) for vhid in range(VHID, VHID + self.virtual_hosts)}


DEFAULT: Final = Settings()
SKEWED: Final = Settings(advskew=100)
SKEWED_SEALED: Final = Settings(advskew=100, sealed=True)
PREFERRED: Final = Settings(preempt=True)
MANY: Final = Settings(virtual_hosts=VHIDS)
SUB_SECOND: Final = Settings(advbase_s=0, advskew=3)
"""As near to 10 ms as 1/256 s come: advertisements every 11.7 ms."""

FASTEST: Final = Settings(advbase_s=0, advskew=1)
"""Advertisements every 3.9 ms, and a dead time of 11.7 ms."""
