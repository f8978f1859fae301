"""The site on which carpd meets the real ucarp."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import ConfiguredStage
from tests.kernel.daemons import Site
from tests.peers.ucarp import UcarpMaker
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
def ucarp(site: Site, ucarp_program: str) -> UcarpMaker:
    """Give what starts ucarps at the site."""
    return UcarpMaker(site, ucarp_program)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ConfiguredStage]:
    """Give a LAN that has no hosts yet, on which carpds read a configuration file."""
    with Lan(ipv6=True) as lan:
        place = ConfiguredStage(lan, tmp_path)
        yield place
        place.close()


@pytest.fixture
def staged_ucarp(stage: ConfiguredStage, ucarp_program: str) -> UcarpMaker:
    """Give what starts ucarps there."""
    return UcarpMaker(stage, ucarp_program)
