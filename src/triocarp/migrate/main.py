"""``carpd migrate``: prints carpd's configuration for what is configured elsewhere, and what will differ.

What is printed is a configuration file; all that is not settings stands there as comments. No password is printed.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, final

from triocarp.daemon.command_line import HelpRequested
from triocarp.daemon.text_file import TextFileError, read_text_file
from triocarp.migrate import bsd_ifconfig, debian_interfaces, image_environment, toml_text, ucarp_options
from triocarp.migrate.migration import DIRECTORY, MigratedHost, Migration, MigrationError, name_for

STATUS_UNREADABLE: Final = 1
"""Exit status of what cannot be read, or has no equivalent."""

STATUS_USAGE: Final = 2
"""Exit status of a command that was not understood."""

_USAGE: Final = """\
usage: carpd migrate ucarp OPTIONS...             a ucarp command line, or - to read one
       carpd migrate debian [FILE]                /etc/network/interfaces
       carpd migrate environment [FILE]           the image's variables: this environment, or NAME=value lines
       carpd migrate freebsd [--interface IF] LINE...
       carpd migrate openbsd [--interface IF] LINE...

Prints a configuration file for carpd, with what will differ as comments. Changes nothing, prints no password.
- for FILE or LINE reads standard input, so that no password stands on a command line.
"""
_HELP: Final = frozenset({"-h", "--help"})
_INTERFACES: Final = "/etc/network/interfaces"


@final
class _UsageError(Exception):
    """Raised for a command that was not understood."""


def main(words: Sequence[str]) -> int:
    """Print what the words ask for, and return the exit status: 0, 1 if it cannot be said, 2 for a wrong command.

    Args:
        words: what stands behind ``migrate``.
    """
    readers: Mapping[str, Callable[[Sequence[str]], Migration]] = {
        "ucarp": _ucarp,
        "debian": _debian,
        "environment": _environment,
        "freebsd": lambda rest: _bsd("freebsd", rest),
        "openbsd": lambda rest: _bsd("openbsd", rest),
    }
    if not words or words[0] not in readers:
        asked = bool(words) and words[0] in _HELP
        (sys.stdout if asked else sys.stderr).write(_USAGE)
        return 0 if asked else STATUS_USAGE
    try:
        text = written(readers[words[0]](words[1:]))
    except HelpRequested:
        sys.stdout.write(_USAGE)
        return 0
    except _UsageError as error:
        sys.stderr.write(f"carpd migrate {words[0]}: {error}\n{_USAGE}")
        return STATUS_USAGE
    except MigrationError as error:
        lines = error.lines
    except (OSError, UnicodeDecodeError) as error:  # of the kernel, or of standard input
        lines = (str(error),)
    else:
        sys.stdout.write(text)
        return 0
    for line in lines:
        print(f"carpd migrate: {line}", file=sys.stderr)  # noqa: T201 - what the command is for
    return STATUS_UNREADABLE


def _ucarp(words: Sequence[str]) -> Migration:
    text = sys.stdin.read() if list(words) == ["-"] else words[0] if len(words) == 1 else None
    try:
        return ucarp_options.read(words if text is None else shlex.split(text))
    except ValueError as error:  # of shlex; the line may hold a password, and is not repeated
        raise MigrationError(f"a ucarp command line: {error}: expected words as a shell reads them") from None


def _debian(words: Sequence[str]) -> Migration:
    return debian_interfaces.read(_content(_file(words) or _INTERFACES))


def _environment(words: Sequence[str]) -> Migration:
    file = _file(words)
    return image_environment.read(os.environ if file is None else image_environment.variables_of(_content(file)))


def _file(words: Sequence[str]) -> str | None:
    """Return the only word, which is a file; None if there is no word."""
    if len(words) > 1:
        raise _UsageError("expected one file at most")
    if words and words[0] != "-" and words[0].startswith("-"):
        raise _no_option(words[0])
    return words[0] if words else None


def _no_option(word: str) -> HelpRequested | _UsageError:
    """Return what to raise for an option that is not ours; its value may be a password."""
    return HelpRequested() if word in _HELP else _UsageError(f"there is no option {word.partition('=')[0]}")


def _bsd(system: str, words: Sequence[str]) -> Migration:
    interface = None
    while words and words[0] != "-" and words[0].startswith("-"):
        name, equals, value = words[0].partition("=")
        if name != "--interface":
            raise _no_option(words[0])
        if not equals and len(words) == 1:
            raise _UsageError("--interface: expected a name behind it")
        interface, words = (value, words[1:]) if equals else (words[1], words[2:])
    if not words or list(words) == ["-"]:
        lines = sys.stdin.read().splitlines()
    elif any(" " in word for word in words):
        lines = list(words)
    else:
        lines = [shlex.join(words)]
    return bsd_ifconfig.read(lines, system, interface=interface)


def _content(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    try:
        return read_text_file(Path(name))
    except TextFileError as error:
        raise MigrationError(f"{name!r}: {error}") from None


def written(migration: Migration) -> str:
    """Return what is printed: the file, with all that is not settings in comments before it.

    Args:
        migration: what was read.

    Raises:
        MigrationError: TOML cannot say it.
    """
    settings = toml_text.write(migration)
    comments = "".join(f"#{' ' * bool(line)}{_one_line(line)}\n" for line in _comments(migration))
    return f"{comments}\n{settings}"


def _one_line(text: str) -> str:
    """Return a text without what a comment of TOML may not hold."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _comments(migration: Migration) -> Iterator[str]:
    first = migration.hosts[0].config
    name = name_for(first.interface, first.vhid)
    yield f"{DIRECTORY / name}.toml, for: carpd --config {DIRECTORY / name}.toml"
    yield f"or, with our unit: systemctl enable --now carpd@{name}"
    yield from _passwords(migration.hosts)
    lines = [host.flags for host in migration.hosts if host.flags]
    if lines:
        yield ""
        yield "The same without a file:"
        yield from (f"  carpd {shlex.join(flags)}" for flags in lines)
    yield ""
    yield "What will differ, and what to look at:"
    yield from (f"- {difference}" for difference in migration.differences)


def _passwords(hosts: Sequence[MigratedHost]) -> Iterator[str]:
    there = dict.fromkeys(host.password_file for host in hosts if not host.password_origin)
    if there:
        yield ""
        yield "Our unit's user is carpd, who must be able to read the password:"
    for file in there:
        quoted = shlex.quote(str(file))
        if file.is_relative_to(DIRECTORY):
            yield f"  chgrp carpd {quoted} && chmod 0640 {quoted}"
        else:
            copy = DIRECTORY / file.name
            yield f"  install -D -m 0640 -g carpd {quoted} {shlex.quote(str(copy))}    # and name that one below"
    moved = [host for host in hosts if host.password_origin]
    if moved:
        yield ""
        yield "First put each password into its file, so that nobody else can read it (then Ctrl-D);"
        yield "for our unit, whose user is carpd, with -m 0640 -g carpd:"
    for host in moved:
        yield f"  install -D -m 0600 /dev/stdin {shlex.quote(str(host.password_file))}    # {host.password_origin}"
