"""Sweeps: every setting with every seed, complete and the same however and wherever it was run."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pyarrow.parquet
import pytest

from carpsim.commands import sweep as command
from carpsim.library import find_scenario
from carpsim.main import main
from carpsim.scenario_file import RATE_KEYS
from carpsim.summary import estimate, percentile, summarise
from carpsim.sweep import Range, Results, Run, Sweep, SweepError, carry_out, read_sweep, run_missing, with_settings
from carpsim.tables import write_tables

SCENARIO = """
duration = "20s"
[group]
addresses = ["10.0.0.100/24"]
[host.a]
[host.b]
advskew = 100
[client.user]
interval = "100ms"
[[fault]]
type = "crash"
host = "a"
at = "8s"
power = true
"""
SWEEP = """
scenario = "scenario.toml"
repetitions = 3
seed = 5
[parameters]
"host.b.advskew" = [10, 200]
"fault.0.at" = ["8s", "8.5s"]
"""
TIMEOUT_S = 60
P = ParamSpec("P")
T = TypeVar("T")


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep of twelve runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    path = tmp_path / "sweep.toml"
    path.write_text(SWEEP, encoding="utf-8")
    return path


class Interrupted(Executor):
    """Runs a few runs at once, in the place where they are asked for, and then no more."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def submit(self, fn: Callable[P, T], /, *arguments: P.args, **words: P.kwargs) -> Future[T]:
        """Run something, or fail as a pool does whose processes were killed."""
        future: Future[T] = Future()
        if self.left:
            self.left -= 1
            future.set_result(fn(*arguments, **words))
        else:
            future.set_exception(RuntimeError("the workers are gone"))
        return future


def runs_of(plan: Path) -> tuple[Run, ...]:
    """Return the runs of a sweep."""
    return tuple(read_sweep(plan, find_scenario).runs())


def test_every_setting_is_run_with_the_same_seeds(plan: Path) -> None:
    """The grid is complete and in order, and settings differ by what they do, not by their luck."""
    runs = runs_of(plan)
    assert [tuple(run.settings.values()) for run in runs[::3]] == [
        (10, "8s"),
        (10, "8.5s"),
        (200, "8s"),
        (200, "8.5s"),
    ]
    assert [run.repetition for run in runs] == [0, 1, 2] * 4
    seeds = [run.seed for run in runs]
    assert seeds == seeds[:3] * 4
    assert len(set(seeds)) == 3
    assert len({run.key for run in runs}) == 12


def test_ranges_are_drawn_from_anew_for_each_sample() -> None:
    """Every value lies in its range, and what one parameter draws does not depend on the others."""
    scenario = {"host": {"b": {"advskew": 0}}, "duration": "1s"}
    skew = Range(least=1, most=200, whole=True)
    share = Range(least=0.25, most=0.5, whole=False)
    alone = [
        run.settings for run in Sweep(scenario=scenario, parameters={"host.b.advskew": skew}, samples=50).runs()
    ]
    both = [
        run.settings
        for run in Sweep(scenario=scenario, parameters={"share": share, "host.b.advskew": skew}, samples=50).runs()
    ]
    drawn = [settings["host.b.advskew"] for settings in alone]
    assert drawn == [settings["host.b.advskew"] for settings in both]
    assert all(isinstance(value, int) and 1 <= value <= 200 for value in drawn)
    assert len(set(drawn)) > 25
    assert all(0.25 <= float(settings["share"]) <= 0.5 for settings in both)


def test_interrupted_sweep_goes_on_where_it_was(plan: Path, tmp_path: Path) -> None:
    """What was run is not run again, a half-written line is, and the tables are those of a sweep in one go."""
    runs, path = runs_of(plan), tmp_path / "runs.jsonl"
    with pytest.raises(RuntimeError, match="the workers are gone"):
        run_missing(runs, Results(path), Interrupted(5))
    known = len(path.read_text(encoding="utf-8").splitlines())
    assert 1 <= known <= 5
    with path.open("a", encoding="utf-8") as file:
        file.write('{"key": "torn')
    told: list[tuple[int, int]] = []
    counting = Interrupted(12)
    run_missing(runs, Results(path), counting, lambda done, total: told.append((done, total)))
    assert counting.left == known
    assert told[-1] == (12, 12)
    again = Results(path)
    assert [again[run] for run in runs] == [carry_out(run) for run in runs]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for directory, results in ((whole, [carry_out(run) for run in runs]), (parts, [again[run] for run in runs])):
        directory.mkdir()
        write_tables(results, directory)
    for name in ("runs.csv", "outages.csv", "runs.parquet", "outages.parquet"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes()


def test_command_writes_tables_figures_and_how_they_were_made(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row a run and one an outage, in both formats; what has been run is not run again."""
    monkeypatch.setattr(command, "workers", ThreadPoolExecutor)
    output = tmp_path / "out"
    arguments = ["sweep", str(plan), "-o", str(output), "--jobs", "2"]
    assert main(arguments) == 0
    assert "12 runs, 12 of them now" in capsys.readouterr().out
    table = pyarrow.parquet.read_table(output / "runs.parquet").to_pylist()
    assert len(table) == 12
    for row in table:
        # The master died at its power; the backup waits for the dead time after its last advertisement.
        longest = 3 + row["host.b.advskew"] / 256
        assert longest - 1 - 0.2 <= row["outage_max_s"] <= longest + 0.2
        assert row["takeovers"] == 2
    outages = pyarrow.parquet.read_table(output / "outages.parquet").to_pylist()
    assert len(outages) == sum(row["outages"] for row in table)
    assert {outage["client"] for outage in outages} == {"user"}
    for figure in ("outages.svg", "outages.png", "heat-map.svg", "heat-map.png"):
        assert (output / figure).stat().st_size > 5000
    manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["runs"], manifest["seed"]) == (12, 5)
    before = {name: (output / name).read_bytes() for name in ("runs.csv", "outages.svg")}
    assert main(arguments) == 0
    assert "12 runs, 0 of them now" in capsys.readouterr().out
    assert before == {name: (output / name).read_bytes() for name in before}
    plan.write_text(SWEEP.replace("repetitions = 3", "repetitions = 4"), encoding="utf-8")
    assert main(arguments) == 0
    assert "16 runs, 4 of them now" in capsys.readouterr().out
    manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["runs"] == 16
    assert [session["runs"] for session in manifest["sessions"]] == [12, 4]  # how all of them were made is known
    assert {"triocarp", "numpy"} <= manifest["sessions"][0]["packages"].keys()


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (("seed = 5", "seed = 6"), "another seed (5, not 6)"),
        (("scenario.toml", "one-host"), "another scenario ("),
    ],
)
def test_another_sweep_does_not_take_the_place_of_one(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: tuple[str, str], what: str
) -> None:
    """Tables that took hours are not overwritten by those of another seed, or of another scenario."""
    monkeypatch.setattr(command, "workers", ThreadPoolExecutor)
    plan.write_text(SWEEP.partition("[parameters]")[0].replace("= 3", "= 1"), encoding="utf-8")
    arguments = ["sweep", str(plan), "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    before = {file: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    plan.write_text(plan.read_text(encoding="utf-8").replace(*changed), encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert what in str(caught.value)
    assert before == {file: file.read_bytes() for file in (tmp_path / "out").iterdir()}


def test_directory_with_something_else_is_refused(plan: Path, tmp_path: Path) -> None:
    """A manifest that is none of ours is named."""
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(SystemExit, match=r"manifest\.json: expected the manifest of a sweep"):
        main(["sweep", str(plan), "-o", str(tmp_path)])


def test_every_wrong_value_is_told_before_anything_runs(plan: Path, tmp_path: Path) -> None:
    """A path that leads nowhere, a value of a list, the end of a range: a line each, and nothing is written."""
    wrong = """
        "host.z.advskew" = [1]
        "host.b.advskew" = [10, 300]
        "fault.0.at" = { least = 8, most = 99 }
    """
    plan.write_text(SWEEP.partition('"host.b')[0] + wrong, encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        main(["sweep", str(plan), "-o", str(tmp_path / "out")])
    lines = str(caught.value).splitlines()
    for line, words in zip(
        lines,
        (
            "parameters: host.z.advskew: there is no z in the scenario; there is a, b",
            'parameters."host.b.advskew" = 300: host.b.advskew: 300: expected a whole number from 0 to 255',
            'parameters."fault.0.at" = 99: fault[0].at: 99: expected an instant before the end, 20s',
        ),
        strict=True,
    ):
        assert words in line
    assert not (tmp_path / "out").exists()


@contextmanager
def dask_cluster(directory: Path) -> Generator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers, each a process of this machine; gives the address, and the workers."""
    found = directory / "scheduler.json"
    log = (directory / "dask.log").open("wb")
    options = ["--scheduler-file", str(found), "--no-dashboard"]

    def start(module: str, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *options, *more]
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)

    processes = [start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")]
    try:
        end = time.monotonic() + TIMEOUT_S
        while not found.exists():
            assert time.monotonic() < end, (directory / "dask.log").read_text()
            time.sleep(0.05)
        workers = [start("dask_worker", "--nthreads", "1", "--no-nanny") for _ in range(2)]
        processes += workers
        yield json.loads(found.read_text())["address"].removeprefix("tcp://"), workers
    finally:
        for process in processes:
            process.kill()  # a worker that has lost its scheduler would go on looking for it
            process.wait(timeout=TIMEOUT_S)
        log.close()


def test_cluster_that_loses_a_worker_gives_the_same_tables(plan: Path, tmp_path: Path) -> None:
    """A real Dask cluster runs it, one of two workers is killed half-way, and nothing is missing or different."""
    plan.write_text(SWEEP.replace("repetitions = 3", "repetitions = 50"), encoding="utf-8")
    runs, output = runs_of(plan), tmp_path / "cluster"
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}  # Dask's own
    with dask_cluster(tmp_path) as (address, workers):
        command = [sys.executable, "-m", "carpsim.main", "sweep", str(plan), "-o", str(output)]
        with subprocess.Popen([*command, "--executor", f"dask://{address}"], env=environment) as sweeping:
            end = time.monotonic() + TIMEOUT_S
            while sweeping.poll() is None and not _lines(output / "runs.jsonl") > 20:
                assert time.monotonic() < end, (tmp_path / "dask.log").read_text()
                time.sleep(0.01)
            assert sweeping.poll() is None, "the sweep was over before a worker could be killed"
            workers[0].send_signal(signal.SIGKILL)
            assert sweeping.wait(timeout=TIMEOUT_S) == 0
    here = tmp_path / "here"
    here.mkdir()
    write_tables([carry_out(run) for run in runs], here)
    for name in ("runs.csv", "outages.csv", "runs.parquet", "outages.parquet"):
        assert (output / name).read_bytes() == (here / name).read_bytes()


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_cluster_that_is_not_there_is_told(plan: Path, tmp_path: Path) -> None:
    """The address is that of the scheduler which was asked for, and not the standard output's."""
    config = pytest.importorskip("dask.config")
    pytest.importorskip("distributed")
    with socket.socket() as nobody, config.set({"distributed.comm.timeouts.connect": "200ms"}):
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        where = f"dask://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(SystemExit) as caught:
            main(["sweep", str(plan), "-o", str(tmp_path / "there"), "--executor", where])
    assert str(caught.value).startswith(f"carpsim sweep: --executor {where}: no scheduler can be reached: ")


def test_every_mistake_of_a_sweep_is_told_at_once(tmp_path: Path) -> None:
    """Each with the file, the key, the value and what would be right."""
    path = tmp_path / "sweep.toml"
    path.write_text(
        'scenario = 3\nrepetitions = 0\nfoo = 1\n[parameters]\n"host.b.advskew" = []\n', encoding="utf-8"
    )
    with pytest.raises(SweepError) as caught:
        read_sweep(path, find_scenario)
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    for line, words in zip(
        lines, ("foo: unknown", "repetitions = 0", '"host.b.advskew" = []', "scenario = 3"), strict=True
    ):
        assert str(path) in line
        assert words in line


@pytest.mark.parametrize("values", ["[10, 200, 10]", '["8s", "8s"]', "[1, 1.0]", "[true, true]"])
def test_value_that_is_there_twice_is_refused(plan: Path, values: str) -> None:
    """It would be run with the same seeds, and its runs counted twice: an interval that is too narrow."""
    plan.write_text(SWEEP.replace("[10, 200]", values), encoding="utf-8")
    with pytest.raises(SweepError, match=r"expected each value once: .* is there more than once"):
        read_sweep(plan, find_scenario)


def test_true_is_not_1(plan: Path) -> None:
    """Two values that Python takes for one are told as what they are: of which one is wrong."""
    plan.write_text(SWEEP.replace("[10, 200]", "[1, true]"), encoding="utf-8")
    with pytest.raises(
        SweepError, match=r'parameters\."host\.b\.advskew" = True: host\.b\.advskew: true: expected'
    ):
        read_sweep(plan, find_scenario)


def test_mistake_is_told_of_whom_it_is(plan: Path) -> None:
    """The scenario's own, whatever the parameters; else the parameter's, though it stands behind another one."""
    scenario = Path("scenario.toml")
    scenario.write_text(SCENARIO.replace('at = "8s"', 'at = "8s"\nwho = "a"'), encoding="utf-8")
    wrong = '"fault.0.power" = [true, false]\n"host.b.advskew" = [300, 10]\nhost = [{}]\n'
    plan.write_text("foo = 1\n" + SWEEP.partition('"host.b')[0] + wrong, encoding="utf-8")
    with pytest.raises(SweepError) as caught:
        read_sweep(plan, find_scenario)
    assert [line.removeprefix(f"{plan}: ") for line in str(caught.value).splitlines()] == [
        "foo: unknown; known are parameters, repetitions, samples, scenario, seed",
        'parameters."host" = [{}]: expected a list of values, or { least = NUMBER, most = NUMBER }',
        'parameters."host.b.advskew" = 300: host.b.advskew: 300: expected a whole number from 0 to 255',
        "scenario: its own file, whatever the parameters: fault[0].who: there is no such key; known are "
        + ", ".join(("at", "host", "power", "restart_after", *RATE_KEYS)),
    ]


def test_mistake_that_a_parameter_mends_is_none(plan: Path) -> None:
    """A scenario need not say what each of its runs is told."""
    Path("scenario.toml").write_text(SCENARIO.replace('at = "8s"\n', ""), encoding="utf-8")
    assert len(runs_of(plan)) == 12


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('scenario = "scenario.toml"\nparameters = 3\n', "parameters = 3: expected a table"),
        ('scenario = "nowhere.toml"\nseed = -1\n', "seed = -1: expected a whole number from 0 on"),
        ('scenario = "nowhere.toml"\n', "scenario = 'nowhere.toml': nowhere.toml: no such file"),
        ("scenario = \n", "not TOML"),
    ],
)
def test_sweep_that_is_none_is_told(plan: Path, text: str, words: str) -> None:
    """A line each, with the file."""
    plan.write_text(text, encoding="utf-8")
    with pytest.raises(SweepError) as caught:
        read_sweep(plan, find_scenario)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{plan}: ") for line in lines)
    assert words in lines[0]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("host.z.advskew", "host.z.advskew: there is no z in the scenario; there is a, b"),
        ("fault.3.at", "fault.3.at: there is no 3 in the scenario; there is 0 to 0"),
    ],
)
def test_setting_that_leads_nowhere_is_refused(setting: str, expected: str) -> None:
    """The path is named, how far it led, and what there is."""
    scenario: dict[str, Any] = {"host": {"a": {}, "b": {}}, "fault": [{}]}
    with pytest.raises(SweepError, match=f"^{expected}$"):
        with_settings(scenario, {setting: 1})


def test_bootstrap_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of many samples of a known distribution, about 95 of 100 intervals of the median hold its median."""
    held = 0
    for number in range(200):
        sample = [(number * 7919 + place * 104_729) % 1000 for place in range(60)]
        found = estimate(sample, percentile(50), seed=number)
        held += found.low <= 500 <= found.high
        assert found.low <= found.value <= found.high
    assert held >= 170


def test_summary_has_a_group_for_each_setting(plan: Path) -> None:
    """The longest outages of its runs, and how often two hosts had the address."""
    results = [carry_out(run) for run in runs_of(plan)]
    groups = summarise(results, ("host.b.advskew", "fault.0.at"))
    assert [group.runs for group in groups] == [3] * 4
    assert all(group.several_holders.value == 0 for group in groups)
    assert groups[2].median.value > groups[0].median.value
