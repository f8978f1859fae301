"""The worlds, one after the other."""

from collections.abc import Iterator

import pytest

from tests.ports.worlds import BOTH, Addressing, KernelWorld, SimulatedWorld, World
from triocarp.lab import Lan


@pytest.fixture(params=["simulated", pytest.param("kernel", marks=pytest.mark.kernel)])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a host under test."""
    if request.param == "simulated":
        yield SimulatedWorld()
        return
    with Lan(ipv6=True) as lan:
        kernel = KernelWorld(lan, monkeypatch)
        try:
            yield kernel
        finally:
            kernel.close()


@pytest.fixture(params=BOTH, ids=lambda of: str(of.family))
def of(request: pytest.FixtureRequest) -> Addressing:
    """Give the addresses of a family, one after the other."""
    addressing: Addressing = request.param
    return addressing
