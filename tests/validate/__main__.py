"""`python -m tests.validate`: the simulator beside real daemons, with a verdict for each scene."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.implementation import program
from tests.validate import campaign, latency, report, simulated
from tests.validate.comparison import BOUND_MS, BOUND_SHARE, Verdict, power
from tests.validate.scenes import BY_NAME, EVENTS, SCENES
from triocarp.lab import private_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.validate.campaign import Results
    from tests.validate.scene import Scene

_REPETITIONS: Final = 20
_LANES: Final = 5
"""With ten, leases ended later: whoever changes an address waits for others who change networks."""


def main(argv: Sequence[str] | None = None) -> int:
    """Play all scenes on both sides, compare, and print.

    Args:
        argv: without the program's name; the process's own if None.

    Returns:
        The exit status: 0, or 1 when a scene differs beyond the bound, or did not happen.
    """
    options = _parser().parse_args(argv)
    chosen: list[Scene] = [scene for scene in SCENES if not options.scenes or _is_meant(scene, options.scenes)]
    if program("ucarp") is None:
        sys.stderr.write("missing program: ucarp; type: sudo apt-get install ucarp\n")
        return 1
    try:
        private_network.enter()
    except private_network.PrivateNetworkUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    trip = latency.measure()
    results = campaign.run(chosen, repetitions=options.repetitions, seed=options.seed, lanes=options.lanes)
    table = report.rows(chosen, results)
    directory: Path = options.output
    directory.mkdir(parents=True, exist_ok=True)
    report.write_csv(results.pairs, directory / "pairs.csv")
    report.draw(table, directory / "validation")
    told = [*report.lines(table), "", *_notes(options.repetitions, trip, results)]
    (directory / "table.md").write_text("\n".join(told) + "\n", encoding="utf-8")
    print("\n".join(told))
    differs = any(row.comparison.verdict is Verdict.DIFFERENT for row in table)
    return 1 if differs or results.failures else 0


def _is_meant(scene: Scene, names: Sequence[str]) -> bool:
    return scene.name in names or scene.event in names


def _notes(repetitions: int, trip: latency.RoundTrip, results: Results) -> Iterable[str]:
    yield "real and simulated: minimum / median / maximum; pairs differ by: median of real less simulated (95 %)."
    yield f"bound: {BOUND_MS:g} ms, or {BOUND_SHARE:.0%} of the real median if that is more."
    if repetitions > 1:
        shift = next((tenths / 20 for tenths in range(1, 40) if power(repetitions, tenths / 20) >= 0.8), math.inf)
        yield (
            f"D alone, of {repetitions} and {repetitions}, sees (p < 0.05) four times in five a shift "
            f"by {shift:.0%} of the width of an even distribution; the pairs see what the interval says."
        )
    yield (
        f"a probe and its answer on an idle LAN: {trip.median:.0f} us (99 %: {trip.most:.0f} us); "
        f"simulated: {2 * simulated.LATENCY.latency.longest / 1000:.0f} us."
    )
    yield (
        f"{results.seconds:.0f} s for the real ones, on {len(os.sched_getaffinity(0))} cores, "
        f"which were busy for {results.load:.0%} of that"
    )
    for failure in results.failures:
        yield f"did not happen: {failure}"


def _parser() -> argparse.ArgumentParser:
    events = "; ".join(f"{name}: {what}" for name, what in EVENTS.items())
    parser = argparse.ArgumentParser(
        prog="nox -s validate --",
        description="Plays scenes with simulated hosts and with real daemons, and compares what clients feel.",
        epilog=f"Scenes: {events}. Each with four pairs of a preferred host and another one.",
    )
    add = parser.add_argument
    scenes = "all by default; an event for its four pairs, or one: 'crash carpd/ucarp'"
    add("scenes", nargs="*", choices=[*EVENTS, *BY_NAME, []], metavar="SCENE", help=scenes)
    add("--repetitions", type=int, default=_REPETITIONS, metavar="N", help="of each (default: %(default)s)")
    add("--seed", type=int, default=1, metavar="N", help="of the phases (default: %(default)s)")
    add("--lanes", type=int, default=_LANES, metavar="N", help="networks at a time (default: %(default)s)")
    add("--output", type=Path, default=Path("validation"), metavar="DIRECTORY", help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
