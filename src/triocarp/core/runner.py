"""Feeds a node and carries out its effects: the few lines that the daemon and the simulator have in common."""

from collections import deque
from typing import assert_never, final

from triocarp.core.effects import (
    Action,
    Announce,
    Effect,
    HoldAddresses,
    ReleaseAddresses,
    RenewAddresses,
    RunHook,
    SendAdvertisement,
)
from triocarp.core.events import EffectFailed, Event
from triocarp.core.node import Node
from triocarp.core.ports import PortError, Ports
from triocarp.core.reports import Noticed, PacketDropped, StateChanged, Stopped


@final
class Runner:
    """A node with its ports.

    Args:
        node: decides.
        ports: do.
    """

    __slots__ = ("_ports", "node")

    def __init__(self, node: Node, ports: Ports) -> None:
        self.node = node
        self._ports = ports

    def feed(self, event: Event, now: int) -> int | None:
        """Tell the node what happened, and do what it asks for.

        A failed effect becomes an event of its own and is fed before this returns; the core bounds retries.

        Args:
            event: what happened.
            now: when, in nanoseconds; never less than before.

        Returns:
            The instant by which `TimerExpired` must be fed, or None.
        """
        pending: deque[Event] = deque((event,))
        while pending:
            failures = self._carry_out(self.node.handle(pending.popleft(), now))
            # What failed last is told first: no goodbye may overtake the news that the release before it failed.
            pending.extendleft(reversed(failures))
        return self.node.deadline

    def _carry_out(self, effects: tuple[Effect, ...]) -> list[EffectFailed]:
        failures: list[EffectFailed] = []
        unfounded: set[tuple[str, int]] = set()  # virtual hosts whose frames have lost what they rest on
        for effect in effects:
            if isinstance(effect, StateChanged | PacketDropped | Noticed | Stopped):
                self._ports.reports.report(effect)
                if isinstance(effect, StateChanged):
                    # A host that woke up may leave and become master again at once: that begins anew.
                    unfounded.discard((effect.interface, effect.vhid))
                continue
            virtual_host = (effect.interface, effect.vhid)
            if isinstance(effect, SendAdvertisement | Announce) and virtual_host in unfounded:
                continue
            try:
                self._act(effect)
            except PortError as error:
                failures.append(EffectFailed(effect=effect, failure=error.failure, detail=error.detail))
                if isinstance(effect, HoldAddresses | ReleaseAddresses):
                    unfounded.add(virtual_host)
        # Whether the addresses are held comes first: what follows from another failure may rest on it.
        return sorted(failures, key=lambda failed: not isinstance(failed.effect, HoldAddresses | ReleaseAddresses))

    def _act(self, effect: Action) -> None:
        ports = self._ports
        match effect:
            case SendAdvertisement():
                ports.frames.send(effect.interface, effect.ethernet_header + effect.packet)
            case HoldAddresses() | RenewAddresses():
                ports.addresses.hold(effect.interface, effect.addresses, effect.lease_s)
            case ReleaseAddresses():
                ports.addresses.release(effect.interface, effect.addresses)
            case Announce():
                ports.frames.send(effect.interface, effect.frame)
            case RunHook():
                ports.hooks.run(effect.interface, effect.vhid, effect.hook)
            case _:
                assert_never(effect)
