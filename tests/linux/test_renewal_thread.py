"""The thread that renews leases: whoever asks it never waits, and it never does what is too late."""

from __future__ import annotations

import errno
import os
import threading
from ipaddress import IPv4Interface, IPv6Interface
from typing import TYPE_CHECKING

import pytest
import trio

from triocarp.core.effects import RenewAddresses
from triocarp.core.reasons import PortFailure
from triocarp.core.timing import SECOND
from triocarp.linux import renewal_thread
from triocarp.linux.netlink_socket import NetlinkSocket
from triocarp.linux.renewal_thread import Renewal, RenewalThread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triocarp.core.family import IPInterface

VIP = IPv4Interface("10.0.0.100/24")
SECOND_VIP = IPv6Interface("2001:db8::100/64")
LEASE_S = 4
PATIENCE_S = 10


class Kernel:
    """In the place of the kernel: it keeps a request waiting until it is told to go on.

    Attributes:
        asked: set when a request has come.
        go_on: to be set.
        requests: in order.
        now: nanoseconds.
        failing: the error numbers of requests.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.requests: list[bytes] = []
        self.now = 0
        self.failing: dict[bytes, int] = {}

    def request(self, message: bytes) -> None:
        """Wait."""
        self.requests.append(message)
        self.asked.set()
        assert self.go_on.wait(PATIENCE_S)
        if message in self.failing:
            raise OSError(self.failing[message], os.strerror(self.failing[message]))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Give a kernel that is in no hurry."""
    kernel = Kernel()
    monkeypatch.setattr(renewal_thread, "boottime", lambda: kernel.now)

    def request(_netlink: NetlinkSocket, message: bytes) -> None:
        kernel.request(message)

    monkeypatch.setattr(NetlinkSocket, "request", request)
    return kernel


@pytest.fixture
def thread(kernel: Kernel) -> Iterator[RenewalThread]:
    """Give the thread."""
    with NetlinkSocket() as netlink:
        thread = RenewalThread(netlink, threading.Lock())
        yield thread
        kernel.go_on.set()
        thread.close()
        thread.close()


def renewal(kernel: Kernel, *held: IPInterface) -> Renewal:
    """Return what is asked for two addresses, of which some are held."""
    return Renewal(
        effect=RenewAddresses(interface="eth0", vhid=7, addresses=(VIP, SECOND_VIP), lease_s=LEASE_S),
        requests={VIP: b"first", SECOND_VIP: b"second"},
        held=set(held),
        clearing=[b"clear"],
        asked_at=kernel.now,
    )


def test_nobody_waits_for_the_kernel(kernel: Kernel, thread: RenewalThread) -> None:
    """While the kernel keeps a request waiting, more can be asked for, and there is nothing to read."""
    for _ in range(3):
        thread.ask(renewal(kernel, VIP))
    assert kernel.asked.wait(PATIENCE_S)

    assert thread.read() == []
    assert kernel.requests == [b"first"]


def test_what_has_waited_for_half_a_lease_is_not_sent(kernel: Kernel, thread: RenewalThread) -> None:
    """After a freeze the address may be another host's; and otherwise a fresher renewal stands behind."""
    thread.ask(renewal(kernel, VIP))
    thread.ask(renewal(kernel, VIP, SECOND_VIP))
    assert kernel.asked.wait(PATIENCE_S)
    kernel.now = LEASE_S * SECOND // 2
    thread.ask(renewal(kernel, SECOND_VIP))
    kernel.go_on.set()
    thread.close()

    assert kernel.requests == [b"first", b"second", b"clear"]


def test_what_is_released_meanwhile_is_not_renewed(kernel: Kernel, thread: RenewalThread) -> None:
    """The thread looks in its turn, when whoever releases has had his."""
    asked = renewal(kernel, VIP, SECOND_VIP)
    thread.ask(asked)
    assert kernel.asked.wait(PATIENCE_S)
    asked.held.clear()
    kernel.go_on.set()
    thread.close()

    assert kernel.requests == [b"first", b"clear"]


@pytest.mark.parametrize(
    ("number", "failure", "words"),
    [
        (errno.EPERM, PortFailure.NO_PERMISSION, "Operation not permitted"),
        (errno.EACCES, PortFailure.OTHER, "IPv6 is switched off there"),
    ],
)
async def test_what_fails_is_an_event(
    kernel: Kernel, thread: RenewalThread, number: int, failure: PortFailure, words: str
) -> None:
    """It wakes the reader, and names the first address that could not be renewed."""
    kernel.failing = {b"second": number, b"clear": errno.EADDRNOTAVAIL}
    kernel.go_on.set()
    asked = renewal(kernel, VIP, SECOND_VIP)
    thread.ask(asked)
    with trio.fail_after(PATIENCE_S):
        await thread.wait_readable()

    (failed,) = thread.read()
    assert (failed.effect, failed.failure) == (asked.effect, failure)
    assert f"renewing {SECOND_VIP} on eth0" in failed.detail
    assert words in failed.detail
    assert thread.read() == []
