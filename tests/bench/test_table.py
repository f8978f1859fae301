from __future__ import annotations

from tests.bench import table
from tests.bench.campaign import Results
from tests.bench.figures import Figure
from tests.bench.scenarios import BY_NAME, SCENARIOS
from tests.bench.spread import FOREVER

WIDEST = 120


def results() -> Results:
    """Give results with the widest numbers, among which there is no end."""
    gathered = Results()
    for scenario in SCENARIOS:
        for name in scenario.contenders:
            samples = {(name, figure): [12345.0, 23456.0, 34567.0] for figure in scenario.figures}
            gathered.add(scenario.name, samples)
    return gathered


def test_the_table_fits_a_terminal() -> None:
    """No line is wider than 120 columns, and every scenario and figure has its line, in one of three tables."""
    lines = list(table.lines(SCENARIOS, results(), 10))

    assert max(map(len, lines)) <= WIDEST
    assert len(lines) == 1 + 3 * 2 + sum(1 + len(scenario.figures) for scenario in SCENARIOS)


def test_a_missed_target_and_what_did_not_happen_are_told() -> None:
    """The verdict is about carpd's own figures; a figure without measurements says so."""
    scenario = BY_NAME["daemon-killed"]
    gathered = Results()
    gathered.add(scenario.name, {("carpd", Figure.BOTH_ANSWER): [0.5, FOREVER]})
    line = list(table.lines([scenario], gathered, 2))[-1]

    assert "did not happen" in line or "not installed" in line
    assert line.endswith("MISSED")
    assert table.as_json(gathered)["measurements"] == {
        "daemon-killed": {"carpd": {"two hosts answer for, s": [0.5, None]}}
    }
