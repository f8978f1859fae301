"""The site on which the kernel tests run carpd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.daemons import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from triocarp.lab import Lan


@pytest.fixture
def site(lan: Lan, tmp_path: Path) -> Iterator[Site]:
    """Give a watched LAN with three hosts and no daemon."""
    network = Site(lan, tmp_path)
    yield network
    network.close()
