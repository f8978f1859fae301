"""The unit for systemd is one, as far as systemd itself can tell without running it, and is hardened."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
UNIT: Final = ROOT / "deploy" / "systemd" / "carpd@.service"
EXPOSURE_MAX: Final = 2.5
"""What `docs/debian.md` promises, of 10. Most of it is what carpd is for: the network, and packet sockets."""

pytestmark = pytest.mark.programs("systemd-analyze")


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Return what systemd-analyze says."""
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False, timeout=60)


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """Not a word. It asks for a program where the unit has carpd, so it is given one that is everywhere."""
    copy = tmp_path / UNIT.name
    text, count = re.subn(
        r"(?m)^ExecStart=/usr/bin/carpd", "ExecStart=/bin/true", UNIT.read_text(encoding="utf-8")
    )
    assert count == 1
    copy.write_text(text, encoding="utf-8")
    verdict = analyze("verify", "--man=no", copy)
    assert (verdict.returncode, verdict.stderr, verdict.stdout) == (0, "", "")


def test_the_unit_is_exposed_no_more_than_promised() -> None:
    """The score that the documentation states is the one that systemd counts."""
    verdict = analyze("security", "--offline=true", "--no-pager", UNIT)
    found = re.search(r"Overall exposure level for .*: ([\d.]+) ", verdict.stdout)
    assert found is not None, verdict.stdout + verdict.stderr
    assert float(found[1]) <= EXPOSURE_MAX
    page = (ROOT / "docs" / "debian.md").read_text(encoding="utf-8")
    assert f"exposure level is {EXPOSURE_MAX}" in page
