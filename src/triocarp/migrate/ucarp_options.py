"""From ucarp's command line."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from triocarp.daemon import command_line, starting
from triocarp.daemon.password_file import PasswordError, read_password
from triocarp.daemon.settings import Settings, SettingsError
from triocarp.daemon.syslog_stream import DEFAULT_FACILITY
from triocarp.migrate.migration import (
    PLACEHOLDER,
    MigratedHost,
    Migration,
    MigrationError,
    passable_password,
    password_file_for,
)

_OURS: Final = ("config", "environment", "journal")
_PASSWORD_WARNING: Final = "the password on the command line"  # noqa: S105 - a sentence's beginning
_DEBIANS: Final = Path("/usr/share/ucarp")
_BESIDE_A_FILE: Final = ("daemonize", "facility")


def read(
    words: Sequence[str], *, first_interface: Callable[[], str | None] = starting.first_interface
) -> Migration:
    """Return what a command line of ucarp's means.

    Args:
        words: with or without the program's name.
        first_interface: finds what ``-i`` is when it is not given.

    Raises:
        MigrationError: with a line for every mistake.
        OSError: the kernel does not tell the interfaces.
    """
    if words and not words[0].startswith("-"):
        words = words[1:]
    try:
        options = command_line.parser().read(words)
        ours = [name for name in _OURS if getattr(options, name)]
        if ours:
            raise MigrationError(f"--{ours[0]}: this is carpd's already")
        at_hand = _with_password_at_hand(options)
        settings = command_line.read(words_of(at_hand), first_interface=first_interface)
    except SettingsError as error:
        raise MigrationError(*error.lines) from None
    (host,) = settings.node.virtual_hosts
    path = Path(options.passfile) if options.passfile else password_file_for(host.interface, host.vhid)
    if options.passfile is None:
        passable_password(host.password, "-p/--pass")
    told: dict[str, Any] = vars(options)
    printed = {**told, "password": None, "passfile": str(path.absolute()), "interface": host.interface}
    printed |= {name: str(Path(told[name]).absolute()) for name in ("upscript", "downscript") if told[name]}
    migrated = MigratedHost(
        config=host,
        password_file=path.absolute(),
        password_origin="" if options.passfile else "-p/--pass",
        scripts=settings.scripts.get((host.interface, host.vhid), {}),
        flags=tuple(words_of(argparse.Namespace(**printed))),
    )
    top = {"debug": True} if settings.debug else {}
    if not settings.real_time:
        top["real_time"] = False
    return Migration(hosts=(migrated,), differences=_differences(options, settings, migrated), top=top)


def words_of(options: argparse.Namespace) -> list[str]:
    """Return a command line that is read as these options.

    Args:
        options: as the parser gives them.
    """
    words: list[str] = []
    for action in command_line.parser().actions:
        value = getattr(options, action.dest, action.default)
        name = next(name for name in action.option_strings if name.startswith("--"))
        if value == action.default or value is None:
            continue
        words.append(name if action.nargs == 0 else f"{name}={value}")
    return words


def _with_password_at_hand(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options with a placeholder where the password is in a file that is not on this host."""
    if options.passfile is None:
        return options
    try:
        read_password(Path(options.passfile))
    except PasswordError:
        return argparse.Namespace(**{**vars(options), "passfile": None, "password": PLACEHOLDER.decode()})
    return options


def _differences(options: argparse.Namespace, settings: Settings, host: MigratedHost) -> tuple[str, ...]:
    found = [warning for warning in settings.warnings if not warning.startswith(_PASSWORD_WARNING)]
    config = host.config
    if options.interface is None:
        found.append(f"no -i was given: {config.interface} is the first interface of this host that is up")
    found.append(_whose_address_it_is(host))
    if not options.shutdown:
        found.append("without -z ucarp just ends at a signal; carpd always leaves in order")
    found.append("carpd says goodbye when it leaves as master, so a backup takes over at once")
    found.append(
        f"a backup takes over {config.dead_time / 1e9:g} s after the last advertisement; "
        "ucarp does up to one interval later"
    )
    found += _what_scripts_miss(host)
    if options.daemonize:
        found.append("-B is not needed under systemd, and stands on the command line if you want it")
    if options.facility is None or options.facility.lower() != "none":
        facility = settings.facility or DEFAULT_FACILITY
        found.append(
            f"with a configuration file the log goes to standard error alone; --facility {facility} adds syslog"
        )
    return tuple(found)


def _what_scripts_miss(host: MigratedHost) -> list[str]:
    if not host.scripts:
        return []
    sandbox = (
        "our unit runs scripts as the user carpd, with CAP_NET_ADMIN and CAP_NET_RAW alone, a file system to read "
        "only, and without /home, /root and others' /tmp; ucarp ran them as root"
    )
    found = [sandbox]
    if any(script.path.is_relative_to(_DEBIANS) for script in host.scripts.values()):
        found.append(
            f"the scripts in {_DEBIANS} call ifup and ifdown, which need root: under our unit leave up_script and "
            "down_script out, and carpd holds the address itself"
        )
    return found


def _whose_address_it_is(host: MigratedHost) -> str:
    address = host.config.addresses[0]
    if host.scripts:
        return (
            "the scripts go on to hold the address; without up_script and down_script carpd does it itself, "
            "faster, and with a lease that the kernel ends if carpd dies"
        )
    return (
        f"without scripts ucarp moves no address; carpd puts {address} on {host.config.interface} "
        f"itself, with a lease of {host.config.lease_s} s; write the prefix length that it shall have"
    )
