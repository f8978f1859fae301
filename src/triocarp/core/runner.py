"""Feeds a node and carries out its effects: the few lines that the daemon and the simulator have in common."""

from collections.abc import Callable
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
from triocarp.core.reasons import PortFailure
from triocarp.core.reports import StateChanged

_ACTIONS = SendAdvertisement | HoldAddresses | RenewAddresses | ReleaseAddresses | Announce | RunHook


@final
class Runner:
    """A node with its ports.

    Args:
        node: decides.
        ports: do.
        clock: nanoseconds of the same clock as the instants that are fed. With it, what a host decided a dead time
            ago is not done any more: a host that was frozen in the middle of its effects would otherwise go on
            where it stopped, and announce an address that another one has taken over.
    """

    __slots__ = ("_clock", "_latest", "_ports", "node")

    def __init__(self, node: Node, ports: Ports, *, clock: Callable[[], int] | None = None) -> None:
        self.node = node
        self._ports = ports
        self._clock = clock
        self._latest: int | None = None

    def feed(self, event: Event, now: int) -> int | None:
        """Tell the node what happened, and do what it asks for.

        A failed effect becomes an event of its own and is fed before this returns; the core bounds retries.

        Args:
            event: what happened.
            now: when, in nanoseconds; never less than before. With a clock, an instant that is earlier than what
                was fed before counts as that.

        Returns:
            The instant by which `TimerExpired` must be fed, or None.
        """
        failures = self._tell(event, now)
        while failures:
            # What failed last is told first: no goodbye may overtake the news that the release before it failed.
            failures = self._tell(failures[0], now) + failures[1:]
        return self.node.deadline

    def _tell(self, event: Event, now: int) -> list[EffectFailed]:
        """Tell the node one thing, do what it asks for, and return what failed of it."""
        latest = self._latest
        if self._clock is not None and latest is not None and latest > now:
            now = latest
        self._latest = now
        effects = self.node.handle(event, now)
        if self._ports.journal is not None:
            self._ports.journal.record(now, event, effects)
        return self._carry_out(effects, now) if effects else []

    def _carry_out(self, effects: tuple[Effect, ...], decided_at: int) -> list[EffectFailed]:
        failures: list[EffectFailed] = []
        unfounded: set[tuple[str, int]] = set()  # virtual hosts whose frames have lost what they rest on
        for effect in effects:
            if not isinstance(effect, _ACTIONS):
                self._ports.reports.report(effect)
                if isinstance(effect, StateChanged):
                    # A host that woke up may leave and become master again at once: that begins anew.
                    unfounded.discard((effect.interface, effect.vhid))
                continue
            virtual_host = (effect.interface, effect.vhid)
            if isinstance(effect, SendAdvertisement | Announce) and virtual_host in unfounded:
                withheld = "not sent, because what it rests on has failed"
                failures.append(EffectFailed(effect=effect, failure=PortFailure.WITHHELD, detail=withheld))
                continue
            try:
                self._refuse_if_too_late(effect, decided_at)
                self._act(effect)
            except PortError as error:
                failures.append(EffectFailed(effect=effect, failure=error.failure, detail=error.detail))
                if isinstance(effect, HoldAddresses | ReleaseAddresses):
                    unfounded.add(virtual_host)
        # Whether the addresses are held comes first: what follows from another failure may rest on it.
        return sorted(failures, key=lambda failed: not isinstance(failed.effect, HoldAddresses | ReleaseAddresses))

    def _refuse_if_too_late(self, effect: Action, decided_at: int) -> None:
        """Refuse what asserts mastership on the strength of a decision that is a dead time old."""
        if self._clock is None or isinstance(effect, ReleaseAddresses | RunHook):
            return
        now = self._clock()
        if now <= decided_at:
            return  # as always in a simulation, where deciding takes no time
        host = self.node.virtual_hosts[effect.interface, effect.vhid]
        if now - decided_at >= host.config.dead_time:
            self._latest = now
            raise PortError(PortFailure.TOO_LATE, f"decided {(now - decided_at) / 1e9:.3f} s ago")

    def _act(self, effect: Action) -> None:
        ports = self._ports
        match effect:
            case SendAdvertisement():
                if effect.ethernet_header:
                    ports.frames.send(effect.interface, effect.ethernet_header + effect.packet)
                else:
                    ports.frames.send_packet(effect.interface, effect.packet)
            case HoldAddresses():
                ports.addresses.hold(effect.interface, effect.addresses, effect.lease_s)
            case RenewAddresses():
                ports.addresses.renew(effect)
            case ReleaseAddresses():
                ports.addresses.release(effect.interface, effect.addresses)
            case Announce():
                ports.frames.send(effect.interface, effect.frame)
            case RunHook():
                ports.hooks.run(effect.interface, effect.vhid, effect.hook)
            case _:
                assert_never(effect)
