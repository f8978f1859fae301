"""Two containers on one host with addresses of one network, each with a routing table and a gateway of its own."""

from __future__ import annotations

import signal
import socket
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.image.containers import MODES
from tests.kernel.wire import PASSWORD

if TYPE_CHECKING:
    from tests.image.conftest import Start
    from tests.kernel.daemons import Site
    from triocarp.lab import Host

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

PORT: Final = 7777
ELSEWHERE: Final = "192.0.2.1"
GATEWAY: Final = "10.0.0.2"
PATIENCE_S: Final = 20


def variables(number: int) -> dict[str, str]:
    """Return the environment of one of the containers."""
    return {
        "UCARP_INTERFACE": "eth0",
        "UCARP_ADDR": f"10.0.0.{100 + number}",
        "UCARP_VHID": str(10 + number),
        "UCARP_PASS": PASSWORD,
        "UCARP_RTABLE": str(100 + number),
        "UCARP_RTABLE_NETWORK_LENGTH": "24",
        "UCARP_GATEWAY": GATEWAY,
        "UCARP_RULE_PRIORITY": str(500 + number),
        "CARPD_ADVBASE": "0",
        "CARPD_ADVSKEW": "26",
    }


def reaches(host: Host, source: str) -> bool:
    """Tell whether an answer comes from beyond the gateway to an address of a host."""

    def ask() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.bind((source, 0))
            try:
                asking.sendto(b"there?", (ELSEWHERE, PORT))
                return asking.recv(100) == b"there?"
            except OSError:
                return False

    return host.call(ask)


def echoing(host: Host) -> None:
    """Make a host the gateway to an address that echoes."""
    assert host.run(["ip", "addr", "add", f"{ELSEWHERE}/32", "dev", "lo"]).returncode == 0
    program = (
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        f"s.bind(('{ELSEWHERE}', {PORT}))\n"
        "print(flush=True)\n"
        "while True:\n"
        "    s.sendto(*s.recvfrom(100))\n"
    )
    process = host.popen(["python3", "-c", program], stdout=-1)
    assert process.stdout is not None
    process.stdout.readline()


def shown(host: Host, *words: str) -> str:
    """Return what `ip` shows."""
    return host.run(["ip", *words]).stdout.decode()


def wait_until_routed(host: Host, number: int, *, gone: bool = False) -> None:
    """Wait until the last that is put on for an address, or taken off, is so."""
    deadline = time.monotonic() + PATIENCE_S
    while (f"10.0.0.{100 + number}/" in shown(host, "addr", "show", "dev", "eth0")) is gone:
        assert time.monotonic() < deadline
    while ("default" in shown(host, "route", "show", "table", str(100 + number))) is gone:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_two_overlapping_addresses(site: Site, start: Start, mode: tuple[str, ...]) -> None:
    """Both have rule and routes while they are held, reach the world through their gateway, and leave nothing."""
    host = site.one
    echoing(site.two)
    before = shown(host, "rule"), shown(host, "route"), shown(host, "addr", "show", "dev", "eth0")
    assert host.run(["ip", "rule", "add", "from", "10.0.0.77", "lookup", "101", "priority", "9"]).returncode == 0
    first, second = (start(host, variables(number), options=mode) for number in (1, 2))
    for number in (1, 2):
        wait_until_routed(host, number)
        vip, table = f"10.0.0.{100 + number}", str(100 + number)
        assert f"{500 + number}:\tfrom {vip} lookup {table}" in shown(host, "rule")
        routes = shown(host, "route", "show", "table", table)
        assert f"default via {GATEWAY} dev eth0 proto 112 src {vip}" in routes
        assert f"10.0.0.0/24 dev eth0 proto 112 scope link src {vip}" in routes
        assert reaches(host, vip)
    assert not reaches(host, "10.0.0.1")
    assert shown(host, "route") == before[1]

    first.send(signal.SIGTERM)
    assert first.wait() == 0
    wait_until_routed(host, 1, gone=True)
    assert reaches(host, "10.0.0.102")
    second.send(signal.SIGKILL)
    second.wait()
    again = start(host, {**variables(2), "UCARP_RTABLE": "103"}, options=mode)
    wait_until_routed(host, 2, gone=True)
    again.wait_for_log("MASTER")
    assert reaches(host, "10.0.0.102")
    again.send(signal.SIGTERM)
    assert again.wait() == 0

    assert "lookup 101" in shown(host, "rule")
    host.run(["ip", "rule", "del", "from", "10.0.0.77"])
    assert (shown(host, "rule"), shown(host, "route"), shown(host, "addr", "show", "dev", "eth0")) == before
    for table in ("101", "102", "103"):
        assert not shown(host, "route", "show", "table", table)
