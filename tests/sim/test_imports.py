import subprocess
import sys
import typing

import carpsim

HEAVY = {"dask", "dpkt", "matplotlib", "numpy", "pyarrow", "rich"}
PROGRAM = """
import sys, carpsim.main
assert carpsim.main.main(["run", "one-host"]) == 0
print("IMPORTED", *{name.partition(".")[0] for name in sys.modules})
"""


def test_running_a_scenario_needs_nothing_but_python() -> None:
    """What only sweeps and captures need is not imported by the rest."""
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    imported = set(told.partition("IMPORTED")[2].split())
    assert not imported & HEAVY


def test_what_programs_use_is_there() -> None:
    """Every name of ``__all__`` is there, and they are in order."""
    assert all(hasattr(carpsim, name) for name in carpsim.__all__)
    assert len(set(carpsim.__all__)) == len(carpsim.__all__)


def test_what_a_run_returns_has_its_types_there() -> None:
    """Who writes down the type of what `run_scenario` returns needs no other module."""
    hints = typing.get_type_hints(carpsim.Outcome).values()
    types = {one for hint in hints for one in (hint, *typing.get_args(hint)) if isinstance(one, type)}
    assert carpsim.Verdict in types
    ours = {one for one in types if one.__module__.startswith("carpsim")}
    assert {one.__name__ for one in ours} <= {*carpsim.__all__}
