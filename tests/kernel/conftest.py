"""The site on which the kernel tests run carpd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import ConfiguredStage
from tests.kernel.daemons import Site
from triocarp.lab import Lan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(lan: Lan, tmp_path: Path) -> Iterator[Site]:
    """Give a watched LAN with three hosts and no daemon."""
    network = Site(lan, tmp_path)
    yield network
    network.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ConfiguredStage]:
    """Give a LAN that speaks IPv6, too, and has no hosts yet."""
    with Lan(ipv6=True) as lan:
        place = ConfiguredStage(lan, tmp_path)
        yield place
        place.close()
