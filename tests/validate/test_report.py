from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from tests.validate import report
from tests.validate.campaign import Pair, Results
from tests.validate.comparison import Verdict
from tests.validate.scene import Measure
from tests.validate.scenes import BY_NAME

if TYPE_CHECKING:
    from pathlib import Path

CRASH, KILL = BY_NAME["crash carpd/ucarp"], BY_NAME["kill ucarp/ucarp"]


@pytest.fixture
def results() -> Results:
    """Give what two scenes came to, of which one differs: twenty pairs each."""
    crash = [
        Pair(phases={"fault": 0.1}, real={Measure.OUTAGE: 2000 + n}, simulated={Measure.OUTAGE: 2001 + n})
        for n in range(20)
    ]
    kill = [
        Pair(
            phases={"fault": 0.1},
            real={Measure.TWO_HOLDERS: 3000 + n, Measure.OUTAGE: 0},
            simulated={Measure.TWO_HOLDERS: n, Measure.OUTAGE: 0},
        )
        for n in range(20)
    ]
    return Results(pairs={CRASH.name: crash, KILL.name: kill})


def test_table_has_a_line_for_each_measure(results: Results) -> None:
    """With both sides, the difference within the pairs, and what follows."""
    rows = report.rows([CRASH, KILL], results)

    assert [row.comparison.verdict for row in rows] == [Verdict.NEAR, Verdict.DIFFERENT, Verdict.SAME]
    assert list(report.lines(rows))[2] == (
        "| crash carpd/ucarp | 20 | outage | 2000 / 2010 / 2019 | 2001 / 2010 / 2020 | -1.0 (-1.0 to -1.0) "
        "| 0.05 | 1.000 | within bound |"
    )


def test_table_leaves_out_what_never_happened(results: Results) -> None:
    """The failure is told elsewhere."""
    results.pairs[CRASH.name] = []

    assert {row.scene.name for row in report.rows([CRASH, KILL], results)} == {KILL.name}


def test_all_single_measurements_are_written(results: Results, tmp_path: Path) -> None:
    """A line for each measure of each pair."""
    report.write_csv(results.pairs, tmp_path / "pairs.csv")
    with (tmp_path / "pairs.csv").open(encoding="ascii") as file:
        lines = list(csv.DictReader(file))

    assert len(lines) == 60
    assert lines[0] == {
        "scene": CRASH.name,
        "repetition": "0",
        "phases": "fault=0.1000",
        "measure": "outage",
        "real_ms": "2000.000",
        "simulated_ms": "2001.000",
    }


def test_figure_is_the_same_for_the_same_data(results: Results, tmp_path: Path) -> None:
    """Byte for byte, so that it can be committed; with room where a pair was not played."""
    rows = report.rows([CRASH, KILL], results)
    for name in ("one", "other"):
        report.draw(rows, tmp_path / name)

    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
    assert (tmp_path / "one.png").stat().st_size > 1000
