"""`python -m tests.bench`: one command, all tables."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench import campaign, table
from tests.bench.scenarios import BY_NAME, SCENARIOS
from triocarp.lab import private_network

if TYPE_CHECKING:
    from collections.abc import Sequence

_REPETITIONS: Final = 10
_REPETITIONS_QUICK: Final = 2
_LANES: Final = 6


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print.

    Args:
        argv: Without the program's name; the process's own if None.

    Returns:
        The exit status: 0, or 1 when a scenario did not happen. A missed target is no failure.
    """
    options = _parser().parse_args(argv)
    repetitions: int = options.repetitions or (_REPETITIONS_QUICK if options.quick else _REPETITIONS)
    chosen = [BY_NAME[name] for name in options.only] or list(SCENARIOS)
    scenarios = [one for one in SCENARIOS if one in chosen]
    try:
        private_network.enter()
    except private_network.PrivateNetworkUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    begun, load = time.monotonic(), os.getloadavg()[0]
    results = campaign.run(scenarios, repetitions=repetitions, lanes=options.lanes)
    for line in table.lines(scenarios, results, repetitions):
        print(line)
    print(
        f"\n{time.monotonic() - begun:.0f} s on {len(os.sched_getaffinity(0))} cores, "
        f"whose load was {load:.1f} before"
    )
    for failure in results.failures:
        print(f"did not happen: {failure}")
    if options.json is not None:
        options.json.write_text(json.dumps(table.as_json(results), indent=1), encoding="ascii")
    return 1 if results.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measures carpd and its peers side by side, and prints the tables.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help=f"{_REPETITIONS_QUICK} repetitions instead of {_REPETITIONS}")
    add("--repetitions", type=int, metavar="N", help="of each scenario")
    add(
        "--only", action="append", default=[], choices=list(BY_NAME), metavar="NAME", help="a scenario; repeatable"
    )
    add("--lanes", type=int, default=_LANES, metavar="N", help="networks at a time (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write all single measurements to a file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
