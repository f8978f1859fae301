"""``carpsim replay``: what was recorded happens again: a trace, a daemon's journal, or a capture of a network."""

import argparse
import json
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from carpsim.commands.run import loaded
from carpsim.library import names
from carpsim.outcome import first_difference, trace_of
from triocarp.core.journal import JournalError
from triocarp.core.observer import Host, ObservedGroup, Observer, RoleChanged, Sighting, explain_sighting
from triocarp.core.replay import Divergence
from triocarp.core.replay import replay as replay_journal
from triocarp.core.timing import SECOND
from triocarp.daemon.config_file import read_node_config
from triocarp.daemon.password_file import PasswordError, read_password
from triocarp.daemon.settings import SettingsError

NAME: Final = "replay"
HELP: Final = "let happen again what a trace, a daemon's journal or a capture has, and show the first difference"

STATUS_DIFFERENT: Final = 1
"""Exit status if something happened otherwise."""

_CAPTURES: Final = ("d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d")
_EXCERPT: Final = 60  # characters around what differs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be told; see `carpsim.main.Command`.

    Args:
        parser: of the subcommand.
    """
    parser.add_argument("file", type=Path, metavar="FILE", help="a trace, a journal, or a capture (pcap)")
    parser.add_argument("--scenario", metavar="SCENARIO", help="of a trace, unless it is one of the library")
    parser.add_argument("--config", type=Path, metavar="FILE", help="of a journal: carpd's, for the passwords")
    parser.add_argument("--vhid", type=int, metavar="N", help="of a capture: which virtual host")
    parser.add_argument(
        "--address", type=ip_address, action="append", default=[], metavar="A", help="of a capture: a virtual one"
    )
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="of a capture: the group's password")


def run(arguments: argparse.Namespace) -> int:
    """See what the file is, and let it happen again; see `carpsim.main.Command`.

    Args:
        arguments: as they were read.
    """
    path: Path = arguments.file
    try:
        with path.open("rb") as file:
            magic = file.read(4).hex()
        if magic in _CAPTURES:
            return _replay_capture(path, arguments)
        lines = path.read_text(encoding="ascii", errors="backslashreplace").splitlines(keepends=True)
    except OSError as error:
        raise SystemExit(f"carpsim replay: {path}: {error.strerror}") from None
    header = _header(lines)
    if "carpsim" in header:
        return _replay_trace(path, lines, header, arguments.scenario)
    if "journal" in header:
        return _replay_journal(path, lines, arguments.config)
    raise SystemExit(f"carpsim replay: {path}: expected a trace of `carpsim run`, a journal of carpd, or a pcap")


def _header(lines: Sequence[str]) -> dict[str, Any]:
    try:
        header = json.loads(lines[0]) if lines else {}
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def _replay_trace(path: Path, lines: Sequence[str], header: dict[str, Any], named: str | None) -> int:
    name = named or str(header.get("scenario"))
    if named is None and name not in names():
        raise SystemExit(f"carpsim replay: {path}: of the scenario {name}: --scenario FILE must say where it is")
    scenario = loaded(NAME, name, int(header.get("seed", 0)))
    found = first_difference(lines, trace_of(scenario))
    if found is None:
        sys.stdout.write(f"all {len(lines)} lines are as they were\n")
        return 0
    number, was, is_now = found
    column = next((place for place, pair in enumerate(zip(was, is_now, strict=False)) if pair[0] != pair[1]), 0)
    begin = max(0, column - _EXCERPT)
    sys.stdout.write(f"line {number} differs in column {column + 1}:\n")
    for what, line in (("it was", was), ("it is ", is_now)):
        sys.stdout.write(f"  {what} {line[begin : column + _EXCERPT] or 'the end'}\n")
    return STATUS_DIFFERENT


def _replay_journal(path: Path, lines: Sequence[str], config: Path | None) -> int:
    if config is None:
        raise SystemExit(
            f"carpsim replay: {path}: a journal has no passwords: --config FILE must name carpd's file"
        )
    try:
        replayed = replay_journal(lines, read_node_config(config))
    except SettingsError as error:
        raise SystemExit(f"carpsim replay: {error}") from None
    except JournalError as error:
        raise SystemExit(f"carpsim replay: {path}: {error}") from None
    except Divergence as difference:
        sys.stdout.write(f"{path}: {difference}\n")
        return STATUS_DIFFERENT
    sys.stdout.write(f"all {replayed.entries} entries of {replayed.runs} runs are as they were\n")
    return 0


def _replay_capture(path: Path, arguments: argparse.Namespace) -> int:
    if arguments.vhid is None or not arguments.address or arguments.password_file is None:
        raise SystemExit(f"carpsim replay: {path}: a capture needs --vhid, --address and --password-file")
    try:
        from carpsim.pcap import read_capture  # noqa: PLC0415 - who replays no capture has no need of it
    except ImportError as error:
        raise SystemExit(f"carpsim replay: {error.name} is missing: pip install 'triocarp[sim]'") from None
    try:
        password = read_password(arguments.password_file)
        observer = Observer(
            ObservedGroup(vhid=arguments.vhid, passwords=(password,), addresses=tuple(arguments.address))
        )
        with path.open("rb") as file:
            # Two frames of one microsecond may stand there in the wrong order.
            frames = sorted(read_capture(file), key=lambda frame: frame[0])
    except (PasswordError, ValueError) as error:
        raise SystemExit(f"carpsim replay: {path}: {error}") from None
    seen = [sighting for at, frame in frames for sighting in observer.observe(frame, at)]
    begin, end = (frames[0][0], frames[-1][0]) if frames else (0, 0)
    roles: dict[Host, list[str]] = {}
    for sighting in seen:
        sys.stdout.write(f"{_since(sighting, begin):>12}  {explain_sighting(sighting)}\n")
        if isinstance(sighting, RoleChanged):
            roles.setdefault(sighting.host, []).append(f"{sighting.role.value} from {_since(sighting, begin)}")
    for host, changes in roles.items():
        sys.stdout.write(f"{host}: {', '.join(changes)}, until {(end - begin) / SECOND:.3f} s\n")
    sys.stdout.write(f"{len(frames)} frames\n")
    return 0


def _since(sighting: Sighting, begin: int) -> str:
    return f"{(sighting.at - begin) / SECOND:.3f} s"
