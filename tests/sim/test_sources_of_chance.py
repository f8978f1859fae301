"""Nothing that a world is made of uses what differs from process to process, or from machine to machine."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

SIMULATOR: Final = Path(__file__).parents[2] / "sim"

FORBIDDEN_MODULES: Final = {"asyncio", "datetime", "os", "secrets", "threading", "time", "trio", "uuid"}
FORBIDDEN_CALLS: Final = {"hash", "id", "sum"}
"""The first two differ from process to process; the third rounds floats in another way since CPython 3.12."""
INEXACT: Final = {
    "acos",
    "asin",
    "atan",
    "cos",
    "exp",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "pow",
    "sin",
    "tan",
}
"""Of `math`: C libraries differ in the last bit."""
NOT_PROMISED: Final = {
    "betavariate",
    "choice",
    "choices",
    "expovariate",
    "gauss",
    "normalvariate",
    "randint",
    "randrange",
    "sample",
    "shuffle",
}
"""Of `random`: Python may make other numbers with them in each version."""

LOOKING_ON: Final = {"carpsim.expectation"}
"""What a scenario says about a run that is over; nothing happens in it."""


def module_file(module: str) -> Path | None:
    """Return the source file of a module of the simulator."""
    path = SIMULATOR.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def modules_of_a_world() -> Iterator[tuple[str, ast.Module]]:
    """Yield all modules of the simulator without which there is no world and no trace."""
    waiting, seen = ["carpsim.world", "carpsim.trace"], set[str]()
    while waiting:
        module = waiting.pop()
        file = module_file(module)
        if file is None or module in seen | LOOKING_ON:
            continue
        seen.add(module)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        yield module, tree
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]


WORLD: Final = dict(modules_of_a_world())


def test_a_world_is_made_of_what_it_is_made_of() -> None:
    """The modules that are looked at below are the right ones."""
    assert {"carpsim.engine", "carpsim.host", "carpsim.segment", "carpsim.randomness"} <= set(WORLD)


@pytest.mark.parametrize("module", sorted(WORLD))
def test_nothing_is_used_that_differs_from_machine_to_machine(module: str) -> None:
    """No clock, no hash, no inexact function, no shuffling, and no walk through a set."""
    for node in ast.walk(WORLD[module]):
        line = f"{module}, line {getattr(node, 'lineno', 0)}"
        match node:
            case ast.Import(names):
                assert not {alias.name.split(".")[0] for alias in names} & FORBIDDEN_MODULES, line
            case ast.ImportFrom(source, names):
                assert (source or "").split(".")[0] not in FORBIDDEN_MODULES, line
                assert source != "math" or not {alias.name for alias in names} & INEXACT, line
            case ast.Call(ast.Name(name)):
                assert name not in FORBIDDEN_CALLS, line
            case ast.Call(ast.Attribute(ast.Name("math"), name)):
                assert name not in INEXACT, line
            case ast.Call(ast.Attribute(_, name)):
                assert name not in NOT_PROMISED, line
            case (
                ast.For(iter=ast.Set() | ast.SetComp())
                | ast.comprehension(iter=ast.Set() | ast.SetComp())
                | ast.For(iter=ast.Call(ast.Name("set" | "frozenset")))
                | ast.comprehension(iter=ast.Call(ast.Name("set" | "frozenset")))
            ):
                pytest.fail(f"{line}: a walk through a set")
            case _:
                pass
