"""The worlds, one after the other."""

from collections.abc import Iterator

import pytest

from tests.ports.worlds import KernelWorld, SimulatedWorld, World
from triocarp.lab import Lan


@pytest.fixture(params=["simulated", pytest.param("kernel", marks=pytest.mark.kernel)])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a host under test."""
    if request.param == "simulated":
        yield SimulatedWorld()
        return
    with Lan() as lan:
        kernel = KernelWorld(lan, monkeypatch)
        try:
            yield kernel
        finally:
            kernel.close()
