"""Scenarios that are delivered with the simulator, one file each."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from carpsim.mistakes import ScenarioError
from carpsim.scenario import Scenario
from carpsim.scenario_file import parse_scenario, parse_tree, read_scenario, read_tree

_SUFFIX = ".toml"


def names() -> tuple[str, ...]:
    """Return the names of all scenarios, sorted."""
    found = (file.name for file in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def text_of(name: str) -> str:
    """Return the file of a scenario.

    Args:
        name: one of `names`.
    """
    return files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8")


def find_scenario(name_or_path: str) -> dict[str, Any]:
    """Return a scenario as TOML has it.

    Args:
        name_or_path: a name of the library, or the path of a file.

    Raises:
        ScenarioError: there is none, or it is not TOML.
    """
    if name_or_path in names():
        return parse_tree(text_of(name_or_path), file=name_or_path)
    return read_tree(_path(name_or_path))


def load_scenario(name_or_path: str, *, seed: int | None = None) -> Scenario:
    """Return a scenario.

    Args:
        name_or_path: a name of the library, or the path of a file.
        seed: of what is left to chance; None for the scenario's own.

    Raises:
        ScenarioError: with a line for every mistake that was found.
    """
    if name_or_path in names():
        return parse_scenario(text_of(name_or_path), file=name_or_path, seed=seed)
    return read_scenario(_path(name_or_path), seed=seed)


def _path(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if not path.exists():
        raise ScenarioError(f"{name_or_path}: no such file, and the library has: {', '.join(names())}")
    return path
