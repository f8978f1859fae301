"""A sweep: one scenario under many settings, each repeated with many seeds; one row a run, and one an outage.

What has been run is appended to ``runs.jsonl`` in the sweep's directory as soon as it is known, under a key that
names the release, the scenario with its settings, and the seed. So a sweep that was stopped, or lost its workers,
goes on where it was, and one that was extended runs only what is missing.
"""

import copy
import hashlib
import itertools
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, wait
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any, Final, TypeAlias, final

from carpsim.measurement import Measurement
from carpsim.mistakes import ScenarioError
from carpsim.named_file import open_text, synchronise
from carpsim.randomness import stream, stream_seed, uniform
from carpsim.scenario_file import scenario_of
from carpsim.trace import RELEASE
from carpsim.world import World
from triocarp.core.timing import SECOND
from triocarp.daemon.text_file import TextFileError, read_text_file

Tree: TypeAlias = dict[str, Any]  # TOML, as tomllib gives it
Value: TypeAlias = str | int | float | bool
Row: TypeAlias = dict[str, Value | None]
Finder: TypeAlias = Callable[[str], Tree]
Progress: TypeAlias = Callable[[int, int], None]

_SEED_BITS: Final = 2**63
_IN_FLIGHT: Final = 64  # runs that wait for a worker; more would only fill its memory


class SweepError(ValueError):
    """Raised when a sweep cannot be made of what was asked; its text says what would be right."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Values of a random design: each run draws one.

    Attributes:
        least: the smallest.
        most: the largest.
        whole: whether they are whole numbers.
    """

    least: float
    most: float
    whole: bool

    def draw(self, seed: int, sample: int, path: str) -> Value:
        """Return the value of one sample.

        Args:
            seed: of the sweep.
            sample: number of the sample.
            path: of the parameter.
        """
        rng = stream(seed, "sample", str(sample), path)
        if self.whole:
            return uniform(rng, int(self.least), int(self.most))
        return self.least + (self.most - self.least) * rng.random()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What shall be run.

    Attributes:
        scenario: a scenario file as TOML has it.
        parameters: the values of each setting, by its path in the scenario file: ``host.b.advskew``,
            ``fault.0.duration``. Lists make a grid; ranges are drawn from.
        repetitions: how often each setting is run.
        samples: how often ranges are drawn from, with each point of the grid.
        seed: of all that is left to chance. Every setting is run with the same seeds, so that settings differ by
            what they do, and not by their luck.
    """

    scenario: Tree
    parameters: Mapping[str, tuple[Value, ...] | Range]
    repetitions: int = 1
    samples: int = 1
    seed: int = 0

    def runs(self) -> Iterator["Run"]:
        """Yield all runs, in the order of the table."""
        listed = {path: values for path, values in self.parameters.items() if not isinstance(values, Range)}
        drawn = {path: values for path, values in self.parameters.items() if isinstance(values, Range)}
        samples = range(self.samples if drawn else 1)
        for point, sample in itertools.product(itertools.product(*listed.values()), samples):
            settings: dict[str, Value] = dict(zip(listed, point, strict=True))
            settings |= {path: values.draw(self.seed, sample, path) for path, values in drawn.items()}
            settings = {path: settings[path] for path in self.parameters}
            tree = with_settings(self.scenario, settings)
            for repetition in range(self.repetitions):
                seed = stream_seed(self.seed, "repetition", str(repetition)) % _SEED_BITS
                yield Run(scenario=tree, settings=settings, repetition=repetition, seed=seed)

    def mistakes(self) -> Iterator[str]:
        """Yield what is wrong with the settings, before anything runs.

        Each value is tried with the first one of all others; of a range its ends are.
        """
        tried = {
            path: (values.least, values.most) if isinstance(values, Range) else values
            for path, values in self.parameters.items()
        }
        first = {path: values[0] for path, values in tried.items()}
        for path in tried:
            try:
                with_settings(self.scenario, {path: first[path]})
            except SweepError as error:
                del first[path]
                yield f"parameters: {error}"
        own = self._wrong_with({})
        found: dict[str, list[tuple[str, Value]]] = {}
        for setting, value in [(path, value) for path in first for value in tried[path]]:
            for line in self._wrong_with(first | {setting: value}):
                found.setdefault(line, []).append((setting, value))
        for line in found if first else own:
            if line in own:
                yield f"scenario: its own file, whatever the parameters: {line}"
                continue
            # What is wrong with one parameter shows with each value of all others, too.
            several = found[line]
            alone = (one for one in several if line in self._wrong_with(dict([one])))
            setting, value = next(alone, several[0])
            yield f'parameters."{setting}" = {value!r}: {line}'

    def _wrong_with(self, settings: Mapping[str, Value]) -> tuple[str, ...]:
        """Return what is wrong with the scenario under these settings, which lead somewhere."""
        try:
            scenario_of(with_settings(self.scenario, settings), seed=self.seed)
        except ScenarioError as error:
            return error.lines
        return ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a sweep.

    Attributes:
        scenario: with its settings, as TOML has it.
        settings: the value of each parameter.
        repetition: its number, from 0.
        seed: of the world.
    """

    scenario: Tree
    settings: Mapping[str, Value]
    repetition: int
    seed: int

    @property
    def key(self) -> str:
        """What names its result: 32 hexadecimal digits of everything on which that depends."""
        text = json.dumps([RELEASE, self.scenario, dict(self.settings), self.seed], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came out of one run.

    Attributes:
        key: of the run.
        row: of the table of runs.
        outages: rows of the table of outages.
    """

    key: str
    row: Row
    outages: tuple[Row, ...]


def read_sweep(path: Path, find: Finder) -> Sweep:
    """Read what shall be run from a TOML file, and try all its settings.

    ::

        scenario = "split-brain-and-heal"     # of the library, or a file
        repetitions = 100
        seed = 1

        [parameters]
        "group.advbase" = [1, 2]
        "host.b.advskew" = { least = 1, most = 200 }

    Args:
        path: of the file.
        find: returns the TOML of a scenario by its name or path.

    Raises:
        SweepError: with one line for each mistake.
    """
    known = {"scenario", "repetitions", "samples", "seed", "parameters"}
    try:
        told = tomllib.loads(read_text_file(path))
    except TextFileError as error:
        raise SweepError(f"{path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SweepError(f"{path}: not TOML: {error}") from None
    mistakes = [f"{key}: unknown; known are {', '.join(sorted(known))}" for key in told if key not in known]
    numbers: dict[str, int] = {}
    for key, least, default in (("repetitions", 1, 1), ("samples", 1, 1), ("seed", 0, 0)):
        value = told.get(key, default)
        numbers[key] = value
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            mistakes.append(f"{key} = {value!r}: expected a whole number from {least} on")
            numbers[key] = default
    parameters = _parameters(told.get("parameters", {}), mistakes)
    sweep: Sweep | None = None
    name = told.get("scenario")
    try:
        if isinstance(name, str):
            sweep = Sweep(scenario=find(name), parameters=parameters, **numbers)
            mistakes += sweep.mistakes()
        else:
            mistakes.append(f"scenario = {name!r}: expected a name of the library or a file")
    except ScenarioError as error:
        mistakes += [f"scenario = {name!r}: {line}" for line in error.lines]
    if sweep is None or mistakes:
        raise SweepError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    return sweep


def with_settings(scenario: Tree, settings: Mapping[str, Value]) -> Tree:
    """Return a scenario with other settings.

    Args:
        scenario: as TOML has it.
        settings: values by their paths.

    Raises:
        SweepError: a path leads nowhere.
    """
    changed = copy.deepcopy(scenario)
    for path, value in settings.items():
        *ahead, last = path.split(".")
        place: Any = changed
        for part in ahead:
            place = _step(place, part, path)
        if isinstance(place, list):
            _step(place, last, path)
            place[int(last)] = value
        else:
            place[last] = value
    return changed


def carry_out(run: Run) -> Result:
    """Run one run of a sweep. A worker process does this.

    Args:
        run: which.
    """
    measurement = Measurement()
    world = World(scenario_of(run.scenario, seed=run.seed), seed=run.seed, watchers=(measurement,))
    world.run()
    measurement.finish()
    base: Row = {"run": run.key, **run.settings, "repetition": run.repetition, "seed": run.seed}
    end = world.scenario.duration
    outages: list[Row] = []
    for client, found in measurement.outages.items():
        for outage in found:
            length = (end if outage.end is None else outage.end) - outage.begin
            outages.append(
                {
                    **base,
                    "client": client,
                    "begin_s": outage.begin / SECOND,
                    "length_s": length / SECOND,
                    "ended": outage.end is not None,
                    "lost": outage.lost,
                }
            )
    lengths = [float(row["length_s"] or 0) for row in outages]
    holdings = measurement.holdings.values()
    row: Row = {
        **base,
        "transitions": measurement.transitions,
        "takeovers": measurement.takeovers,
        "holders_max": max((holding.most for holding in holdings), default=0),
        "several_holders_s": max((holding.several for holding in holdings), default=0) / SECOND,
        "no_holder_s": max((holding.nobody for holding in holdings), default=0) / SECOND,
        "outages": len(outages),
        "outage_max_s": max(lengths, default=0.0),
        "outage_total_s": fsum(lengths),
    }
    return Result(key=run.key, row=row, outages=tuple(outages))


@final
class Results:
    """What has been run so far: a file to which lines are only appended.

    Args:
        path: of the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Result] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                if not line.endswith("\n"):
                    # The last run was not written whole; it is run again, on a line of its own.
                    with open_text(path, "a") as file:
                        file.write("\n")
                    break
                self._learn(line)

    def __getitem__(self, run: Run) -> Result:
        return self._known[run.key]

    def __contains__(self, run: Run) -> bool:
        return run.key in self._known

    def add(self, result: Result) -> None:
        """Write down what came out of a run.

        Args:
            result: it.
        """
        self._known[result.key] = result
        line = json.dumps({"key": result.key, "row": result.row, "outages": list(result.outages)})
        with open_text(self._path, "a") as file:
            file.write(f"{line}\n")
            synchronise(file)

    def _learn(self, line: str) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return  # the torn end of an earlier time
        self._known[told["key"]] = Result(key=told["key"], row=told["row"], outages=tuple(told["outages"]))


def run_missing(
    runs: Sequence[Run], results: Results, executor: Executor, progress: Progress | None = None
) -> None:
    """Run what has not been run.

    Args:
        runs: of the sweep.
        results: what has been run; is added to.
        executor: any: processes of this machine, a Dask cluster.
        progress: is told after each run how many are done.
    """
    missing = [run for run in runs if run not in results]
    done = len(runs) - len(missing)
    waiting = iter(missing)
    in_flight = {executor.submit(carry_out, run) for run in itertools.islice(waiting, _IN_FLIGHT)}
    while in_flight:
        finished, in_flight = wait(in_flight, return_when=FIRST_COMPLETED)
        # What has come out is kept, whatever has become of the others.
        failed = [future for future in finished if future.exception() is not None]
        for future in finished:
            if future not in failed:
                results.add(future.result())
                done += 1
        if progress is not None:
            progress(done, len(runs))
        for future in failed:
            future.result()  # raises what it failed with
        in_flight |= {executor.submit(carry_out, run) for run in itertools.islice(waiting, len(finished))}


def _step(place: Any, part: str, path: str) -> Any:  # noqa: ANN401 - what TOML gives
    """Return what stands one step further along a path.

    Raises:
        SweepError: nothing does.
    """
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return place[int(part)]
    if isinstance(place, dict) and part in place:
        return place[part]
    there = (
        f"0 to {len(place) - 1}"
        if isinstance(place, list)
        else ", ".join(place)
        if isinstance(place, dict)
        else ""
    )
    raise SweepError(f"{path}: there is no {part} in the scenario; there is {there or 'nothing'}")


def _parameters(listed: Any, mistakes: list[str]) -> dict[str, tuple[Value, ...] | Range]:  # noqa: ANN401 - what TOML gives
    """Return the parameters that can be read, and take note of what is wrong with the others."""
    parameters: dict[str, tuple[Value, ...] | Range] = {}
    if not isinstance(listed, dict):
        mistakes.append(f"parameters = {listed!r}: expected a table [parameters]")
        listed = {}
    for setting, values in listed.items():
        try:
            parameters[setting] = _values(values)
        except SweepError as error:
            mistakes.append(f'parameters."{setting}" = {values!r}: expected {error}')
    return parameters


def _values(told: Any) -> tuple[Value, ...] | Range:  # noqa: ANN401 - what TOML gives
    """Return the values of a parameter.

    Raises:
        SweepError: they are none; its text says what would be right.
    """
    if isinstance(told, list) and told and all(isinstance(value, str | int | float) for value in told):
        twice = next((value for index, value in enumerate(told) if _is_among(value, told[:index])), None)
        if twice is not None:
            # The seeds would be the same as well: a sample that is twice as large, and no better.
            raise SweepError(f"each value once: {twice!r} is there more than once")
        return tuple(told)
    if isinstance(told, dict) and told.keys() == {"least", "most"}:
        ends = told["least"], told["most"]
        if all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends) and ends[0] <= ends[1]:
            return Range(least=ends[0], most=ends[1], whole=all(isinstance(end, int) for end in ends))
    raise SweepError("a list of values, or { least = NUMBER, most = NUMBER }")


def _is_among(value: Value, others: Sequence[Value]) -> bool:
    """Return whether a value is one of several; Python takes true for 1."""
    return any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in others)
