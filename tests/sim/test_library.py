import re
import tomllib
from pathlib import Path

import pytest

from carpsim.checks import violated
from carpsim.library import find_scenario, load_scenario, names
from carpsim.outcome import run_scenario
from carpsim.scenario_file import scenario_of, write_scenario


@pytest.mark.parametrize("name", names())
def test_each_scenario_does_what_its_file_expects(name: str) -> None:
    """A scenario of the library says what it shows, expects something, and that is so; no check is violated."""
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.description
    assert scenario.expectations
    outcome = run_scenario(scenario)
    assert not outcome.shortfalls
    assert not violated(outcome.verdicts)


@pytest.mark.parametrize("name", names())
def test_each_scenario_can_be_written(name: str) -> None:
    """A scenario of the library is the same when it was written and read again."""
    scenario = load_scenario(name)
    assert scenario_of(tomllib.loads(write_scenario(scenario))) == scenario


PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"
ROWS = {
    int(row): re.findall(r"`([a-z0-9-]+)`", scenarios)
    for row, scenarios in re.findall(
        r"^\| (\d+) \|.*\| ([^|]*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
}
"""What stands in the table of the page: the scenarios of each row."""


def test_every_row_has_scenarios_that_say_so() -> None:
    """The 19 rows of what is worth reproducing are there, each with scenarios of the library that name it."""
    assert list(ROWS) == list(range(1, 20))
    for row, scenarios in ROWS.items():
        assert scenarios
        for name in scenarios:
            description = load_scenario(name).description
            assert re.search(rf"row {row}\b", description) or name in OF_NO_ROW, (row, name)
        assert any(f"row {row}" in load_scenario(name).description for name in scenarios)


OF_NO_ROW = ("three-way-tie", "asymmetric-partition")
"""Scenarios that show more of what a row is about, and are not it."""


def test_every_scenario_is_on_the_page_and_in_its_row() -> None:
    """Whoever reads the page finds the whole library, and the row that a description names."""
    text = PAGE.read_text(encoding="utf-8").partition("## The library")[2].partition("\n## ")[0]
    for name in names():
        assert f"`{name}`" in text, name
        row = re.search(r"row (\d+)", load_scenario(name).description)
        assert row is None or name in ROWS[int(row[1])], name


def test_a_scenario_is_found_by_its_name_as_toml_has_it() -> None:
    """A sweep gets the tree of a scenario, and changes it."""
    tree = find_scenario("master-killed")
    tree["host"]["b"]["advskew"] = 7
    assert scenario_of(tree).hosts[1].config.virtual_hosts[0].advskew == 7
