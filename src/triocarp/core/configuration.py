"""What a host is told about itself: immutable, and checked whole when it is made."""

import ipaddress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from typing import Final, final

from triocarp.core.advertisement import GOODBYE
from triocarp.core.authentication import KEY_LENGTH_MAX
from triocarp.core.dialect import UCARP, Dialect
from triocarp.core.timing import advertisement_interval, dead_time, lease_seconds

CARP_GROUP: Final = ipaddress.IPv4Address("224.0.0.18")
"""The multicast group of CARP and VRRP (IANA)."""

_BYTE_MAX: Final = 255
_ANNOUNCE_AFTER_UCARP: Final = (2,)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a configuration.

    Attributes:
        setting: name of the field.
        value: what it was given, as text; never a secret.
        accepted: what would be right.
    """

    setting: str
    value: str
    accepted: str

    def __str__(self) -> str:
        return f"{self.setting} {self.value}: expected {self.accepted}"


@final
class ConfigurationError(ValueError):
    """Raised when a configuration is made of values that cannot work.

    Attributes:
        problems: all of them, not just the first.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualHostConfig:
    """One virtual host: one VHID on one interface.

    Attributes:
        interface: name of the network interface.
        vhid: virtual host, 1 to 255.
        password: the shared secret, 1 to 20 bytes. Never shown.
        addresses: the virtual addresses with the prefix length that they shall have on the interface. The
            ``ucarp`` dialect has exactly one.
        source: the host's own address, from which it advertises.
        group: multicast group of the advertisements.
        broadcast: send to the broadcast MAC instead of the group's (ucarp's ``--nomcast``).
        advbase_s: seconds between advertisements, 0 to 255.
        advskew: 1/256 seconds between advertisements, 0 to 255; the host with the least is preferred.
        dead_ratio: how many intervals of silence make a backup take over, 1 to 255. 3 in every implementation.
        preempt: take over from a worse master.
        neutral: leave the addresses alone, and run no down hook, until the host becomes master for the first time.
        ignore_carrier: treat an interface without carrier as up.
        manages_addresses: hold and release the addresses; false where hooks do that.
        up_hook: run a hook on becoming master, before the addresses are announced.
        down_hook: run a hook at the start and on leaving master, before a goodbye.
        announce_after: after how many further advertisements an announcement is repeated. ucarp and OpenBSD
            repeat it once, after two.
        dialect: whose CARP to speak.
    """

    interface: str
    vhid: int
    password: bytes = field(repr=False)
    addresses: tuple[IPv4Interface, ...]
    source: IPv4Address
    group: IPv4Address = CARP_GROUP
    broadcast: bool = False
    advbase_s: int = 1
    advskew: int = 0
    dead_ratio: int = 3
    preempt: bool = False
    neutral: bool = False
    ignore_carrier: bool = False
    manages_addresses: bool = True
    up_hook: bool = False
    down_hook: bool = False
    announce_after: tuple[int, ...] = _ANNOUNCE_AFTER_UCARP
    dialect: Dialect = UCARP

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigurationError: with every problem that was found.
        """
        problems = (
            *self._numbers_out_of_range(),
            *self._unusable_combinations(),
            *self._unusable_addresses(),
        )
        if problems:
            raise ConfigurationError(problems)

    @property
    def interval(self) -> int:
        """Nanoseconds from one advertisement to the next, while not demoted."""
        return advertisement_interval(self.advbase_s, self.advskew)

    @property
    def dead_time(self) -> int:
        """Nanoseconds of silence after which a backup takes over."""
        multiplies = self.dialect.dead_ratio_multiplies_advskew
        return dead_time(self.advbase_s, self.advskew, self.dead_ratio, multiplies_advskew=multiplies)

    @property
    def lease_s(self) -> int:
        """Seconds for which an address is held unless it is renewed."""
        return lease_seconds(self.interval, self.dead_time)

    def _numbers_out_of_range(self) -> tuple[Problem, ...]:
        ranges = (
            ("vhid", self.vhid, 1, _BYTE_MAX),
            ("advbase_s", self.advbase_s, 0, _BYTE_MAX),
            ("advskew", self.advskew, 0, _BYTE_MAX),
            ("dead_ratio", self.dead_ratio, 1, _BYTE_MAX),
        )
        return tuple(
            Problem(setting=setting, value=str(value), accepted=f"a number from {least} to {most}")
            for setting, value, least, most in ranges
            if not least <= value <= most
        )

    def _unusable_combinations(self) -> tuple[Problem, ...]:
        problems: list[Problem] = []
        both = f"{self.advbase_s} with advskew {self.advskew}"
        if self.advbase_s == 0 and self.advskew == 0:
            problems.append(
                Problem(setting="advbase_s", value=both, accepted="an interval: advbase or advskew above 0")
            )
        if self.advbase_s == GOODBYE and self.advskew == GOODBYE:
            problems.append(
                Problem(setting="advbase_s", value=both, accepted="another pair: on the wire 255/255 is a goodbye")
            )
        if not 1 <= len(self.password) <= KEY_LENGTH_MAX:
            problems.append(
                Problem(
                    setting="password",
                    value=f"of {len(self.password)} bytes",
                    accepted=f"1 to {KEY_LENGTH_MAX} bytes (ucarp and BSD ifconfig: 19 at most)",
                )
            )
        return tuple(problems)

    def _unusable_addresses(self) -> tuple[Problem, ...]:
        problems: list[Problem] = []
        if len(self.addresses) != 1:
            problems.append(
                Problem(
                    setting="addresses",
                    value=", ".join(map(str, self.addresses)) or "(none)",
                    accepted=f"exactly one IPv4 address in the {self.dialect.name} dialect",
                )
            )
        for address in self.addresses:
            ip = address.ip
            if _is_no_host(ip):
                problems.append(
                    Problem(setting="addresses", value=str(ip), accepted="an address that a host can have")
                )
            if ip == self.source:
                problems.append(
                    Problem(
                        setting="source",
                        value=str(ip),
                        accepted="the host's own address, not the virtual one: that one moves",
                    )
                )
        if _is_no_host(self.source):
            problems.append(
                Problem(setting="source", value=str(self.source), accepted="an address that a host can have")
            )
        if not self.group.is_multicast:
            problems.append(Problem(setting="group", value=str(self.group), accepted="a multicast address"))
        return tuple(problems)


_LIMITED_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")


def _is_no_host(ip: IPv4Address) -> bool:
    return ip.is_multicast or ip.is_unspecified or ip.is_loopback or ip == _LIMITED_BROADCAST


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """All virtual hosts of one machine.

    Attributes:
        virtual_hosts: in the order in which simultaneous deadlines are served.
    """

    virtual_hosts: tuple[VirtualHostConfig, ...]

    def __post_init__(self) -> None:
        """Check what only shows when the virtual hosts stand side by side.

        Raises:
            ConfigurationError: two virtual hosts with the same VHID on one interface, or with the same address.
        """
        problems: list[Problem] = []
        numbers: set[tuple[str, int]] = set()
        holders: dict[IPv4Address, str] = {}
        for index, host in enumerate(self.virtual_hosts):
            path = f"virtual_hosts[{index}]"
            if (host.interface, host.vhid) in numbers:
                problems.append(
                    Problem(
                        setting=f"{path}.vhid",
                        value=str(host.vhid),
                        accepted=f"a number that no other virtual host has on {host.interface}",
                    )
                )
            numbers.add((host.interface, host.vhid))
            for address in host.addresses:
                if address.ip in holders:
                    problems.append(
                        Problem(
                            setting=f"{path}.addresses",
                            value=str(address.ip),
                            accepted=f"an address that {holders[address.ip]} does not have",
                        )
                    )
                holders.setdefault(address.ip, path)
        if problems:
            raise ConfigurationError(tuple(problems))
