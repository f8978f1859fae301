"""What all of deploy/ says of the image is true: its variables, its version, its health check."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Final

import pytest

from tests.deploy.manifests import CHART, DEPLOY, ROOT, SETS, carpd_of, documents_of, read
from triocarp.daemon.environment import VARIABLES

if TYPE_CHECKING:
    from pathlib import Path

HEALTH: Final = ["carpd", "--healthcheck"]
FILES: Final = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
VERSION: Final[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_carpd_knows_each_variable(path: Path) -> None:
    """Each variable that is named anywhere is one that carpd knows."""
    named = set(re.findall(r"\b(?:UCARP|CARPD)_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    assert named <= VARIABLES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_the_version_is_ours(path: Path) -> None:
    """Each image of ours has the version of the project, except in a base, which has none, and in a template."""
    tags = re.findall(
        r"(?:\bcarpd:|newTag: |[vV]ersion: )(\d[\w.]*)$", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(tags) <= {VERSION}


def test_the_chart_is_of_this_version() -> None:
    """The chart's image is that of the version which it is in."""
    (chart,) = read(CHART / "Chart.yaml")
    assert chart["appVersion"] == chart["version"] == VERSION


def test_the_image_is_what_the_manifests_take_it_for() -> None:
    """The image has the health check that the probes run, and starts what preferred nodes start."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (entry_point,) = re.findall(r"^ENTRYPOINT (\[.*\])$", text, re.MULTILINE)
    (health,) = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", text, re.MULTILINE)
    assert json.loads(health) == HEALTH
    assert json.loads(entry_point)[-1] == "--environment"


@pytest.mark.parametrize("name", SETS)
def test_the_health_check_is_the_images(name: str) -> None:
    """The probes run the image's health check."""
    assert carpd_of(documents_of(name))["livenessProbe"]["exec"]["command"] == HEALTH


def test_podman_runs_the_health_check() -> None:
    """The quadlet has the image's health check as well."""
    quadlet = (DEPLOY / "podman" / "carpd.container").read_text(encoding="utf-8")
    assert f"\nHealthCmd={' '.join(HEALTH)}\n" in quadlet
