"""Renews leases beside the protocol, because the kernel may make whoever asks for that wait.

A request to change an address waits for the one lock of all networks of the machine (the RTNL mutex of Linux),
whatever namespace holds it: while containers start and end, or links come and go by the hundred, that is a tenth
of a second, and up to a whole one. `O_NONBLOCK` does not help. So a thread asks, and what fails becomes an event.

A renewal puts back an address that is not there any more, and the kernel has no request that would not. So the
thread and the address port take turns, and the thread looks into its turn whether the address is still held.
"""

import contextlib
import os
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import trio

from triocarp.core.effects import RenewAddresses
from triocarp.core.events import EffectFailed
from triocarp.core.family import IPInterface
from triocarp.core.ports import PortError
from triocarp.core.timing import SECOND
from triocarp.linux.clock import boottime
from triocarp.linux.netlink_socket import NetlinkSocket
from triocarp.linux.system_errors import address_error

_GOOD_FOR: Final = 2
"""A renewal that has waited for this part of its lease is not sent: the next one waits behind it, unless the whole
host was frozen. Then the kernel may have withdrawn the address, and another host may have it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What the thread is asked for.

    Attributes:
        effect: of the core.
        requests: by address, encoded.
        held: the addresses that are held on the interface; others change it meanwhile.
        clearing: requests that are sent afterwards, whether they work or not.
        restoring: the same, each for an address that is held: its rule and its routes, should they be gone.
        asked_at: nanoseconds of `boottime`.
    """

    effect: RenewAddresses
    requests: dict[IPInterface, bytes]
    held: set[IPInterface]
    clearing: Sequence[bytes]
    asked_at: int
    restoring: Sequence[tuple[IPInterface, bytes]] = ()


@final
class RenewalThread:
    """The thread, and a source of events about what it could not do.

    Args:
        netlink: through which it asks.
        turn: taken while it asks.

    Raises:
        OSError: the system is out of file descriptors.
        RuntimeError: the system is out of threads.
    """

    def __init__(self, netlink: NetlinkSocket, turn: threading.Lock) -> None:
        self._netlink = netlink
        self._turn = turn
        self._asked: queue.SimpleQueue[Renewal | None] = queue.SimpleQueue()
        self._failed: queue.SimpleQueue[EffectFailed] = queue.SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # A daemon thread: a kernel that does not answer must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="renewals", daemon=True)
        self._thread.start()

    @property
    def native_id(self) -> int:
        """The number by which the kernel knows the thread."""
        return self._thread.native_id or 0

    def ask(self, renewal: Renewal) -> None:
        """Have leases renewed, without waiting for it.

        Args:
            renewal: of which addresses.
        """
        self._asked.put(renewal)

    async def wait_readable(self) -> None:
        """Wait until `read` may have something to give."""
        await trio.lowlevel.wait_readable(self._wake)

    def read(self) -> list[EffectFailed]:
        """Return what has failed since the last call, without waiting."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        return [self._failed.get_nowait() for _ in range(self._failed.qsize())]

    def close(self) -> None:
        """Wait until what is asked for is done, and end. Closing twice is fine."""
        if self._thread.is_alive():
            self._asked.put(None)
            self._thread.join()
            os.close(self._wake)

    def _run(self) -> None:
        while (renewal := self._asked.get()) is not None:
            failure = self._renew(renewal)
            if failure is not None:
                failed = EffectFailed(effect=renewal.effect, failure=failure.failure, detail=failure.detail)
                self._failed.put(failed)
                os.eventfd_write(self._wake, 1)

    def _renew(self, renewal: Renewal) -> PortError | None:
        """Renew the lease of each address, and return the first failure."""
        failure: PortError | None = None
        for address, request in renewal.requests.items():
            try:
                self._send(request, renewal, address)
            except OSError as error:
                doing = f"renewing {address} on {renewal.effect.interface}"
                failure = failure or address_error(error, address, doing)
        for request in renewal.clearing:
            with contextlib.suppress(OSError):
                self._send(request, renewal)
        for address, request in renewal.restoring:
            with contextlib.suppress(OSError):
                self._send(request, renewal, address)
        return failure

    def _send(self, request: bytes, renewal: Renewal, address: IPInterface | None = None) -> None:
        """Have the kernel carry out a request, in a turn of its own: a release shall wait for one at most.

        Raises:
            OSError: the request was not carried out.
        """
        with self._turn:
            wanted = address is None or address in renewal.held
            if wanted and boottime() - renewal.asked_at < renewal.effect.lease_s * SECOND // _GOOD_FOR:
                self._netlink.request(request)
