"""Where the pages are, and how the programs beside them are read."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import ModuleType

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
EXAMPLES: Final = DOCS / "examples"
HOSTS: Final = {library: EXAMPLES / f"host_on_{library}.py" for library in ("trio", "asyncio")}


def read(name: str) -> str:
    """Return the text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def load(script: Path) -> ModuleType:
    """Import a script that is not in a package."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of_code(source: str) -> int:
    """Return how many lines hold code: not blank, no comment, no docstring, no import."""
    others: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        documents = (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        )
        if isinstance(node, ast.Import | ast.ImportFrom) or documents:
            assert isinstance(node, ast.stmt)
            others |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") and number not in others
        for number, line in enumerate(source.splitlines(), start=1)
    )
