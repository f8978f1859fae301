"""``carpsim whatif``: what an operator may expect of their own configuration."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from carpsim.commands.arguments import count, seconds, seed
from carpsim.imagined_interfaces import interfaces_for
from carpsim.whatif import Expectation, Stories, clients_of, peers_like, variants
from carpsim.worker import workers
from triocarp.core import NodeConfig
from triocarp.daemon.config_file import read_node_config
from triocarp.daemon.settings import SettingsError

NAME: str = "whatif"
HELP: str = "run a carpd configuration with peers like it under faults, and say what to expect of it"

_P50: Final = 0.5
_P99: Final = 0.99
_WORTH_TELLING: Final = 0.1  # of the median outage, and seconds: below that a setting makes no difference
_RUNS_OF_VARIANTS: Final = 10
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


def _tell_what_to_expect(stories: Stories, configs: Sequence[NodeConfig], runs: int) -> Iterator[Expectation]:
    sys.stdout.write(f"{'':58}{'outage, s':>18}  two hosts answer  changes\n")
    sys.stdout.write(f"{'':58}{'p50':>9}{'p99':>9}{'runs':>9}{'s':>8}  of state\n")
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
    found = tuple(stories.expectations(configs, runs=runs))
    others = [
        (words, stories.expectations(peers_like(changed, len(configs)), runs=runs))
        for words, changed in variants(configs[0])
    ]
    told = False
    for words, other in others:
        for before, after in zip(found, other, strict=True):
            gain = before.percentile(_P50) - after.percentile(_P50)
            if gain > max(_WORTH_TELLING * before.percentile(_P50), _WORTH_TELLING):
                if not told:
                    sys.stdout.write("\nwith another setting the median outage would be shorter:\n")
                told = True
                sys.stdout.write(f"  {words}: {before.story}: {after.percentile(_P50):.2f} s\n")
    if not told:
        sys.stdout.write("\nno other setting that was tried makes the median outage shorter\n")


def _verdict(found: Sequence[Expectation], max_outage: float | None, max_two_masters: float | None) -> int:
    status = 0
    for expected in found:
        if max_outage is not None and expected.percentile(_P99) > max_outage:
            sys.stderr.write(
                f"carpsim whatif: {expected.story}: 1 outage of 100 is over {expected.percentile(_P99):.2f} s, "
                f"--max-outage is {max_outage} s\n"
            )
            status = STATUS_EXCEEDED
        if max_two_masters is not None and expected.two_holders_longest > max_two_masters:
            sys.stderr.write(
                f"carpsim whatif: {expected.story}: two hosts answer for {expected.two_holders_longest:.2f} s, "
                f"--max-two-masters is {max_two_masters} s\n"
            )
            status = STATUS_EXCEEDED
    return status
