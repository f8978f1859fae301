"""The image, built once in a test run, and the hosts on which its containers run."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.image.containers import CAPABILITIES, Container, Engine
from tests.kernel.daemons import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from triocarp.lab import Host, Lan


class Start(Protocol):
    """Starts containers, which are removed when the test ends."""

    def __call__(
        self,
        host: Host,
        variables: Mapping[str, str],
        *,
        options: Sequence[str] = CAPABILITIES,
        command: Sequence[str] = (),
    ) -> Container:
        """Start one; see `Container`."""
        ...


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Give podman with the image.

    Whoever runs this again and again sets ``TRIOCARP_CONTAINERS`` to a directory in which the base stays.
    """
    directory = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        directory = directory.parent  # which all workers share
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    kept = os.environ.get("TRIOCARP_CONTAINERS")
    found = Engine(Path(kept) if kept else directory / "containers")
    found.build(run)
    return found


@pytest.fixture
def start(engine: Engine) -> Iterator[Start]:
    """Give what starts containers."""
    with contextlib.ExitStack() as stack:

        def start(
            host: Host,
            variables: Mapping[str, str],
            *,
            options: Sequence[str] = CAPABILITIES,
            command: Sequence[str] = (),
        ) -> Container:
            container = Container(engine, host, variables, options=options, command=command)
            stack.callback(container.remove)
            return container

        yield start


@pytest.fixture
def site(lan: Lan, tmp_path: Path) -> Iterator[Site]:
    """Give a watched LAN with three hosts."""
    network = Site(lan, tmp_path)
    yield network
    network.close()
