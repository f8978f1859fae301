"""``carpd doctor``: looks for what makes CARP fail in practice, and says how to mend it."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from triocarp.daemon import command_line, starting
from triocarp.daemon.settings import Settings, SettingsError
from triocarp.doctor import (
    address_resolution,
    clock,
    configuration,
    firewall,
    foreign_mac,
    multicast,
    other_tools,
    privileges,
    wire,
)
from triocarp.doctor.facts import Facts
from triocarp.doctor.finding import Finding, Verdict
from triocarp.doctor.gathering import gather

STATUS_MEND: Final = 1
"""Exit status where something is to be mended."""

STATUS_USAGE: Final = 2
"""Exit status of a command that was not understood."""

LISTEN_S_DEFAULT: Final = 4.0
"""Seconds: a master with the default timers is heard thrice."""

LISTEN_S_MAX: Final = 600.0

_USAGE: Final = """\
usage: carpd doctor [--json] [--listen SECONDS] OPTIONS...

OPTIONS are those with which carpd would run: ucarp's, or --config FILE, or --environment. It listens for SECONDS
(default 4, 0 for not at all), changes nothing, and says what was found, and how to mend it.
Exit status: 0 if there is nothing to mend, 1 if there is, 2 if the command was not understood.
"""

CHECKS: Final[tuple[Callable[[Settings, Facts], Iterator[Finding]], ...]] = (
    configuration.check,
    privileges.check,
    wire.check,
    multicast.check,
    firewall.check,
    address_resolution.check,
    foreign_mac.check,
    other_tools.check,
    clock.check,
)
"""In the order in which their findings are told."""


def main(words: Sequence[str], *, gather_facts: Callable[..., Facts] = gather) -> int:
    """Examine this host, print the findings, and return the exit status.

    Args:
        words: what stands behind ``doctor``.
        gather_facts: gathers the facts about the host.
    """
    if not words:
        sys.stderr.write(_USAGE)
        return STATUS_USAGE
    try:
        as_json, listen_s, rest = _own_options(words)
        command_line.parser().read(rest)
    except command_line.HelpRequested:
        sys.stdout.write(_USAGE)
        return 0
    except (SettingsError, ValueError) as error:
        print(f"carpd doctor: {error}", file=sys.stderr)  # noqa: T201 - what the command is for
        return STATUS_USAGE
    findings = _examine(rest, listen_s, gather_facts)
    if as_json:
        sys.stdout.write(_json(findings))
    else:
        sys.stdout.writelines(_lines(findings))
    return STATUS_MEND if any(finding.verdict is Verdict.MEND for finding in findings) else 0


def examine(settings: Settings, facts: Facts) -> list[Finding]:
    """Return what all checks say.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    return [finding for check in CHECKS for finding in check(settings, facts)]


def _examine(words: Sequence[str], listen_s: float, gather_facts: Callable[..., Facts]) -> list[Finding]:
    try:
        settings = command_line.read(words, first_interface=starting.first_interface)
        return examine(settings, gather_facts(settings, listen_s=listen_s))
    except SettingsError as error:
        lines: Iterable[str] = starting.every_mistake(error)
    except OSError as error:
        lines = (str(error),)
    mend = "carpd does not start like this"
    return [Finding(check="settings", verdict=Verdict.MEND, found=line, mend=mend) for line in lines]


def _own_options(words: Sequence[str]) -> tuple[bool, float, list[str]]:
    """Return whether JSON is wanted, how long to listen, and what carpd shall read.

    Raises:
        ValueError: the time is none. Its text says so.
    """
    as_json, listen, rest = False, str(LISTEN_S_DEFAULT), list[str]()
    remaining = iter(words)
    for word in remaining:
        if word == "--json":
            as_json = True
        elif word == "--listen":
            listen = next(remaining, "")
        elif word.startswith("--listen="):
            listen = word.partition("=")[2]
        else:
            rest.append(word)
    try:
        seconds = float(listen)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LISTEN_S_MAX:
        raise ValueError(f"--listen: expected seconds from 0 to {LISTEN_S_MAX:g}")
    return as_json, seconds, rest


def _lines(findings: Iterable[Finding]) -> Iterator[str]:
    for finding in findings:
        about = f" {finding.about}" if finding.about else ""
        yield f"{finding.verdict.value:<8}{finding.check}{about}: {finding.found}\n"
        if finding.mend and finding.verdict is not Verdict.FINE:
            yield f"{'':<8}-> {finding.mend}\n"


def _json(findings: Iterable[Finding]) -> str:
    plain = [{**dataclasses.asdict(finding), "verdict": finding.verdict.value} for finding in findings]
    return json.dumps({"findings": plain}, indent=2, ensure_ascii=False) + "\n"
