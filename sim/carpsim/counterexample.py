"""A scenario in which a promise was broken, as a file that says so: run again, it must be broken in the same way.

The file is a scenario file with its seed and its checks. Comments at its head say what ran and what was found.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, final

from carpsim.checks import CHECKS, Checks, Verdict
from carpsim.scenario import Scenario
from carpsim.scenario_file import parse_scenario, write_scenario
from carpsim.trace import RELEASE
from carpsim.world import World

_RELEASE: Final = "# triocarp "
_VERDICT: Final = "# verdict: "


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What a scenario file said that its checks had found, and what they find now.

    Attributes:
        scenario: that was run.
        release: version that wrote the file; empty if it does not say so.
        recorded: one line for each verdict that the file has.
        given: one line for each verdict of this run.
    """

    scenario: Scenario
    release: str
    recorded: tuple[str, ...]
    given: tuple[str, ...]

    @property
    def reproduced(self) -> bool:
        """Whether it was found again, word by word."""
        return self.recorded == self.given


def write_counterexample(scenario: Scenario, seed: int, checks: Iterable[str]) -> str:
    """Return a file with which a run can be had again, and what its checks find.

    Args:
        scenario: it.
        seed: of the run.
        checks: names of those that look on.

    Raises:
        ValueError: the scenario has something that no file can say.
    """
    told = replace(scenario, seed=seed, checks=tuple(checks))
    found = (f"{_VERDICT}{verdict}" for verdict in _verdicts(told))
    return "\n".join((f"{_RELEASE}{RELEASE}", *found, "", write_scenario(told)))


def rerun(text: str, *, file: str) -> Rerun:
    """Run a scenario file again.

    Args:
        text: as `write_counterexample` has written it.
        file: its name, for mistakes.

    Raises:
        ScenarioError: with a line for every mistake that was found.
    """
    scenario = parse_scenario(text, file=file)
    head = text.splitlines()
    return Rerun(
        scenario=scenario,
        release=next((line.removeprefix(_RELEASE) for line in head if line.startswith(_RELEASE)), ""),
        recorded=tuple(line.removeprefix(_VERDICT) for line in head if line.startswith(_VERDICT)),
        given=tuple(map(str, _verdicts(scenario))),
    )


def _verdicts(scenario: Scenario) -> tuple[Verdict, ...]:
    checks = Checks(CHECKS if scenario.checks is None else scenario.checks)
    World(scenario, seed=scenario.seed, watchers=(checks,)).run()
    return checks.verdicts()
