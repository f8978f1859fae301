"""What was read from somewhere else: virtual hosts as carpd knows them, and what will differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Final, final

from triocarp.core import ConfigurationError, Hook, IPInterface, NodeConfig, VirtualHostConfig
from triocarp.core.authentication import KEY_LENGTH_MAX
from triocarp.daemon.settings import Script

DIRECTORY: Final = Path("/etc/carpd")
"""Where the unit and the hooks that we ship look for files."""

BSD_PASSWORD_MAX: Final = 19
"""Bytes of a password that ``ifconfig`` of every BSD takes; what follows it drops without a word."""

PLACEHOLDER: Final = b"placeholder"
"""Stands for a password that this host does not have. No password is ever printed."""

_STAND_INS: Final = {
    "source": (IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")),
    "source6": (IPv6Address("fe80::1"), IPv6Address("fe80::2")),
}


@final
class MigrationError(Exception):
    """Raised for what cannot be read, or has no equivalent.

    Attributes:
        lines: one for each obstacle. None repeats a value that might be a password.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MigratedHost:
    """One virtual host.

    Attributes:
        config: as carpd shall have it. Its password is never printed.
        password_file: where carpd shall find the password.
        password_origin: where the password stands now; empty if it is in that file already.
        left_out: fields of the configuration that stay carpd's to choose, with stand-ins in ``config``.
        scripts: by hook.
        flags: the same as a command line; empty where it cannot be said there.
    """

    config: VirtualHostConfig
    password_file: Path
    password_origin: str = ""
    left_out: frozenset[str] = frozenset()
    scripts: Mapping[Hook, Script] = field(default_factory=dict[Hook, Script])
    flags: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """All that was read.

    Attributes:
        hosts: at least one.
        differences: what will not be as it was, and what there is to do, one sentence each.
        top: settings of the whole daemon that are not as by default.
    """

    hosts: tuple[MigratedHost, ...]
    differences: tuple[str, ...]
    top: Mapping[str, bool] = field(default_factory=dict[str, bool])

    def __post_init__(self) -> None:
        """Check that the virtual hosts can stand side by side.

        Raises:
            MigrationError: they cannot.
        """
        try:
            NodeConfig(virtual_hosts=tuple(host.config for host in self.hosts))
        except ConfigurationError as error:
            raise MigrationError(*problems_of(error)) from None


def problems_of(error: ConfigurationError) -> tuple[str, ...]:
    """Return what is wrong with a configuration, one line each.

    Args:
        error: says it.
    """
    return tuple(f"{problem.setting} {problem.value}: expected {problem.accepted}" for problem in error.problems)


def password_file_for(interface: str, vhid: int) -> Path:
    """Return where the password of a virtual host shall stand.

    Args:
        interface: its interface.
        vhid: its number.
    """
    return DIRECTORY / f"{name_for(interface, vhid)}.password"


def name_for(interface: str, vhid: int) -> str:
    """Return what the files, and the instance of the unit, are called.

    Args:
        interface: of the first virtual host.
        vhid: of the same.
    """
    return f"{interface}-{vhid}".replace("/", "_")


def stand_in(name: str, addresses: tuple[IPInterface, ...]) -> Any:  # noqa: ANN401 - of the family of the field
    """Return an address for a field that is left out: any but a virtual one.

    Args:
        name: of the field.
        addresses: the virtual ones.
    """
    virtual = {address.ip for address in addresses}
    return next(address for address in (*_STAND_INS[name], *_STAND_INS[name]) if address not in virtual)


def passable_password(password: bytes, origin: str) -> None:
    """Check that a password can stand in a file, of which carpd reads the first line.

    Args:
        password: it.
        origin: what to call it.

    Raises:
        MigrationError: it cannot.
    """
    if b"\n" in password or password != password.rstrip(b"\r\n"):
        raise MigrationError(f"{origin}: the password holds a line end, and carpd reads the first line of a file")
    if len(password) > KEY_LENGTH_MAX:
        raise MigrationError(
            f"{origin}: the password has {len(password)} bytes: expected {KEY_LENGTH_MAX} at most"
        )
