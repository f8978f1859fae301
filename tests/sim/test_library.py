import tomllib

import pytest

from carpsim.library import find_scenario, load_scenario, names
from carpsim.outcome import run_scenario
from carpsim.scenario_file import scenario_of, write_scenario


@pytest.mark.parametrize("name", names())
def test_each_scenario_does_what_its_file_expects(name: str) -> None:
    """A scenario of the library says what it shows, expects something, and that is so."""
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.description
    assert scenario.expectations
    assert not run_scenario(scenario).shortfalls


@pytest.mark.parametrize("name", names())
def test_each_scenario_can_be_written(name: str) -> None:
    """A scenario of the library is the same when it was written and read again."""
    scenario = load_scenario(name)
    assert scenario_of(tomllib.loads(write_scenario(scenario))) == scenario


def test_a_scenario_is_found_by_its_name_as_toml_has_it() -> None:
    """A sweep gets the tree of a scenario, and changes it."""
    tree = find_scenario("master-killed")
    tree["host"]["b"]["advskew"] = 7
    assert scenario_of(tree).hosts[1].config.virtual_hosts[0].advskew == 7
