"""Containers of the image keep an address on one host: among themselves, and beside a real ucarp."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING, Final

import pytest

from tests.image.containers import MODES
from tests.kernel.wire import PASSWORD, VHID, VIP
from tests.peers.ucarp import UcarpMaker
from triocarp.lab import clock

if TYPE_CHECKING:
    from tests.image.conftest import Start
    from tests.kernel.daemons import Site
    from triocarp.lab import Host

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

PORT: Final = 7777
GROUP: Final = {"UCARP_ADDR": VIP, "UCARP_PASS": PASSWORD, "UCARP_VHID": str(VHID)}
QUICK: Final = {**GROUP, "UCARP_INTERFACE": "eth0", "CARPD_ADVBASE": "0", "CARPD_ADVSKEW": "26"}
"""An advertisement every 0.1 s, and a takeover after 0.3 s."""


def asked(client: Host) -> str:
    """Return the name of the host that answers at the virtual address."""

    def ask() -> bytes:
        with socket.create_connection((VIP, PORT), timeout=20) as connection:
            return connection.recv(100)

    return client.call(ask).decode()


def answering(*hosts: Host) -> None:
    """Have hosts answer with their names, each from its own process."""
    program = (
        "import socket, sys\n"
        f"s = socket.create_server(('', {PORT}))\n"
        "print(flush=True)\n"
        "while True:\n"
        "    c = s.accept()[0]; c.send(sys.argv[1].encode()); c.close()\n"
    )
    for host in hosts:
        process = host.popen(["python3", "-c", program, host.name], stdout=-1)
        assert process.stdout is not None
        process.stdout.readline()


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_failover(site: Site, start: Start, mode: tuple[str, ...]) -> None:
    """A client is served by one of two containers, and by the other one after it was killed, and after a stop."""
    answering(site.one, site.two)
    one = start(site.one, QUICK, options=mode)
    site.holders.wait_until_holder(site.one, timeout_s=30)
    assert asked(site.three) == "one"
    two = start(site.two, QUICK, options=mode)
    two.wait_for_log("ready: ")

    one.send(signal.SIGKILL)
    site.holders.wait_until_holder(site.two, timeout_s=30)
    assert asked(site.three) == "two"

    again = start(site.one, QUICK, options=mode)
    again.wait_for_log("ready: ")
    since = clock.now()
    two.send(signal.SIGTERM)
    assert two.wait() == 0
    site.holders.wait_until_holder(site.one, timeout_s=30)
    site.wire.wait_for_goodbye(site.two, since=since)
    assert asked(site.three) == "one"


@pytest.mark.peers
def test_beside_a_ucarp(site: Site, start: Start, ucarp_program: str) -> None:
    """A container takes over from a ucarp that dies, and a ucarp from a container that is stopped."""
    ucarp = UcarpMaker(site, ucarp_program)
    first = ucarp.start(site.one)
    site.holders.wait_until_holder(site.one, timeout_s=30)
    container = start(site.two, {**GROUP, "UCARP_INTERFACE": "eth0"})
    container.wait_for_log("ready: ")
    first.stop()
    site.holders.wait_until_holder(site.two, timeout_s=30)

    ucarp.start(site.three)
    site.wire.wait_for_advertisement(site.two, since=clock.now())
    container.send(signal.SIGTERM)
    assert container.wait() == 0
    site.holders.wait_until_holder(site.three, timeout_s=30)
