"""A mutant is killed by the first test that fails, and survives if none does; a share has an interval."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .__main__ import interval
from .forking import KILLED, SURVIVED, TIMEOUT

TESTS = """
import os
import signal

MUTANT = os.environ["MUTANT_UNDER_TEST"]  # as it was when the tests were imported


def test_quick():
    assert os.environ["MUTANT_UNDER_TEST"] != "seen"


def test_slow():
    if os.environ["MUTANT_UNDER_TEST"] == "exits":
        raise SystemExit(0)
    if os.environ["MUTANT_UNDER_TEST"] == "endless":
        os.kill(os.getpid(), signal.SIGXCPU)  # what the kernel sends at the limit


def test_import():
    assert MUTANT == ""
"""
ROOT = Path(__file__).parents[2]


def test_verdicts(tmp_path: Path) -> None:
    """Each mutant meets its own tests, in its own process, and not what was imported before there was one."""
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    everything = ["test_it.py::test_quick", "test_it.py::test_slow", "test_it.py::test_import"]
    plan = dict.fromkeys(["seen", "exits", "endless", "imported before"], everything) | {"unseen": everything[1:]}
    (tmp_path / "plan").write_text(json.dumps(plan), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutation.forking", "--mutants=plan"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MUTANT_UNDER_TEST": ""}
    subprocess.run(
        [*command, "--verdicts=verdicts", "--jobs=2", "--cpu-limit-s=60", "test_it.py"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )
    lines = (tmp_path / "verdicts").read_text(encoding="utf-8").splitlines()
    assert dict(json.loads(line) for line in lines) == {
        "seen": KILLED,
        "exits": KILLED,
        "endless": TIMEOUT,
        "imported before": SURVIVED,
        "unseen": SURVIVED,
    }


@pytest.mark.parametrize(
    ("hits", "of", "least", "most"), [(5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775)]
)
def test_interval(hits: int, of: int, least: float, most: float) -> None:
    """Wilson's, as published tables have it: it never leaves 0 to 1, and none of 10 is not sure to be none."""
    assert interval(hits, of) == pytest.approx((least, most), abs=1e-4)
