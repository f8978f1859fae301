"""The tool itself, for a little: it plays on both sides and writes what it found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(110)
def test_two_scenes_on_both_sides(tmp_path: Path) -> None:
    """So few repetitions decide nothing, and so nothing differs; table, figure and numbers are there."""
    command = ["-m", "tests.validate", "--repetitions", "2", "--output", str(tmp_path)]
    scenes = ["return ucarp/carpd", "return carpd/ucarp"]
    done = subprocess.run(
        [sys.executable, *command, *scenes], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"| {scene} | 2 |" in done.stdout for scene in scenes)
    assert {file.name for file in tmp_path.iterdir()} == {
        "pairs.csv",
        "table.md",
        "validation.png",
        "validation.svg",
    }
    assert len((tmp_path / "pairs.csv").read_text(encoding="ascii").splitlines()) == 1 + 4 + 4
