"""ucarp's command line, read into `Settings`.

The flags, their defaults and their exit statuses are ucarp's (ucarp(8)); what ucarp takes without a word
although it cannot work (a VHID of 300, text for a number, an unknown option) is refused here with one line
for each mistake. Where ucarp has words for a mistake, the line begins with them.
"""

import argparse
import getopt
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Final, final

from triocarp.core import ConfigurationError, Hook, NodeConfig, Transport, VirtualHostConfig
from triocarp.core.authentication import KEY_LENGTH_MAX
from triocarp.core.virtual_host_problems import ANNOUNCE_AFTER_RANGE
from triocarp.daemon.c_notation import read_number
from triocarp.daemon.password_file import PasswordError, PasswordLine, doubts_about, read_password
from triocarp.daemon.settings import (
    FLAGS,
    SCRIPT_TIMEOUT_S_DEFAULT,
    SCRIPT_TIMEOUT_S_MAX,
    STATUS_SETTINGS,
    STATUS_START,
    Needs,
    Script,
    Settings,
    SettingsError,
    VirtualHostNeeds,
)
from triocarp.daemon.syslog_stream import DEFAULT_FACILITY, FACILITIES, NO_SYSLOG
from triocarp.linux.interface_table import InterfaceTable, read_interfaces

_PREFIX_LENGTH_MAX: Final = 32
_REPEATS_MAX: Final = ANNOUNCE_AFTER_RANGE[1]
_ANNOUNCE_AFTER: Final = (2,)  # ucarp's
_ANY_PASSWORD: Final = b"placeholder"  # so that one mistake does not hide the others

_NOT_UCARP_S: Final = frozenset(
    {
        "--prefix-length",
        "--script-timeout",
        "--no-real-time",
        "--config",
        "--environment",
        "--journal",
        "--pid-file",
    }
)
"""Written in full or not at all, so that every abbreviation goes on to mean ucarp's option: ``--pre``."""

_PASSWORD_OPTION: Final = re.compile(r"-[a-z]*p|--p", re.IGNORECASE)

_UCARP_S_WORDS: Final = {
    "vhid": "vhid must be between 1 and 255.",
    "dead_ratio": "Dead ratio can't be zero",
    "advbase_s": "You must supply an advertisement time base",
}
"""What ucarp says of a number that is wrong, by the field of `VirtualHostConfig`."""

_FIELDS: Final = {flag: field for field, flag in FLAGS.items()}

_MISSING: Final = {
    "-v/--vhid": "You must supply a valid virtual host id",
    "-s/--srcip": "You must supply a persistent source address",
    "-a/--addr": "You must supply a virtual host address",
    "-o/--passfile": "You must supply a password",
}
"""What ucarp says of an option that is missing."""

_REPLACED: Final = {"password": "passfile", "passfile": "password"}
"""Of these the last one counts, as for ucarp."""


@final
class HelpRequested(Exception):  # noqa: N818 - a wish, not a mistake
    """Raised where an option asks for help instead."""


@final
class _Parser(argparse.ArgumentParser):
    """argparse writes the help, and getopt reads the command line.

    So it is read by the very rules of ucarp's getopt_long: a value may begin with a dash (argparse refuses
    ``-p -secret``). And a mistake never repeats a value: under a mistyped name it may be the password.
    """

    @property
    def actions(self) -> list[argparse.Action]:
        """The options, in the order of the help."""
        return self._actions

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        actions = {name: action for action in self._actions for name in action.option_strings}
        written = {word.partition("=")[0] for word in argv}
        short, long = "", list[str]()
        for name, action in actions.items():
            takes_value = action.nargs != 0
            if name in _NOT_UCARP_S - written:
                continue
            if name.startswith("--"):
                long.append(name[2:] + "=" * takes_value)
            else:
                short += name[1:] + ":" * takes_value
        try:
            found, further = getopt.gnu_getopt(argv, short, long)
        except getopt.GetoptError as error:
            raise SettingsError(f"{_without_value(error)}; {program()} --help lists the options") from None
        options = argparse.Namespace(**{action.dest: action.default for action in actions.values()})
        options.ignored = len(further)  # never the words: ``-p$UNSET SECRET``
        for name, value in found:
            action = actions[name]
            if action.dest == "help":
                raise HelpRequested
            if action.dest != "password" and _PASSWORD_OPTION.match(value):
                # ``--srcip $UNSET --pass=SECRET``: the value would be repeated in a mistake, or given to a script.
                raise SettingsError(f"option {name} requires argument; {program()} --help lists the options")
            setattr(options, action.dest, action.const if action.nargs == 0 else value)
            if action.dest in _REPLACED:
                setattr(options, _REPLACED[action.dest], None)
        return options


def _without_value(error: getopt.GetoptError) -> str:
    dashes = "--" if error.msg.startswith("option --") else "-"
    problem = error.msg.removeprefix(f"option {dashes}{error.opt} ")
    # In ``"--pass SECRET"`` and ``--passSECRET`` the value became a part of the name.
    name = re.sub(r"(?i)^(pass)(?!file$).+|[^\w-].*", r"\1...", error.opt, flags=re.DOTALL)
    return f"option {dashes}{name} {problem}"


def program() -> str:
    """Return what we were called: ``ucarp``, where we are installed in its place, or ``carpd``."""
    name = Path(sys.argv[0]).name
    return name if name == "ucarp" else "carpd"


def parser() -> _Parser:
    """Return the parser of carpd's command line, for parsing and for the documentation."""
    arguments = _Parser(
        prog=program(),
        description="Keeps a virtual IP address on exactly one of several hosts (CARP). Takes ucarp's options.",
        epilog="Without scripts carpd manages the address itself, which is the fast and the safe way. "
        "carpd migrate writes a configuration file from another system's; carpd doctor examines this host. "
        "carpd --healthcheck, alone, asks the carpd of this container how it is.",
    )
    add = arguments.add_argument
    add("-i", "--interface", metavar="IF", help="network interface (default: the first that is up)")
    add("-s", "--srcip", metavar="IP", help="this host's own address on it (required)")
    add("-m", "--mcastip", metavar="IP", default="224.0.0.18", help="multicast group (default: %(default)s)")
    add("-v", "--vhid", metavar="N", help="virtual host, 1 to 255 (required)")
    add("-p", "--pass", metavar="TEXT", dest="password", help="password; visible to every user of this host")
    add("-o", "--passfile", metavar="FILE", help="read the password from the first line of a file")
    add("-P", "--preempt", action="store_true", help="take over from a worse master")
    add("-n", "--neutral", action="store_true", help="leave address and down script alone at the start")
    add("-a", "--addr", metavar="IP", help="virtual address (required)")
    add("--prefix-length", metavar="N", default="32", help="its prefix length (default: %(default)s)")
    add("-b", "--advbase", metavar="SECONDS", default="1", help="between advertisements (default: %(default)s)")
    add(
        "-k", "--advskew", metavar="N", default="0", help="1/256 seconds more; the least is preferred (default: 0)"
    )
    add("-r", "--deadratio", metavar="N", default="3", help="intervals of silence to a takeover (default: 3)")
    add("-u", "--upscript", metavar="FILE", help="run on becoming master: FILE IF IP [XPARAM]")
    add("-d", "--downscript", metavar="FILE", help="run on leaving master, and at the start")
    add("-x", "--xparam", metavar="TEXT", help="further argument of the scripts")
    add(
        "--script-timeout",
        metavar="SECONDS",
        default=str(SCRIPT_TIMEOUT_S_DEFAULT),
        help="end a script that takes longer (default: %(default)s)",
    )
    add(
        "-g",
        "--garp-timeout",
        metavar="N",
        help="announce again after each of N advertisements",
    )
    add("-z", "--shutdown", action="store_true", help="accepted for ucarp's sake: carpd always leaves in order")
    add("-S", "--ignoreifstate", action="store_true", help="go on without carrier")
    add("-M", "--nomcast", action="store_true", help="advertise to the broadcast MAC")
    add(
        "-B",
        "--daemonize",
        action="store_true",
        help="run in the background; returns when it runs there",
    )
    add(
        *("-f", "--facility", "--syslog"),
        metavar="NAME",
        help=f"of syslog, or {NO_SYSLOG} (default: {DEFAULT_FACILITY}, but {NO_SYSLOG} with systemd or a file)",
    )
    add("--pid-file", metavar="FILE", help="keep the process's number in a file, as init scripts want it")
    add("--no-real-time", action="store_true", help="be scheduled as any other program")
    add("--config", metavar="FILE", help="read a configuration file instead of the other options")
    add("--environment", action="store_true", help="read the container image's variables instead")
    add("--journal", metavar="FILE", help="write every input and every effect to a file")
    add("-D", "--debug", action="store_true", help="log every event")
    return arguments


def read(
    argv: Sequence[str],
    *,
    first_interface: Callable[[], str | None],
    interfaces: Callable[[], InterfaceTable] = read_interfaces,
) -> Settings:
    """Return the settings that a command line means.

    Args:
        argv: without the program's name.
        first_interface: finds what ``-i`` is when it is not given.
        interfaces: tells what this host has, for source addresses that a configuration file leaves out.

    Raises:
        SettingsError: with a line for every mistake that was found.
        HelpRequested: by an option.
    """
    options = parser().read(argv)
    if options.config is not None or options.environment:
        settings = _read_elsewhere(options, interfaces)
    else:
        settings = _Reader(options, first_interface).settings()
    return replace(settings, warnings=settings.warnings + _ignored(options.ignored))


def _ignored(count: int) -> tuple[str, ...]:
    if not count:
        return ()
    words = "a word that belongs" if count == 1 else f"{count} words that belong"
    return (f"{words} to no option: without effect, as for ucarp",)


def _read_elsewhere(options: argparse.Namespace, interfaces: Callable[[], InterfaceTable]) -> Settings:
    """Return the settings of a configuration file, or of the environment.

    What stands beside ``--config`` or ``--environment`` on the command line goes before it.
    """
    file: str | None = options.config
    origin = "environment" if file is None else "config"
    defaults = vars(parser().read(()))
    together = {
        origin,
        "ignored",
        "journal",
        "no_real_time",
        "debug",
        "shutdown",
        "daemonize",
        "facility",
        "pid_file",
    }
    refused = [name for name, value in vars(options).items() if name not in together and value != defaults[name]]
    if refused:
        flags = {action.dest: action.option_strings[-1] for action in parser().actions}
        others = ", ".join(flags[name] for name in refused)
        place = "file" if origin == "config" else "environment"
        raise SettingsError(f"{others}: expected in the {place}, since --{origin} is given")
    journal = _here(options.journal) if options.journal else None
    try:
        settings = _content_of(file, interfaces)
    except SettingsError as error:
        error.needs = replace(error.needs, journal=journal or error.needs.journal)
        raise
    facility, warnings = _facility(options.facility)
    return replace(
        settings,
        journal=journal or settings.journal,
        real_time=settings.real_time and not options.no_real_time,
        debug=settings.debug or options.debug,
        daemonize=options.daemonize,
        pid_file=_here(options.pid_file) if options.pid_file else None,
        facility=facility,
        warnings=settings.warnings + warnings,
    )


def _content_of(file: str | None, interfaces: Callable[[], InterfaceTable]) -> Settings:
    """Return the settings of a configuration file, or of the environment if there is none.

    They take 20 ms to load, and ucarp's users do not want them.
    """
    if file is not None:
        from triocarp.daemon import config_file  # noqa: PLC0415 - see above

        return config_file.read(Path(file), interfaces)
    from triocarp.daemon import environment  # noqa: PLC0415 - see above

    return environment.read(os.environ, interfaces=interfaces)


def _here(name: str) -> Path:
    """Return a path that means the same after -B has gone to the root directory."""
    return Path(name).absolute()


def _facility(name: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the facility that a name means, if one was given, and what to say about it."""
    if name is None or name.lower() in {NO_SYSLOG, *FACILITIES}:
        return (name.lower() if name else None), ()
    # ucarp goes on, too: no address shall be nobody's because of a log.
    known = ", ".join((*FACILITIES, NO_SYSLOG))
    warning = f"Unknown syslog facility: [{_shown(name)}] ({DEFAULT_FACILITY} is used; known are {known})"
    return DEFAULT_FACILITY, (warning,)


def _shown(text: str) -> str:
    """Return a value as it can stand in one line."""
    return repr(text)[1:-1]


@final
class _Reader:
    """Turns options, which are all text, into settings, and collects the mistakes on the way."""

    def __init__(self, options: argparse.Namespace, first_interface: Callable[[], str | None]) -> None:
        self._options = options
        self._mistakes: list[str] = []
        self._warnings: list[str] = []
        self._too_long = False
        self._unusable: set[str] = set()  # fields of the virtual host
        self._interface = self._named_or(first_interface)

    def settings(self) -> Settings:
        options = self._options
        virtual_host = self._virtual_host()
        scripts = self._scripts()
        facility, warnings = _facility(options.facility)
        self._warnings += warnings
        if self._mistakes or virtual_host is None:
            only_too_long = self._too_long and len(self._mistakes) == 1
            raise SettingsError(
                *self._mistakes,
                status=STATUS_START if only_too_long else STATUS_SETTINGS,
                needs=self._needs(),
            )
        return Settings(
            node=NodeConfig(virtual_hosts=(virtual_host,)),
            scripts={(virtual_host.interface, virtual_host.vhid): scripts} if scripts else {},
            real_time=not options.no_real_time,
            debug=options.debug,
            journal=_here(options.journal) if options.journal else None,
            warnings=tuple(self._warnings),
            daemonize=options.daemonize,
            pid_file=_here(options.pid_file) if options.pid_file else None,
            facility=facility,
        )

    def _needs(self) -> Needs:
        """Return what is needed of this host, where it could be read."""
        options = self._options
        fields = {
            "interface": self._interface,
            "transport": Transport.BROADCAST if options.nomcast else Transport.MULTICAST,
            "source": None if "source" in self._unusable else IPv4Address(options.srcip),
        }
        return Needs(
            virtual_hosts=(VirtualHostNeeds.of(fields, FLAGS.__getitem__, told=self._unusable),),
            journal=_here(options.journal) if options.journal else None,
        )

    def _virtual_host(self) -> VirtualHostConfig | None:
        options = self._options
        prefix_length = self._number("--prefix-length", options.prefix_length, 1, _PREFIX_LENGTH_MAX)
        address = self._address("-a/--addr", options.addr, "192.0.2.1")
        own_scripts = bool(options.upscript or options.downscript)
        try:
            return VirtualHostConfig(
                interface=self._interface,
                vhid=self._number("-v/--vhid", options.vhid),
                password=self._password(),
                addresses=(IPv4Interface((address, prefix_length)),),
                source=self._address("-s/--srcip", options.srcip, "192.0.2.2"),
                group=self._address("--mcastip", options.mcastip, "224.0.0.18"),
                transport=Transport.BROADCAST if options.nomcast else Transport.MULTICAST,
                advbase_s=self._number("-b/--advbase", options.advbase),
                advskew=self._number("-k/--advskew", options.advskew),
                dead_ratio=self._number("-r/--deadratio", options.deadratio),
                preempt=options.preempt,
                neutral=options.neutral,
                ignore_carrier=options.ignoreifstate,
                announce_after=self._announce_after(),
                manages_addresses=not own_scripts,
                up_hook=bool(options.upscript),
                down_hook=bool(options.downscript),
            )
        except ConfigurationError as error:
            for problem in error.problems:
                self._too_long |= problem.setting == "password"
                setting, _, _ = problem.setting.partition("[")
                self._unusable.add(setting)
                line = f"{FLAGS.get(setting, setting)} {problem.value}: expected {problem.accepted}"
                said = _UCARP_S_WORDS.get(setting) if setting == "vhid" or problem.value.startswith("0") else None
                self._mistakes.append(f"{said} ({line})" if said else line)
            return None

    def _announce_after(self) -> tuple[int, ...]:
        """Return after which advertisements the announcement is repeated.

        The fork of ucarp that has the option speaks of seconds, and counts advertisements.
        """
        if self._options.garp_timeout is None:
            return _ANNOUNCE_AFTER
        # As for the fork: a negative number is none.
        count = self._number("-g/--garp-timeout", self._options.garp_timeout, -_REPEATS_MAX, _REPEATS_MAX)
        return tuple(range(1, count + 1))

    def _named_or(self, first_interface: Callable[[], str | None]) -> str:
        name = self._options.interface or first_interface()
        if not name:
            self._mistakes.append("-i/--interface is missing, and no interface with an IPv4 address is up")
            self._unusable.add("interface")
        return name or "none"

    def _number(self, flag: str, text: str | None, least: int = 0, most: int | None = None) -> int:
        """Return a number in C notation; `VirtualHostConfig` knows the ranges of its own fields."""
        if text is None:
            self._mistakes.append(f"{_MISSING[flag]} ({flag} is missing)")
            return 1
        try:
            number = read_number(text)
        except ValueError:
            said = _UCARP_S_WORDS.get(_FIELDS.get(flag, ""))
            line = f"{flag} {text!r}: expected a whole number"
            self._mistakes.append(f"{said} ({line})" if said else line)
            return 1
        if most is not None and not least <= number <= most:
            self._mistakes.append(f"{flag} {number}: expected a number from {least} to {most}")
            return least
        return number

    def _address(self, flag: str, text: str | None, otherwise: str) -> IPv4Address:
        if text is None:
            self._mistakes.append(f"{_MISSING[flag]} ({flag} is missing)")
            self._unusable.add(_FIELDS.get(flag, flag))
            return IPv4Address(otherwise)
        try:
            return IPv4Address(text)
        except ValueError:
            said = f"Invalid address: [{_shown(text)}]"
            self._mistakes.append(f"{said} ({flag}: expected an IPv4 address such as {otherwise})")
            self._unusable.add(_FIELDS.get(flag, flag))
            return IPv4Address(otherwise)

    def _password(self) -> bytes:
        options = self._options
        if options.password is not None:
            self._warnings.append("the password on the command line is visible to every user: use --passfile")
            return self._checked(PasswordLine(os.fsencode(options.password)), "-p/--pass")
        if options.passfile is not None:
            return self._checked(self._first_line(Path(options.passfile)), f"-o/--passfile {options.passfile!r}")
        said = _MISSING["-o/--passfile"]
        self._mistakes.append(f"{said} (-o/--passfile is missing, or -p/--pass, which every user can see)")
        return _ANY_PASSWORD

    def _checked(self, line: PasswordLine, origin: str) -> bytes:
        password = line.password
        if not password:
            said = _MISSING["-o/--passfile"]
            self._mistakes.append(f"{said} ({origin}: it is empty: expected 1 to {KEY_LENGTH_MAX} bytes)")
            return _ANY_PASSWORD
        if len(password) > KEY_LENGTH_MAX:
            self._too_long = True
            self._mistakes.append(
                f"Password too long ({origin}: {len(password)} bytes: expected 1 to {KEY_LENGTH_MAX} bytes)"
            )
            return _ANY_PASSWORD
        self._warnings += doubts_about(line)
        return password

    def _first_line(self, path: Path) -> PasswordLine:
        try:
            return read_password(path)
        except PasswordError as error:
            self._mistakes.append(f"-o/--passfile {error}")
            return PasswordLine(_ANY_PASSWORD)

    def _scripts(self) -> dict[Hook, Script]:
        options = self._options
        timeout_s = self._number("--script-timeout", options.script_timeout, 1, SCRIPT_TIMEOUT_S_MAX)
        parameter = () if options.xparam is None else (options.xparam,)
        scripts: dict[Hook, Script] = {}
        for hook, name in ((Hook.UP, options.upscript), (Hook.DOWN, options.downscript)):
            if name:
                arguments = (self._interface, options.addr or "", *parameter)
                path = _here(name) if options.daemonize else Path(name)
                scripts[hook] = Script(path=path, arguments=arguments, timeout_s=timeout_s)
                if not os.access(name, os.X_OK):
                    self._warnings.append(f"the {hook.value} script {name!r} does not exist or is not executable")
        if scripts and len(scripts) < len(Hook):
            missing = next(hook.value for hook in Hook if hook not in scripts)
            self._warnings.append(
                f"Warning: no script called when going {missing}, and carpd leaves the address to scripts"
            )
        return scripts
