"""From the variables of the container image ``kubernetize/ucarp``."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from triocarp.daemon import environment
from triocarp.daemon.settings import SettingsError
from triocarp.linux.default_route import default_interface
from triocarp.linux.interface_table import InterfaceTable, read_interfaces
from triocarp.migrate.migration import (
    PLACEHOLDER,
    MigratedHost,
    Migration,
    MigrationError,
    passable_password,
    password_file_for,
)

_NO_SCRIPTS: Final = Path("/nonexistent")
_OURS: Final = ("UCARP_", "CARPD_")


def read(
    environ: Mapping[str, str],
    *,
    interfaces: Callable[[], InterfaceTable] = read_interfaces,
    guess_interface: Callable[[], str | None] = default_interface,
) -> Migration:
    """Return what an environment means.

    Args:
        environ: the variables.
        interfaces: tells what this host has, for what is not set.
        guess_interface: tells which interface is meant when none is named.

    Raises:
        MigrationError: with a line for every mistake.
        OSError: the kernel does not tell.
    """
    given = {name: value for name, value in environ.items() if value}
    file = given.get("UCARP_PASS_FILE")
    at_hand = dict(given)
    if file is not None and not Path(file).exists():
        del at_hand["UCARP_PASS_FILE"]
        at_hand["UCARP_PASS"] = PLACEHOLDER.decode()
    try:
        settings = environment.read(
            at_hand, interfaces=interfaces, guess_interface=guess_interface, scripts=_NO_SCRIPTS
        )
    except SettingsError as error:
        raise MigrationError(*error.lines) from None
    (host,) = settings.node.virtual_hosts
    passable_password(host.password, "UCARP_PASS_FILE" if file else "UCARP_PASS")
    migrated = MigratedHost(
        config=host,
        password_file=Path(file).absolute() if file else password_file_for(host.interface, host.vhid),
        password_origin="" if file else "UCARP_PASS",
        left_out=frozenset() if "UCARP_SRCIP" in given else frozenset({"source", "source6"}),
    )
    return Migration(hosts=(migrated,), differences=(*settings.warnings, *_differences(given, migrated)))


def _differences(given: Mapping[str, str], host: MigratedHost) -> tuple[str, ...]:
    found: list[str] = []
    if "UCARP_INTERFACE" not in given:
        found.append(f"UCARP_INTERFACE is not set: {host.config.interface} has the default route of this host")
    if host.left_out:
        found.append("UCARP_SRCIP is not set: carpd takes the interface's own address when it starts")
    without_effect = [name for name in given if name.startswith(_OURS) and name not in environment.VARIABLES]
    if without_effect:
        found.append(f"{', '.join(sorted(without_effect))}: without effect")
    found.append("carpd's own image needs none of this: it reads the same variables")
    found.append("no scripts are run: carpd holds addresses, rule and routes itself; /etc/ucarp is not looked at")
    found.append("carpd says goodbye when it leaves as master, so a backup takes over at once")
    if "UCARP_RTABLE" in given and "UCARP_RTABLE_NETWORK_LENGTH" not in given:
        found.append(
            "the table gets a connected route as long as UCARP_MASKLEN, as the image documents but does not do"
        )
    return tuple(found)


def variables_of(text: str) -> dict[str, str]:
    """Return the variables of an environment file, such as ``docker --env-file`` takes: ``NAME=value`` lines.

    Args:
        text: of the file; quotation marks around a whole value are taken off.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.startswith("#"):
            continue
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name.strip()] = value
    return found
