"""Practice for a takeover.

In a backup the code of a takeover has not run for days and lies in no cache of the processor: a first run takes
ten times as long as a second one. So shortly before a takeover is due, a node that does not count goes through
the same one, with ports that do nothing.
"""

import random
from typing import Final, final

from triocarp.core import (
    Hook,
    IPInterface,
    Link,
    LinkChanged,
    Node,
    NodeConfig,
    Ports,
    RenewAddresses,
    Report,
    Runner,
    Started,
    TimerExpired,
)

_TIMES: Final = 2
_ANY_MAC: Final = bytes(6)


@final
class _Practice:
    """All ports at once, which do nothing.

    Not even what a backup may do, release an address that it does not hold: the kernel may make it wait for that.
    """

    def send(self, interface: str, frame: bytes) -> None: ...

    def send_packet(self, interface: str, packet: bytes) -> None: ...

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None: ...

    def renew(self, renewal: RenewAddresses) -> None: ...

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None: ...

    def run(self, interface: str, vhid: int, hook: Hook) -> None: ...

    def report(self, report: Report) -> None: ...


def rehearse(node: Node) -> None:
    """Go through a takeover that nobody notices.

    Args:
        node: whose next virtual host is about to take over.
    """
    due = node.next_due
    if due is None:
        return
    virtual_host = due.config
    practice = _Practice()
    ports = Ports(frames=practice, addresses=practice, hooks=practice, reports=practice)
    for _ in range(_TIMES):
        runner = Runner(Node(NodeConfig(virtual_hosts=(virtual_host,)), rng=random.Random(0)), ports)  # noqa: S311
        runner.feed(Started(), 0)
        link = LinkChanged(interface=virtual_host.interface, link=Link.UP, hardware_address=_ANY_MAC)
        deadline = runner.feed(link, 0)
        if deadline is not None:
            runner.feed(TimerExpired(), deadline)
