"""The core stands alone: the standard library below it, and the arrows between our packages run one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"
SIMULATOR = Path(__file__).parents[2] / "sim"

MAY_IMPORT = {
    "triocarp.core": {"triocarp.core"},
    "triocarp.linux": {"triocarp.linux", "triocarp.core"},
    "triocarp.daemon": {"triocarp.daemon", "triocarp.linux", "triocarp.core"},
    # What is no daemon, and reads its settings. `daemon.main` loads them by name when their word is the first.
    "triocarp.migrate": {"triocarp.migrate", "triocarp.daemon", "triocarp.linux", "triocarp.core"},
    "triocarp.doctor": {"triocarp.doctor", "triocarp.daemon", "triocarp.linux", "triocarp.core"},
    "triocarp.ctl": {"triocarp.ctl"},
    "triocarp.lab": {"triocarp.lab"},
    "triocarp.demo": {"triocarp.demo", "triocarp.lab", "triocarp.core"},
    # Where a configuration file is simulated, the interfaces that it is about have to be imagined.
    "carpsim": {"carpsim", "triocarp.core", "triocarp.daemon", "triocarp.linux"},
}
"""What each package of ours may import of ours. The lab builds test networks; the demonstration plays in one."""

FORBIDDEN_IN_THE_CORE = {
    "asyncio",
    "logging",
    "os",
    "selectors",
    "signal",
    "socket",
    "subprocess",
    "threading",
    "time",
}


def package_of(module: str) -> str:
    """Return the package of ours that a module belongs to; for others their top-level name."""
    first, *rest = module.split(".")
    return f"{first}.{rest[0]}" if first == "triocarp" and rest else first


def imported_modules(file: Path) -> set[str]:
    """Return the modules that a source file imports, wherever in it; relative ones as their package."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            # `from triocarp import core` names the package in the second half.
            imported |= (
                {f"{node.module}.{alias.name}" for alias in node.names}
                if node.module == "triocarp"
                else {node.module}
            )
    return imported


def sources_of(package: str) -> list[Path]:
    """Return the source files of a package of ours, if it exists yet."""
    root = SIMULATOR if package == "carpsim" else SOURCES
    return sorted(root.joinpath(*package.split(".")).rglob("*.py"))


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows_run_one_way(package: str) -> None:
    """Each package of ours imports only what the design lets it."""
    for file in sources_of(package):
        ours = {package_of(module) for module in imported_modules(file)}
        ours = {name for name in ours if name.startswith(("triocarp", "carpsim"))}
        assert ours <= MAY_IMPORT[package], file


def test_every_package_has_its_rule() -> None:
    """No package of ours is left out of the table above."""
    directories = [child for child in (SOURCES / "triocarp").iterdir() if any(child.glob("*.py"))]
    assert {f"triocarp.{directory.name}" for directory in directories if directory.is_dir()} <= set(MAY_IMPORT)


def test_core_imports_nothing_that_does_input_or_output() -> None:
    """No source file of the core imports a clock, a socket, a log, a thread, or anything outside the library."""
    files = sources_of("triocarp.core")
    assert files
    for file in files:
        others = {module.split(".")[0] for module in imported_modules(file)} - {"triocarp"}
        assert others <= set(sys.stdlib_module_names), file
        assert not others & FORBIDDEN_IN_THE_CORE, file


def test_importing_the_core_loads_only_the_standard_library() -> None:
    """A fresh interpreter that imports the core has loaded it, its parent package, and the library."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); import triocarp.core;"
        "print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-I", "-S", "-c", program, str(SOURCES)]
    loaded = set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    ours = {module for module in loaded if package_of(module).startswith("triocarp")}
    assert "triocarp.core.virtual_host" in ours
    assert {module for module in ours if not module.startswith("triocarp.core")} == {"triocarp"}
    others = {module.split(".")[0] for module in loaded - ours}
    assert others <= set(sys.stdlib_module_names)
    assert not others & {"asyncio", "logging", "selectors", "socket", "subprocess", "threading"}


def test_core_draws_no_random_numbers_of_its_own() -> None:
    """`random` is imported for its type only: nothing is called on the module."""
    for file in sources_of("triocarp.core"):
        used = {
            node.attr
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random"
        }
        assert used <= {"Random"}, file
