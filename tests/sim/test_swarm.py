"""``carpsim check``: seeds pass with the sound core, and a broken one is found, made small, and drawn."""

import pytest

from carpsim.commands.check import fails
from carpsim.faults import ClockDrift, Crash, Fault, Partition, Pause
from carpsim.main import main
from carpsim.minimising import minimise
from carpsim.scenario import Scenario
from carpsim.swarm import (
    Outcome,
    differences,
    digest_of,
    examine,
    examine_all,
    first_difference,
    trace_of,
)
from carpsim.timeline import Timeline
from carpsim.world import World
from triocarp.core.timing import SECOND

from . import mutants
from .small_worlds import scenario

FIRST = 1000
"""The first seed of these tests."""

ONCE_FAILED = (
    511402,
    511878,
    9004723,
    9009702,
    9012278,
    9013804,
    9015000,
    9016337,
    20002147,
    20006174,
    20011891,
    30011110,
    30015667,
    30015679,
    30016188,
    50004788,
)
"""Seeds that have shown a fault of the core or of a check."""

MISCHIEF: tuple[Fault, ...] = (
    Partition(at=8_123_456_789, parts=(("a", "b"), ("c", "client-1")), duration=6_300_000_000),
    Pause(at=9_000_000_001, host="b", duration=SECOND),
    ClockDrift(at=10 * SECOND, host="c", drift_ppm=20),
    Crash(at=16 * SECOND, host="b", restart_after=SECOND),
)


@pytest.mark.parametrize("first", range(FIRST, FIRST + 100, 25))
def test_seeds_pass(first: int) -> None:
    """A hundred seeds, in the same order each time."""
    assert [outcome for outcome in map(examine, range(first, first + 25)) if not outcome.passed] == []


@pytest.mark.parametrize("seed", ONCE_FAILED)
def test_seeds_that_once_failed_pass(seed: int) -> None:
    """What was mended stays so."""
    assert examine(seed).violations == ()


def test_processes_find_what_one_finds() -> None:
    """Every seed comes back once, whoever ran it."""
    seeds = range(FIRST, FIRST + 30)
    outcomes = sorted(examine_all(seeds, workers=2), key=lambda outcome: outcome.seed)
    assert outcomes == [examine(seed) for seed in seeds]


@pytest.mark.parametrize(
    "mutant",
    [
        mutants.never_yields,
        mutants.yields_late,
        mutants.believes_everybody,
        mutants.goodbye_before_release,
        mutants.never_announces,
        mutants.never_renews,
        mutants.leases_for_ever,
        mutants.never_times_out,
        mutants.never_preempts,
        mutants.impatient,
    ],
)
def test_swarm_finds_mutants(mutant: mutants.Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken core does not survive three hundred seeds."""
    mutant(monkeypatch)
    assert any(examine(seed).violations for seed in range(FIRST, FIRST + 300))


def test_failure_of_the_simulator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed that the simulator cannot run has failed as well, and says how."""

    def fail(seed: int) -> Scenario:
        raise ValueError(f"no scenario for {seed}")

    monkeypatch.setattr("carpsim.swarm.scenario_of", fail)
    assert examine(3) == Outcome(seed=3, error="ValueError: no scenario for 3")


def test_minimised_scenario_keeps_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four faults and three hosts, two masters that do not yield need one partition and two hosts."""
    mutants.never_yields(monkeypatch)
    drawn = scenario(*MISCHIEF, hosts=3)
    small = minimise(drawn, lambda candidate: fails(candidate, 0, "one-holder"))
    assert fails(small, 0, "one-holder")
    assert len(small.hosts) == 2
    assert small.clients == ()
    assert len(small.faults) <= 1
    assert small.duration < drawn.duration


def test_what_cannot_be_run_does_not_fail() -> None:
    """A minimised scenario may make no sense; that is not what is looked for."""
    nonsense = scenario(Pause(at=SECOND, host="nobody", duration=SECOND))
    assert not fails(nonsense, 0, "one-holder")


def test_timeline_shows_each_host_and_client() -> None:
    """Lanes: who is master, when a host stands still, which probes were lost; and each change below them."""
    timeline = Timeline()
    assert timeline.draw() == ""
    World(scenario(Pause(at=10 * SECOND, host="a", duration=10 * SECOND)), watchers=(timeline,)).run()
    ruler, a, b, client, *_, last = timeline.draw(width=30).splitlines()
    assert ruler.endswith("30 s")
    assert a == "a        ...#######ZZzzzzzzzz##########"
    assert b == "b        ............########.........."
    assert client.startswith("client-1 xxx+++++++")
    assert last.endswith("b: MASTER to BACKUP, more frequent advertisement received")


def test_command_says_how_to_have_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failure names its seed, the command, the verdict; it is minimised and drawn, and the exit status is 1."""
    mutants.never_announces(monkeypatch)
    assert main(["check", "--seeds", "1", "--first-seed", str(FIRST)]) == 1
    said = capsys.readouterr().out
    assert f"carpsim check --first-seed {FIRST} --seeds 1" in said
    assert "announces-in-time: violated at" in said
    assert "Minimised: announces-in-time" in said
    assert "master with the address" in said
    assert "1 seed in" in said


def test_command_is_content(capsys: pytest.CaptureFixture[str]) -> None:
    """Seeds that pass make an exit status of 0; a time may stand in the place of a number."""
    assert main(["check", "--seeds", "1", "--first-seed", str(FIRST)]) == 0
    assert main(["check", "--time", "0.5", "--workers", "1"]) == 0
    assert "0 failed" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="not both"):
        main(["check", "--time", "1", "--seeds", "1"])
    with pytest.raises(SystemExit, match="takes --seeds"):
        main(["check", "--time", "1", "--check-determinism"])


def test_seeds_are_the_same_in_every_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Processes whose hashes differ make the same traces."""
    assert main(["check", "--check-determinism", "--seeds", "4", "--workers", "2"]) == 0
    assert "4 the same, 0 different" in capsys.readouterr().out
    assert list(differences((FIRST,), workers=1)) == []


def test_first_difference_is_shown() -> None:
    """The number of the line and both of them; an end counts as an empty line."""
    assert first_difference(["a", "b"], ["a", "b"]) is None
    assert first_difference(["a", "b"], ["a", "c"]) == (2, ("b", "c"))
    assert first_difference(["a"], ["a", "c"]) == (2, ("", "c"))
    assert trace_of(FIRST) == trace_of(FIRST)
    assert digest_of(FIRST) == digest_of(FIRST)
