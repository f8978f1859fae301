"""``carpsim replay``: a trace, a journal or a counterexample is run again, a capture is shown to an observer."""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Final

from carpsim.counterexample import rerun
from carpsim.imagined_interfaces import interfaces_for, interfaces_of
from carpsim.library import load_scenario
from carpsim.mistakes import ScenarioError
from carpsim.named_file import named
from carpsim.overhearing import Overhearing, groups_of
from carpsim.retrace import TraceDivergence, TraceError, retrace
from carpsim.scenario import HostSettings, Scenario
from carpsim.scenario_file import read_text
from carpsim.trace import RELEASE
from triocarp.core import NodeConfig
from triocarp.core.journal import Header, JournalError, decode
from triocarp.core.observer import Observer, explain_sighting
from triocarp.core.replay import Divergence, replay
from triocarp.core.timing import SECOND
from triocarp.daemon.config_file import read_node_config
from triocarp.daemon.settings import SettingsError

NAME: str = "replay"
HELP: str = "run a trace, a journal or a counterexample again, or show a capture to a passive observer"

STATUS_DIFFERENT: Final = 1

_CAPTURES: Final = tuple(
    bytes.fromhex(magic) for magic in ("a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "0a0d0d0a")
)
"""How pcap files begin, with microseconds and nanoseconds, in both byte orders; and pcapng."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be told; see `carpsim.main.Command`.

    Args:
        parser: of the subcommand.
    """
    parser.add_argument(
        "file",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="a trace, a journal of carpd (a rotated one: its files, the oldest first), a counterexample of "
        "carpsim check, or a capture",
    )
    parser.add_argument(
        "--scenario",
        metavar="SCENARIO",
        help="what ran: a name of the library, or a file; that which a trace names, if it is not given",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="carpd's configuration file, of a journal or for a capture: neither holds the passwords",
    )


def run(arguments: argparse.Namespace) -> int:
    """Play a file again; see `carpsim.main.Command`.

    Args:
        arguments: as they were read.
    """
    files: list[Path] = arguments.file
    try:
        with files[0].open("rb") as file:
            begin = file.readline()
        if begin.startswith(_CAPTURES):
            return _observe(_only(files), arguments.scenario, arguments.config)
        match _keys(begin):
            case {"carpsim": _}:
                return _retrace(_only(files), arguments.scenario)
            case {"journal": _}:
                return _replay(files, begin.decode(), arguments.config)
            case _ if files[0].suffix == ".toml":
                return _rerun(_only(files))
            case _:
                raise SystemExit(
                    f"carpsim replay: {files[0]}: expected a trace, a journal, a counterexample, or a capture"
                )
    except (ScenarioError, SettingsError) as error:
        raise SystemExit("\n".join(error.lines)) from None
    except (TraceError, JournalError) as error:
        raise SystemExit(f"carpsim replay: {files[0]}: {error}") from None
    except (TraceDivergence, Divergence) as found:
        sys.stdout.write(f"{files[0]}: NOT reproduced: {found}\n")
        return STATUS_DIFFERENT


def _only(files: Sequence[Path]) -> Path:
    if len(files) > 1:
        raise SystemExit("carpsim replay: expected one file; only a journal may have several")
    return files[0]


def _keys(line: bytes) -> dict[str, object]:
    try:
        data: object = json.loads(line.decode())
    except ValueError:
        return {}
    return {str(key): True for key in data} if isinstance(data, dict) else {}


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a trace or a journal."""
    with named(path), path.open(encoding="utf-8") as file:
        try:
            yield from file
        except UnicodeDecodeError as error:
            raise SystemExit(f"carpsim replay: {path}: not a text in UTF-8: {error}") from None


# Traces.


def _retrace(path: Path, scenario: str | None) -> int:
    done = retrace(_lines(path), partial(_found, path, scenario))
    sys.stdout.write(
        f"{path}: reproduced: {done.lines} lines of {done.scenario}, seed {done.seed}, "
        f"{done.duration / SECOND:g} s\n"
    )
    return 0


def _found(path: Path, told: str | None, name: str, seed: int) -> Scenario:
    """Return the scenario of a trace."""
    try:
        return load_scenario(told or name, seed=seed)
    except ScenarioError:
        if told is not None:
            raise
        raise SystemExit(
            f"carpsim replay: {path}: the library has no scenario {name}: give its file with --scenario"
        ) from None


# Counterexamples.


def _rerun(path: Path) -> int:
    found = rerun(read_text(path), file=str(path))
    if not found.recorded:
        raise SystemExit(
            f"carpsim replay: {path}: expected a counterexample, which says in comments what was found; "
            f"any scenario runs with: carpsim run {path}"
        )
    if found.reproduced:
        sys.stdout.write(f"{path}: reproduced, with seed {found.scenario.seed}:\n")
        sys.stdout.writelines(f"  {verdict}\n" for verdict in found.given)
        return 0
    sys.stdout.write(f"{path}: NOT reproduced, with seed {found.scenario.seed}:\n")
    sys.stdout.writelines(f"- {verdict}\n" for verdict in found.recorded if verdict not in found.given)
    sys.stdout.writelines(f"+ {verdict}\n" for verdict in found.given if verdict not in found.recorded)
    if found.release != RELEASE:
        sys.stdout.write(f"it was written by version {found.release or 'unknown'}; this is {RELEASE}\n")
    return STATUS_DIFFERENT


# Journals.


def _replay(files: Sequence[Path], first: str, config: Path | None) -> int:
    if config is None:
        raise SystemExit("carpsim replay: a journal does not hold the passwords: give --config FILE")
    header = decode(first)
    assert isinstance(header, Header)  # noqa: S101 - its key says so
    node = read_node_config(config, partial(interfaces_of, header.config))
    done = replay(chain.from_iterable(map(_lines, files)), node)
    torn = f"; {done.torn} lines had no end, and were left out" if done.torn else ""
    runs = "1 run" if done.runs == 1 else f"{done.runs} runs"
    sys.stdout.write(f"{files[0]}: reproduced: {done.entries} entries of {runs}{torn}\n")
    return 0


# Captures.


def _observe(path: Path, scenario: str | None, config: Path | None) -> int:
    if find_spec("dpkt") is None:
        raise SystemExit("carpsim replay: captures need dpkt: pip install 'triocarp[sim]'")
    from carpsim.pcap import CaptureError, TruncatedCaptureError, read_frames  # noqa: PLC0415 - traces and journals need no dpkt

    overhearing = Overhearing(groups_of(_configs(scenario, config)))
    several = len(overhearing.observers) > 1
    try:
        with path.open("rb") as file:
            for seen in overhearing.listen(read_frames(file)):
                name = f"VHID {seen.group.vhid}: " if several else ""
                seconds = (seen.sighting.at - (overhearing.begin or 0)) / SECOND
                sys.stdout.write(f"{seconds:12.6f} s  {name}{explain_sighting(seen.sighting)}\n")
    except TruncatedCaptureError as error:
        sys.stderr.write(f"carpsim replay: {path}: {error}\n")  # what came before is as good as ever
    except CaptureError as error:
        raise SystemExit(f"carpsim replay: {path}: {error}") from None
    begin, end = overhearing.begin, overhearing.end
    if begin is None or end is None:
        raise SystemExit(f"carpsim replay: {path} has no frames")
    when = dt.datetime.fromtimestamp(begin / SECOND, tz=dt.UTC).isoformat(" ", "milliseconds")
    sys.stdout.write(f"\n{overhearing.frames} frames in {(end - begin) / SECOND:.6f} s from {when}\n")
    for group, observer in overhearing.observers:
        for line in _roles(observer, begin):
            sys.stdout.write(f"VHID {group.vhid}: {line}\n")
    return 0


def _configs(scenario: str | None, config: Path | None) -> tuple[NodeConfig, ...]:
    """Return the hosts whose groups are observed."""
    if config is not None:
        return (read_node_config(config, partial(interfaces_for, config)),)
    if scenario is not None:
        hosts = load_scenario(scenario).hosts
        return tuple(host.config for host in hosts if isinstance(host, HostSettings))
    raise SystemExit(
        "carpsim replay: a capture does not say which group to look at, nor its password: "
        "give --config FILE, or --scenario SCENARIO for one that was simulated"
    )


def _roles(observer: Observer, begin: int) -> Iterator[str]:
    """Yield what is known of each host at the end."""
    for host, view in observer.hosts.items():
        since = (view.since - begin) / SECOND
        yield (
            f"{host}: {view.role.value} since {since:.3f} s, {view.advertisements} advertisements, "
            f"advbase {view.advbase_s}, advskew {view.advskew}"
        )
    if not observer.hosts:
        yield "nobody advertised"
