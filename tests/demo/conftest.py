"""How the tests run the demonstration: as a process of its own, as an operator would."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import triocarp


@pytest.fixture
def environment() -> dict[str, str]:
    """Give an environment in which Python finds this project, and a terminal is a plain one."""
    source = str(Path(triocarp.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([source, *sys.path]), "TERM": "xterm-256color"}
