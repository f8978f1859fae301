"""The health check: the daemon's own loop answers it, and it says what it found."""

from __future__ import annotations

import itertools
import random
import threading
from typing import TYPE_CHECKING

import pytest
import trio

from tests.core.hosts import ELSEWHERE, PLAIN
from triocarp.core import Link, LinkChanged, Node, NodeConfig, Started
from triocarp.core.timing import SECOND
from triocarp.daemon import health_check
from triocarp.daemon.health import HealthSocket, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from triocarp.core import VirtualHostConfig

_numbers = itertools.count(1)


def new(*virtual_hosts: VirtualHostConfig) -> Node:
    """Return a node that has not been told anything."""
    return Node(NodeConfig(virtual_hosts=virtual_hosts), rng=random.Random(1))  # noqa: S311 - nothing is secret here


def node() -> Node:
    """Return a node with two virtual hosts, of which one listens."""
    found = new(PLAIN, ELSEWHERE)
    found.handle(Started(), 0)
    found.handle(LinkChanged(interface="eth0", link=Link.UP, hardware_address=bytes(6)), 0)
    return found


def test_answer() -> None:
    """A line for each virtual host, and a last one if the next deadline is long past."""
    lines = "7@eth0 BACKUP\n8@eth1 INIT\n"
    asked = node()
    assert asked.deadline is not None
    assert answer(asked, asked.deadline + SECOND) == lines
    assert answer(asked, asked.deadline + SECOND + 1) == f"{lines}late\n"
    assert answer(new(PLAIN), 9 * SECOND) == "7@eth0 INIT\n"


async def checked(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], int], *, serving: bool = True) -> int:
    """Return the exit status of a health check of a daemon of this process."""
    prefix = f"triocarp-test/{threading.get_native_id()}/{next(_numbers)}/"
    for module in ("health", "health_check"):
        monkeypatch.setattr(f"triocarp.daemon.{module}.PREFIX", prefix)
    monkeypatch.setattr(health_check, "_TIMEOUT_S", 0.1 if not serving else 5)
    with HealthSocket("eth0", 7) as listening:
        async with trio.open_nursery() as nursery:
            if serving:
                nursery.start_soon(listening.serve, node(), clock)
            status: int = await trio.to_thread.run_sync(health_check.main)
            nursery.cancel_scope.cancel()
    return status


async def test_daemon_is_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The check says what each virtual host is, and succeeds."""
    assert await checked(monkeypatch, lambda: 0) == 0
    assert capsys.readouterr().out == "7@eth0 BACKUP\n8@eth1 INIT\n"


async def test_timers_are_late(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A loop that turns and serves no timers is not well."""
    assert await checked(monkeypatch, lambda: 60 * SECOND) == 1
    assert capsys.readouterr().out.endswith("late\n")


async def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A process whose loop stands still has a socket all the same."""
    assert await checked(monkeypatch, lambda: 0, serving=False) == 1
    assert "timed out" in capsys.readouterr().out


def test_no_daemon(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where none runs the check fails."""
    monkeypatch.setattr(health_check, "PREFIX", "triocarp-test/nobody/")
    assert health_check.main() == 1
    assert capsys.readouterr().out == "no carpd runs here\n"


def test_one_name_each() -> None:
    """Two daemons for one virtual host there are not."""
    with HealthSocket("nowhere", 255), pytest.raises(OSError, match="in use"):
        HealthSocket("nowhere", 255)
