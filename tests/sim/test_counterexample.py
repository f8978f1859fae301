"""What broke a promise is kept in a file, and found again from that file alone."""

import re
from pathlib import Path

import pytest

from carpsim.checks import CHECKS
from carpsim.counterexample import rerun, write_counterexample
from carpsim.main import main
from carpsim.mistakes import ScenarioError
from carpsim.swarm import Outcome, examine, scenario_of, verdicts_on

from . import mutants
from .small_worlds import scenario

FIRST = 1000
"""The first seed of these tests."""


def test_a_drawn_scenario_runs_from_its_file_as_it_ran() -> None:
    """Whatever the swarm draws can be written; read again, each check finds the same, to the nanosecond."""
    for seed in range(FIRST, FIRST + 10):
        drawn = scenario_of(seed)
        found = tuple(map(str, verdicts_on(drawn, seed)))
        again = rerun(write_counterexample(drawn, seed, CHECKS), file="drawn.toml")
        assert again.recorded == again.given == found
        assert again.reproduced


def test_a_failure_is_saved_and_reproduced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file that the swarm saves shows the violation again; with a sound core it says that there is none."""
    with monkeypatch.context() as broken:
        mutants.never_yields(broken)
        failing = _first_failure()
        options = ["--first-seed", str(failing.seed), "--seeds", "1", "--save", str(tmp_path)]
        assert main(["check", *options, "--no-minimise"]) == 1
        path = tmp_path / f"seed-{failing.seed}.toml"
        assert f"carpsim replay {path}" in capsys.readouterr().out
        assert main(["replay", str(path)]) == 0
        told = capsys.readouterr().out
        assert re.search(rf"reproduced, with seed {failing.seed}:\n  one-holder: violated at ", told)
    assert main(["replay", str(path)]) == 1
    told = capsys.readouterr().out
    assert "NOT reproduced" in told
    assert "\n- one-holder: violated" in told
    assert "\n+ one-holder: held" in told


def _first_failure() -> Outcome:
    return next(
        outcome
        for outcome in map(examine, range(FIRST, FIRST + 300))
        if outcome.violations and outcome.violations[0].check == "one-holder"
    )


def test_another_version_is_named_when_something_else_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a file is not reproduced, it is told if another version wrote it."""
    text = write_counterexample(scenario(hosts=2), 0, ("one-holder",))
    path = tmp_path / "old.toml"
    path.write_text(
        re.sub("# triocarp .*", "# triocarp 0.0.1", text).replace("one-holder: held", "one-holder: kept")
    )
    assert main(["replay", str(path)]) == 1
    assert "it was written by version 0.0.1; this is " in capsys.readouterr().out


def test_a_scenario_without_verdicts_is_no_counterexample(tmp_path: Path) -> None:
    """A scenario that does not say what was found cannot be compared, and the sentence says what to do with it."""
    path = tmp_path / "plain.toml"
    path.write_text('[group]\naddresses = ["10.0.0.100/24"]\n[host.a]\n', encoding="utf-8")
    with pytest.raises(SystemExit, match=r"expected a counterexample.*carpsim run"):
        main(["replay", str(path)])


def test_a_check_that_does_not_exist_is_refused() -> None:
    """A file with checks that nobody knows is refused with those that there are."""
    text = write_counterexample(scenario(hosts=2), 0, ("one-holder",))
    with pytest.raises(
        ScenarioError, match=r'checks\[0\]: "one-folder": expected one of one-holder, .* did you mean one-holder'
    ):
        rerun(text.replace('"one-holder"', '"one-folder"'), file="wrong.toml")
