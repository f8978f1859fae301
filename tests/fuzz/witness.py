"""Feeds a node as a driver does, with ports that fail at will, and watches what it does."""

from collections.abc import Callable
from typing import Final, final

from triocarp.core import (
    Announce,
    Event,
    HoldAddresses,
    Hook,
    Node,
    PortError,
    PortFailure,
    Ports,
    ReleaseAddresses,
    RenewAddresses,
    Report,
    Runner,
    Saying,
    SendAdvertisement,
    State,
    StateChanged,
    StopRequested,
    TimerExpired,
    VirtualHostConfig,
)
from triocarp.core.effects import Effect
from triocarp.core.family import IPInterface
from triocarp.core.timing import SECOND

_MUCH: Final = 200
"""More effects than one event can bring about."""

_LEAVING_STEPS: Final = 50


@final
class Witness:
    """All ports and the journal of one node.

    Args:
        node: which.
        config: of its virtual host.
        failing: decides whether a port fails now.

    Attributes:
        now: nanoseconds.
    """

    def __init__(self, node: Node, config: VirtualHostConfig, *, failing: Callable[[], bool]) -> None:
        self.now = 0
        self._node = node
        self._config = config
        self._failing = failing
        self._held = False
        self._state = State.INIT
        self._effects = 0
        ports = Ports(frames=self, addresses=self, hooks=self, reports=self, journal=self)
        self._runner = Runner(node, ports)

    def pass_time(self, duration: int) -> None:
        """Let time pass.

        Args:
            duration: nanoseconds.
        """
        self.now += duration

    def feed(self, event: Event) -> None:
        """Tell the node what happened, and look at what it does.

        Args:
            event: what.
        """
        self._effects = 0
        deadline = self._runner.feed(event, self.now)
        assert deadline == self._node.deadline
        host = self._node.virtual_hosts[self._config.interface, self._config.vhid]
        assert host.state is self._state
        if self._state is State.MASTER:
            assert self._held or not self._config.manages_addresses, "is master without its addresses"
            assert deadline is not None
        if isinstance(event, TimerExpired) and deadline is not None:
            assert deadline > self.now or host.stopped, "has a deadline in the past"

    def leave(self) -> None:
        """Stop the node with ports that work: it leaves, and holds nothing then."""
        self._failing = bool  # which is False when it is called
        self.feed(StopRequested())
        for _ in range(_LEAVING_STEPS):
            if self._node.deadline is None:
                break
            self.now = max(self.now, self._node.deadline)
            self.feed(TimerExpired())
        assert self._state is State.INIT

    # The journal sees what was decided, in order.

    def record(self, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Look at the order of effects; see `triocarp.core.ports.JournalPort`."""
        assert at == self.now
        assert event is not None
        self._effects += len(effects)
        assert self._effects < _MUCH, "does not come to rest"
        state = self._state
        for effect in effects:
            match effect:
                case StateChanged():
                    assert effect.old is state
                    state = effect.new
                case SendAdvertisement(saying=Saying.REGULAR):
                    assert state is State.MASTER, "advertises though it is not master"
                case SendAdvertisement():
                    assert state is not State.MASTER, "says last words while it is master"
                case Announce() | HoldAddresses() | RenewAddresses():
                    assert state is State.MASTER, "announces, holds or renews though it is not master"
                case ReleaseAddresses():
                    assert state is not State.MASTER, "releases while it is master"
                case _:
                    pass

    # The ports see what was carried out.

    def _do(self) -> None:
        if self._failing():
            raise PortError(PortFailure.OTHER, "told to fail")

    def send(self, interface: str, frame: bytes) -> None:
        """Send a frame."""
        assert interface == self._config.interface
        assert frame
        self._do()

    def send_packet(self, interface: str, packet: bytes) -> None:
        """Send a packet."""
        assert interface == self._config.interface
        assert packet
        self._do()

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        """Hold addresses: all of them, or one that somebody took away."""
        assert interface == self._config.interface
        assert addresses
        assert set(addresses) <= set(self._config.addresses)
        assert lease_s * SECOND >= self._config.dead_time or lease_s > 0
        self._do()
        self._held = True

    def renew(self, renewal: RenewAddresses) -> None:
        """Renew leases."""
        assert renewal.addresses == self._config.addresses
        self._do()

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Release the addresses."""
        assert (interface, addresses) == (self._config.interface, self._config.addresses)
        self._do()
        self._held = False

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Start a hook; the program ends it, or not."""
        assert (interface, vhid) == (self._config.interface, self._config.vhid)
        assert hook in Hook
        self._do()

    def report(self, report: Report) -> None:
        """Follow the state."""
        if isinstance(report, StateChanged):
            self._state = report.new
