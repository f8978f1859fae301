"""``carpsim whatif``: what an operator may expect of their own configuration."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from carpsim.commands.arguments import count, seconds, seed
from carpsim.counted import counted
from carpsim.imagined_interfaces import interfaces_for
from carpsim.whatif import (
    PRICES,
    RUNS_TO_COMPARE,
    Expectation,
    Stories,
    clients_of,
    peers_like,
    surely_less,
    variants,
)
from carpsim.worker import workers
from triocarp.core import IPAddress, NodeConfig
from triocarp.daemon.config_file import read_node_config
from triocarp.daemon.settings import SettingsError

NAME: str = "whatif"
HELP: str = "run a carpd configuration with peers like it under faults, and say what to expect of it"

_P50: Final = 0.5
_P99: Final = 0.99
_WORTH_TELLING: Final = 0.1  # of the median outage, and seconds: below that a setting makes no difference
_RUNS_OF_VARIANTS: Final = 20
STATUS_EXCEEDED: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be told; see `carpsim.main.Command`.

    Args:
        parser: of the subcommand.
    """
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="carpd's configuration file; once for each host, or once for all with --hosts",
    )
    parser.add_argument("--hosts", type=count, default=2, metavar="N", help="hosts, if one file is given")
    parser.add_argument("--runs", type=count, default=50, metavar="N", help="how often each story is told")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of everything that is left to chance")
    parser.add_argument(
        "--max-outage", type=seconds, metavar="SECONDS", help="fail if the 99th percentile is longer"
    )
    parser.add_argument(
        "--max-two-masters", type=seconds, metavar="SECONDS", help="fail if two hosts answer for longer"
    )


def run(arguments: argparse.Namespace) -> int:
    """Tell all stories; see `carpsim.main.Command`.

    Args:
        arguments: as they were read.
    """
    files: list[Path] = arguments.config
    try:
        configs = tuple(read_node_config(file, partial(interfaces_for, file)) for file in files)
    except SettingsError as error:
        raise SystemExit(f"carpsim whatif: {error}") from None
    _refuse_shared_addresses(files, configs)
    try:
        if len(configs) == 1:
            configs = peers_like(configs[0], arguments.hosts)
        clients_of(configs)
    except ValueError as error:
        raise SystemExit(f"carpsim whatif: --hosts {arguments.hosts}: {error}") from None
    with workers(min(os.cpu_count() or 1, 32)) as pool:
        stories = Stories(pool, seed=arguments.seed)
        found = tuple(_tell_what_to_expect(stories, configs, arguments.runs))
        if len(files) == 1:
            _tell_what_hurts(stories, configs, min(arguments.runs, _RUNS_OF_VARIANTS))
    return _verdict(found, arguments.max_outage, arguments.max_two_masters)


def _refuse_shared_addresses(files: Sequence[Path], configs: Sequence[NodeConfig]) -> None:
    """Raise SystemExit if files are not those of different hosts."""
    owners: dict[tuple[str, IPAddress], Path] = {}
    for file, config in zip(files, configs, strict=True):
        own = {(one.interface, source) for one in config.virtual_hosts for source in one.sources.values()}
        for place in sorted(own & owners.keys(), key=str):
            raise SystemExit(
                f"carpsim whatif: {file}: source {place[1]}: expected another one than in {owners[place]}: "
                "each --config is of another host"
            )
        owners |= dict.fromkeys(own, file)


def _tell_what_to_expect(stories: Stories, configs: Sequence[NodeConfig], runs: int) -> Iterator[Expectation]:
    head = f"{counted(runs, 'run')} of each, with {counted(len(configs), 'host')}"
    sys.stdout.write(f"{head:58}{'outage, s':>18}  two hosts answer  changes\n")
    sys.stdout.write(f"{'':58}{'p50':>9}{'p99':>9}{'runs':>9}{'s':>8}  of state\n")
    sys.stdout.flush()
    for expected in stories.expectations(configs, runs=runs):
        yield expected
        sys.stdout.write(_line(expected))
        sys.stdout.flush()


def _line(expected: Expectation) -> str:
    return (
        f"{expected.story:58}{expected.percentile(_P50):9.2f}{expected.percentile(_P99):9.2f}"
        f"{expected.two_holders:9.0%}{expected.two_holders_longest:8.2f}{expected.transitions:10.1f}\n"
    )


def _tell_what_hurts(stories: Stories, configs: Sequence[NodeConfig], runs: int) -> None:
    """Say which other setting would make outages shorter, story by story, with the same seeds for all."""
    if runs < RUNS_TO_COMPARE:
        sys.stdout.write(f"\nother settings are tried with --runs {RUNS_TO_COMPARE} or more\n")
        return
    found = tuple(stories.expectations(configs, runs=runs))
    others = [
        (words, stories.expectations(peers_like(changed, len(configs)), runs=runs))
        for words, changed in variants(configs[0])
    ]
    better = [line for words, other in others for line in _gains(words, found, tuple(other))]
    tried = f"with {counted(runs, 'run')} of each, and the same seeds"
    if better:
        sys.stdout.write(f"\nwith another setting the median outage would be shorter ({tried}):\n")
        sys.stdout.writelines(better)
    else:
        sys.stdout.write(f"\nno other setting that was tried surely makes the median outage shorter ({tried})\n")


def _gains(words: str, found: Sequence[Expectation], other: Sequence[Expectation]) -> Iterator[str]:
    """Yield what another setting makes better, and then what that costs."""
    better = [
        f"  {words}: {before.story}: {after.percentile(_P50):.2f} s, not {before.percentile(_P50):.2f} s\n"
        for before, after in zip(found, other, strict=True)
        if _is_better(before, after)
    ]
    yield from better
    if better and words in PRICES:
        yield f"  {words} has a price: {PRICES[words]}\n"


def _is_better(before: Expectation, after: Expectation) -> bool:
    """Return whether another setting is worth telling: the gain is no accident, and somebody would notice it."""
    gain = before.percentile(_P50) - after.percentile(_P50)
    worth = max(_WORTH_TELLING * before.percentile(_P50), _WORTH_TELLING)
    return gain > worth and surely_less(before.outages, after.outages) > 0


def _verdict(found: Sequence[Expectation], max_outage: float | None, max_two_masters: float | None) -> int:
    status = 0
    for expected in found:
        if max_outage is not None and expected.percentile(_P99) > max_outage:
            sys.stderr.write(
                f"carpsim whatif: {expected.story}: in {expected.over(max_outage)} of "
                f"{counted(expected.runs, 'run')} the outage is over --max-outage {max_outage:g} s, "
                f"up to {max(expected.outages):.2f} s\n"
            )
            status = STATUS_EXCEEDED
        if max_two_masters is not None and expected.two_holders_longest > max_two_masters:
            sys.stderr.write(
                f"carpsim whatif: {expected.story}: two hosts answer for {expected.two_holders_longest:.2f} s, "
                f"longer than --max-two-masters {max_two_masters:g} s\n"
            )
            status = STATUS_EXCEEDED
    return status
