"""The results: a table, all single measurements, and a figure."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, Final, NamedTuple

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tests.bench.spread import Spread
from tests.validate.comparison import BOUND_MS, compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.validate.campaign import Pair, Results
    from tests.validate.comparison import Comparison
    from tests.validate.scene import Measure, Scene

_REAL: Final = "#1b7f4d"
_SIMULATED: Final = "#c0392b"
_DPI: Final = 150
_COLUMN_IN: Final = 2.1
_ROW_IN: Final = 1.55
_SECOND_MS: Final = 1000
_WHOLE_FROM_MS: Final = 10


class Row(NamedTuple):
    """A line of the table."""

    scene: Scene
    measure: Measure
    comparison: Comparison


def rows(scenes: Iterable[Scene], results: Results) -> list[Row]:
    """Return the lines of the table, without what never happened."""
    found = [(scene, measure) for scene in scenes if results.pairs[scene.name] for measure in scene.measures]
    return [
        Row(scene, measure, compare(*_samples(results.pairs[scene.name], measure), comparisons=len(found)))
        for scene, measure in found
    ]


def _samples(pairs: Sequence[Pair], measure: Measure) -> tuple[list[float], list[float]]:
    return [pair.real[measure] for pair in pairs], [pair.simulated[measure] for pair in pairs]


def lines(table: Iterable[Row]) -> Iterable[str]:
    """Yield the table, in Markdown.

    Args:
        table: its lines.
    """
    yield "| scene, preferred/other | n | ms of | real | simulated | pairs differ by | D | p | verdict |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for scene, measure, one in table:
        low, high = (f"{end:+.1f}" if math.isfinite(end) else "?" for end in one.interval)
        cells = (
            scene.name,
            str(len(one.real)),
            measure.value,
            spread(one.real),
            spread(one.simulated),
            f"{one.shift:+.1f} ({low} to {high})",
            f"{one.distance:.2f}",
            f"{one.p:.3f}",
            one.verdict.value,
        )
        yield f"| {' | '.join(cells)} |"


def spread(values: Sequence[float]) -> str:
    """Return minimum, median and maximum."""
    one = Spread.of(values)
    return " / ".join(map(_number, (one.least, one.median, one.greatest)))


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= _WHOLE_FROM_MS else f"{value:.1f}"


def write_csv(pairs: Mapping[str, Sequence[Pair]], path: Path) -> None:
    """Write a line for each measure of each pair.

    Args:
        pairs: by scene.
        path: of the file.
    """
    with path.open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("scene", "repetition", "phases", "measure", "real_ms", "simulated_ms"))
        for scene, members in pairs.items():
            for number, pair in enumerate(members):
                phases = " ".join(f"{name}={phase:.4f}" for name, phase in pair.phases.items())
                for measure, value in pair.real.items():
                    simulated = pair.simulated[measure]
                    writer.writerow((scene, number, phases, measure.value, f"{value:.3f}", f"{simulated:.3f}"))


def draw(table: Sequence[Row], path: Path) -> None:
    """Draw how often which time was not exceeded: for each scene a real curve and a simulated one.

    Args:
        table: the lines of the table; of each scene the measure is drawn that differs most between repetitions.
        path: of the files, without their endings.
    """
    drawn: dict[tuple[str, str], Row] = {}
    for row in sorted(table, key=lambda row: _range(row.comparison.real)):
        drawn[row.scene.event, row.scene.pair] = row
    events = list(dict.fromkeys(row.scene.event for row in table))
    pairs = list(dict.fromkeys(row.scene.pair for row in table))
    figure = Figure(figsize=(_COLUMN_IN * len(pairs) + 0.6, _ROW_IN * len(events) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(events), len(pairs), squeeze=False, sharey=True)
    for line, event in enumerate(events):
        for column, pair in enumerate(pairs):
            _draw_pair(grid[line][column], drawn.get((event, pair)))
    for column, pair in enumerate(pairs):
        grid[0][column].set_title(pair, fontsize="medium")
    for line, event in enumerate(events):
        grid[line][0].set_ylabel(event)
    handles = grid[0][0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, frameon=False)
    # Ids of an SVG are random unless they are salted, and its date is today's: the same data, the same bytes.
    with mpl.rc_context({"svg.hashsalt": "triocarp"}):
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=_DPI)


def _draw_pair(axes: Axes, row: Row | None) -> None:
    if row is None:
        axes.set_axis_off()
        return
    one = row.comparison
    scale, unit = (_SECOND_MS, "s") if max(one.real + one.simulated) >= _SECOND_MS else (1, "ms")
    real, simulated = ([value / scale for value in values] for values in (one.real, one.simulated))
    axes.ecdf(real, color=_REAL, label="real", linewidth=1.6)
    axes.ecdf(simulated, color=_SIMULATED, label="simulated", linewidth=1.1, linestyle="--")
    axes.set_xlabel(f"{row.measure.value}, {unit}", fontsize="x-small", labelpad=1)
    axes.tick_params(labelsize="x-small")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(2))
    if unit == "ms" and max(one.real + one.simulated) < BOUND_MS:
        axes.set_xlim(-0.1, BOUND_MS)
    axes.grid(alpha=0.3)


def _range(values: Sequence[float]) -> float:
    return max(values) - min(values)
