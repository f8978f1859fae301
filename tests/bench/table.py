"""The results as tables, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.bench.figures import COUNTED
from tests.bench.spread import FOREVER, Spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.bench.campaign import Results
    from tests.bench.figures import Figure, Target
    from tests.bench.implementation import Contender
    from tests.bench.scenarios import Scenario

_WIDTHS: Final = (34, 22, 22, 22, 14)


def lines(scenarios: Sequence[Scenario], results: Results, repetitions: int) -> Iterable[str]:
    """Yield the lines of the tables: one for each set of columns.

    Args:
        scenarios: Which, in the order of the tables.
        results: What was measured.
        repetitions: Of each.
    """
    yield f"min / median / max of {repetitions} repetitions; an overhead counts from the dead timer's due instant"
    columns: Mapping[str, Contender] = {}
    for scenario in scenarios:
        if scenario.contenders.keys() != columns.keys():
            columns = scenario.contenders
            yield ""
            yield _line("", *columns, "target", "")
        yield scenario.heading(repetitions)
        for figure, target in scenario.figures.items():
            cells = [_cell(scenario, one, figure, results) for one in columns.values()]
            ours = results.samples.get((scenario.name, scenario.subject, figure))
            verdict = "" if target is None or not ours else _verdict(target, ours)
            yield _line(f"  {figure.value}", *cells, "" if target is None else str(target), verdict)


def as_json(results: Results) -> dict[str, object]:
    """Return the single measurements as what `json.dump` takes; null stands for what had no end."""
    measurements: dict[str, dict[str, dict[str, list[float | None]]]] = {}
    for (scenario, implementation, figure), values in results.samples.items():
        by_figure = measurements.setdefault(scenario, {}).setdefault(implementation, {})
        by_figure[figure.value] = [None if value == FOREVER else value for value in values]
    return {"measurements": measurements, "failures": results.failures}


def _cell(scenario: Scenario, contender: Contender, figure: Figure, results: Results) -> str:
    if not scenario.admits(contender, figure):
        return "-"
    if not contender.installed():
        return "not installed"
    values = results.samples.get((scenario.name, contender.name, figure))
    if not values:
        return "did not happen"
    return f"{sum(values):g} of {len(values)}" if figure in COUNTED else str(Spread.of(values))


def _verdict(target: Target, ours: Sequence[float]) -> str:
    return "met" if target.met(Spread.of(ours)) else "MISSED"


def _line(*cells: str) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, (*_WIDTHS, 0), strict=True)).rstrip()
