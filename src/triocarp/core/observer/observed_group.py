"""What an observer must know of the group that it observes."""

from dataclasses import dataclass, field
from typing import Final, final

from triocarp.core.advertisement import Advertisement
from triocarp.core.authentication import KEY_LENGTH_MAX, Keyring
from triocarp.core.dialect import UCARP, DemotionStyle, Dialect
from triocarp.core.family import IPAddress
from triocarp.core.preference import Standing
from triocarp.core.problem import ConfigurationError, Problem
from triocarp.core.timing import ADVSKEW_UNIT, SECOND, dead_time

REACTION: Final = SECOND * 5 // 4
"""How long a host may take to act on what it hears, in nanoseconds. ucarp reads up to 1 s late."""

_VHID_MAX: Final = 255


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedGroup:
    """The group that is observed: what its hosts have in common.

    Attributes:
        vhid: 1 to 255.
        passwords: the shared secrets of which any may sign, each 0 to 20 bytes. Never shown.
        addresses: the virtual addresses of both families; in the order of the configuration, where the dialect
            signs them so.
        dead_ratio: how many intervals of silence make a backup take over, 1 or more.
        dialect: whose CARP they speak: what the HMAC covers, what demotion is, and the formula of the dead time.
        link_layer_address: of an OpenBSD group with a custom one, 6 bytes; else empty.
        reaction: how long a host may take to yield, in nanoseconds.
    """

    vhid: int
    passwords: tuple[bytes, ...] = field(repr=False)
    addresses: tuple[IPAddress, ...]
    dead_ratio: int = 3
    dialect: Dialect = UCARP
    link_layer_address: bytes = b""
    reaction: int = REACTION

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigurationError: with every problem that was found.
        """
        lengths = [len(password) for password in self.passwords]
        checks = (
            ("vhid", self.vhid, 1 <= self.vhid <= _VHID_MAX, f"a number from 1 to {_VHID_MAX}"),
            (
                "passwords",
                f"of {lengths} bytes",
                bool(lengths) and max(lengths) <= KEY_LENGTH_MAX,
                f"at least one, each of {KEY_LENGTH_MAX} bytes at most",
            ),
            ("addresses", "(none)", bool(self.addresses), "at least one virtual address"),
            ("dead_ratio", self.dead_ratio, self.dead_ratio >= 1, "a number from 1"),
            ("reaction", self.reaction, self.reaction >= 0, "a number of nanoseconds from 0"),
        )
        problems = tuple(
            Problem(setting=setting, value=str(value), accepted=accepted)
            for setting, value, holds, accepted in checks
            if not holds
        )
        if problems:
            raise ConfigurationError(problems)

    def dead_time(self, heard: Advertisement) -> int:
        """Return how long the sender of an advertisement may be silent, in nanoseconds.

        A backup counts with its own advbase and advskew, which nobody sees; the master's are what is known.

        Args:
            heard: its last advertisement.
        """
        multiplies = self.dialect.dead_ratio_multiplies_advskew
        return dead_time(heard.advbase_s, heard.advskew, self.dead_ratio, multiplies_advskew=multiplies)

    def standing(self, heard: Advertisement) -> Standing:
        """Return what the sender of an advertisement is compared by.

        Advbase and advskew 0 mean 1/256 s (OpenBSD).

        Args:
            heard: its last advertisement.
        """
        has_byte = self.dialect.demotion_style is DemotionStyle.BYTE
        return Standing(demotion=heard.demotion if has_byte else 0, interval=max(heard.interval, ADVSKEW_UNIT))

    def keyring(self) -> Keyring:
        """Return what verifies the group's advertisements."""
        return Keyring(self.passwords, self.vhid, self.addresses, self.dialect, self.link_layer_address)
