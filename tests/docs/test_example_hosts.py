"""The two hosts of the page for embedders, as real processes in a private network."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import triocarp
from tests.docs.pages import HOSTS
from tests.kernel.wire import VIP, Wire
from triocarp.lab import INTERFACE, Holders, clock

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from triocarp.lab import Host, Lan

pytestmark = [pytest.mark.kernel, pytest.mark.programs("ip")]

DEAD_TIME_S = 3
PATIENCE_S = 20
"""Only a failing test waits that long."""


class Hosts:
    """Two hosts of a LAN, watched from outside.

    Attributes:
        one: 10.0.0.1.
        two: 10.0.0.2.
        wire: what crosses the switch.
        holders: who has the virtual address.
    """

    def __init__(self, lan: Lan, wire: Wire, holders: Holders, directory: Path) -> None:
        self.one, self.two = lan.hosts.values()
        self.wire = wire
        self.holders = holders
        self._secret = directory / "password"
        self._secret.write_text("correct horse\n", encoding="ascii")
        self._log = directory / "log"

    def run(self, library: str, host: Host) -> subprocess.Popen[bytes]:
        """Start an example on a host."""
        program = [sys.executable, str(HOSTS[library]), INTERFACE, str(host.ip.ip), f"{VIP}/24"]
        path = [str(Path(triocarp.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
        with self._secret.open("rb") as secret, self._log.open("ab") as log:
            return host.popen(program, stdin=secret.fileno(), stdout=log, stderr=log, env=env)

    def stop(self, process: subprocess.Popen[bytes], number: signal.Signals) -> int:
        """End an example in order and return its exit status."""
        process.send_signal(number)
        return process.wait(PATIENCE_S)

    @property
    def told(self) -> str:
        """What both have told."""
        return self._log.read_text(encoding="utf-8")


@pytest.fixture
def hosts(lan: Lan, tmp_path: Path) -> Iterator[Hosts]:
    """Give two hosts on which nothing runs."""
    both = [lan.add_host("one", "10.0.0.1/24"), lan.add_host("two", "10.0.0.2/24")]
    with lan.capture() as capture, Holders(both, VIP) as holders:
        network = Hosts(lan, Wire(capture), holders, tmp_path)
        yield network
        sys.stdout.write(network.told)  # for the report of a test that failed


@pytest.mark.parametrize(("first", "second"), [("trio", "asyncio"), ("asyncio", "trio")])
def test_two_embedders_keep_one_address_alive(hosts: Hosts, first: str, second: str) -> None:
    """They elect one master; the other one takes over when it dies, and at once when it is stopped."""
    master = hosts.run(first, hosts.one)
    hosts.holders.wait_until_holder(hosts.one, timeout_s=PATIENCE_S)
    backup = hosts.run(second, hosts.two)
    hosts.wire.wait_for_advertisement(hosts.one, since=clock.now(), count=2)
    assert hosts.holders.holders_now() == {"one"}
    assert hosts.wire.advertisements(hosts.two) == []

    died = hosts.one.crash(master)
    taken = hosts.holders.wait_until_holder(hosts.two, timeout_s=PATIENCE_S, excluding=["one"])
    assert taken - died <= (DEAD_TIME_S + 1) * clock.SECOND
    hosts.wire.wait_for_announcement(hosts.two, since=died)

    hosts.one.boot()
    returned = hosts.run(first, hosts.one)
    hosts.wire.wait_for_advertisement(hosts.two, since=clock.now(), count=2)
    assert hosts.holders.holders_now() == {"two"}
    leaving = clock.now()
    assert hosts.stop(backup, signal.SIGTERM) == 0
    goodbye = hosts.wire.wait_for_goodbye(hosts.two)
    taken = hosts.holders.wait_until_holder(hosts.one, timeout_s=PATIENCE_S)
    assert taken - goodbye.at < clock.SECOND // 2, "after the dead time, and not at the goodbye"
    assert hosts.holders.overlap_ns(leaving, clock.now()) == 0

    assert hosts.stop(returned, signal.SIGINT) == 0
    hosts.holders.wait_until_holder()
    hosts.wire.wait_for_goodbye(hosts.one)
    assert "Traceback" not in hosts.told
