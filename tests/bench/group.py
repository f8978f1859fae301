"""A group of hosts that share the virtual address, in a network of its own, with a client and observers."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final, Self, TypeVar

from tests.bench.process import Daemon
from tests.bench.settings import PREFIX_LENGTH, VIRTUAL_ADDRESS
from triocarp.lab import Holders, Lan, Probe, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from tests.bench.implementation import Implementation
    from tests.bench.lane import Lane
    from tests.bench.settings import Settings
    from triocarp.lab import Frame, Holding, Host

Found = TypeVar("Found")

CARP: Final = 112
"""The IP protocol of CARP and of VRRP."""

_NAMES: Final = ("one", "two", "three")
_STEP_S: Final = 0.002
_PATIENCE_S: Final = 15
_START_MS: Final = 600
ATTACKER: Final = bytes.fromhex("066600000001")
"""The MAC of who sends what no member of the group has sent: far too much of it to be recorded."""

ADVERTISEMENTS_AND_ARP: Final = (
    (0x28, 0, 0, 6),  # the sender's first two bytes
    (0x15, 6, 0, int.from_bytes(ATTACKER[:2])),
    (0x28, 0, 0, 12),  # the ethertype
    (0x15, 3, 0, 0x0806),
    (0x15, 0, 3, 0x0800),
    (0x30, 0, 0, 23),  # the IP protocol
    (0x15, 0, 1, CARP),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)


class Server:
    """A host that runs a daemon.

    Attributes:
        host: The host.
        implementation: What it runs.
        settings: How that is set.
    """

    def __init__(self, lane: Lane, host: Host, implementation: Implementation, settings: Settings) -> None:
        """Begin without a running daemon."""
        self._lane = lane
        self.host = host
        self.implementation = implementation
        self.settings = settings
        self._directory = lane.directory / f"{host.namespace.descriptor}-{host.name}"
        self._directory.mkdir(exist_ok=True)
        self._daemon: Daemon | None = None

    @property
    def daemon(self) -> Daemon:
        """The daemon that was started last."""
        if self._daemon is None:
            raise RuntimeError(f"nothing runs on {self.host.name}")
        return self._daemon

    @property
    def interval(self) -> int:
        """From one of its advertisements to the next, in nanoseconds."""
        return self.implementation.interval(self.settings)

    @property
    def dead_time(self) -> int:
        """How long it waits for an advertisement, in nanoseconds."""
        return self.implementation.dead_time(self.settings)

    def start(self) -> Daemon:
        """Start the daemon, and wait until it takes part."""
        commands = self.implementation.commands(self.host, self.settings, self._directory)
        with self._lane.undisturbed(_START_MS):
            self._daemon = Daemon(self.host, commands, self.implementation.ready)
            self._daemon.wait_until_ready()
        return self._daemon

    def crash(self) -> int:
        """Kill the daemon and pull the cable, in the same instant, which is returned."""
        at = self.daemon.kill()
        self.host.lose_carrier()
        self.daemon.wait_until_ended()
        return at

    def return_as_backup(self) -> None:
        """Bring a crashed host back, as a reboot does."""
        self.host.boot()
        self.start()


class Group:
    """The hosts, the client, and who watches them; a context manager that leaves nothing behind.

    Attributes:
        lan: The network.
        servers: The hosts that share the address.
        client: A host that uses it.
        holders: Who holds it.
        capture: Advertisements and ARP, as they enter the switch.
    """

    def __init__(self, lane: Lane, *members: tuple[Implementation, Settings]) -> None:
        """Set the network up; nothing runs yet.

        Args:
            lane: In which it is used.
            members: What each of the hosts runs.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(lane.undisturbed(_START_MS))
            self.lan = stack.enter_context(Lan())
            self.servers = tuple(
                Server(lane, self.lan.add_host(name, f"10.0.0.{number}/{PREFIX_LENGTH}"), *member)
                for number, (name, member) in enumerate(zip(_NAMES, members, strict=False), start=1)
            )
            self.client = self.lan.add_host("client", f"10.0.0.9/{PREFIX_LENGTH}")
            hosts = [server.host for server in self.servers]
            self.holders = stack.enter_context(Holders(hosts, VIRTUAL_ADDRESS))
            self.capture = stack.enter_context(self.lan.capture(ADVERTISEMENTS_AND_ARP))
            lane.release()
            self._resources = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    def begin(self, *order: Server) -> None:
        """Start the first server, wait until it is master, and start the others.

        Args:
            order: The servers; all of them in their order by default.
        """
        first, *others = order or self.servers
        begun = clock.now()
        first.start()
        self.held_since(first, begun)
        for other in others:
            other.start()

    def probe(self, interval: int = clock.MILLISECOND) -> Probe:
        """Let the client ask for an echo of the virtual address, each `interval` nanoseconds."""
        return Probe(self.client, VIRTUAL_ADDRESS, interval_ns=interval)

    def hear(self, server: Server) -> Frame:
        """Wait for the next advertisement of a server."""
        return self.capture.wait_for(
            lambda frame: frame.ip_protocol == CARP and frame.host == server.host.name,
            since=clock.now(),
            timeout_s=_PATIENCE_S,
        )

    def advertisements(self, server: Server, *, since: int = 0) -> list[Frame]:
        """Return the advertisements that a server has sent."""
        return [
            frame
            for frame in self.capture.frames
            if frame.ip_protocol == CARP and frame.host == server.host.name and frame.at >= since
        ]

    def announced(self, server: Server, since: int) -> Frame:
        """Wait for a server's gratuitous ARP."""
        return self.capture.wait_for(
            lambda frame: frame.announces is not None and frame.host == server.host.name,
            since=since,
            timeout_s=_PATIENCE_S,
        )

    def held_since(self, server: Server, earliest: int) -> int:
        """Wait until a server begins to hold the address, not before an instant, and return when."""

        def find() -> int | None:
            began = (one.since for one in self._holdings(server) if one.since >= earliest)
            return next(began, None)

        return _wait(find, f"{server.host.name} takes the address")

    def released(self, server: Server, *, timeout_s: float = _PATIENCE_S) -> int:
        """Wait until a server holds the address no more, and return since when; 0 if it never did.

        Raises:
            TimeoutError: it still does.
        """

        def find() -> int | None:
            holdings = self._holdings(server)
            return holdings[-1].until if holdings else 0

        return _wait(find, f"{server.host.name} releases the address", timeout_s)

    def sole_holder(self, candidates: Sequence[Server]) -> Server:
        """Wait until one of several servers, and only one of these, holds the address, and return it."""
        names = {server.host.name: server for server in candidates}

        def find() -> Server | None:
            holding = self.holders.holders_now() & names.keys()
            return names[next(iter(holding))] if len(holding) == 1 else None

        return _wait(find, "one server alone holds the address")

    def overlap_ms(self, since: int, *, excluding: Sequence[Server] = ()) -> float:
        """Return for how long two hosts have held the address since an instant, in milliseconds."""
        names = [server.host.name for server in excluding]
        return self.holders.overlap_ns(since, clock.now(), excluding=names) / clock.MILLISECOND

    def _holdings(self, server: Server) -> list[Holding]:
        return [one for one in self.holders.holdings if one.host == server.host.name]


def longest_outage_ms(probe: Probe, since: int) -> float:
    """Return how long the longest outage lasted that was not over at an instant, in milliseconds."""
    return max((one.duration_ns for one in probe.outages(since=since)), default=0) / clock.MILLISECOND


def _wait(find: Callable[[], Found | None], what: str, timeout_s: float = _PATIENCE_S) -> Found:
    """Look for something until it is there."""
    deadline = time.monotonic() + timeout_s
    while (found := find()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {timeout_s:g} s: {what}")
        time.sleep(_STEP_S)
    return found
