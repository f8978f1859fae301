"""The state machine of one virtual host: one VHID on one interface.

Everything that one virtual host decides is decided here and in the pieces of which it is made: `Hearing` compares
with what others say, `Mastership` becomes master and leaves, `Failures` takes what did not work, `transitions`
says which state follows a cause, and the others in `virtual_host_parts` each keep one small promise.
"""

import random
from collections import Counter
from typing import Final, TypeAlias, assert_never, final

from triocarp.core.advertisement import Advertisement
from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.demotion import Demotion, DemotionCause
from triocarp.core.effects import Effect, Hook, Saying
from triocarp.core.events import (
    AddressChanged,
    EffectFailed,
    ForgedReceived,
    HookFinished,
    Link,
    LinkChanged,
    PacketReceived,
    Started,
    StopRequested,
    SwitchOverRequested,
    TimerExpired,
    WallClockChanged,
)
from triocarp.core.failures import Failures
from triocarp.core.family import Family
from triocarp.core.hearing import Hearing
from triocarp.core.mastership import Mastership
from triocarp.core.preference import Standing
from triocarp.core.reasons import Cause, DropReason, PortFailure
from triocarp.core.receiver import Receiver
from triocarp.core.reports import Notice
from triocarp.core.sealed_counter import SealVerdict
from triocarp.core.timer_table import Timer
from triocarp.core.transitions import State
from triocarp.core.virtual_host_parts import Parts

HostEvent: TypeAlias = (
    Started
    | TimerExpired
    | LinkChanged
    | AddressChanged
    | HookFinished
    | EffectFailed
    | WallClockChanged
    | SwitchOverRequested
    | StopRequested
)
"""What `VirtualHost.handle` takes. `Node` reads packets first, and keeps the demotion of whole groups."""

_TIMERS: Final = tuple(Timer)  # in the order in which they are served


@final
class VirtualHost:
    """One virtual host.

    `handle`, `receive`, `reject` and `follow_demotion` are the only mutators; each returns what must be done, in
    order.

    Args:
        config: of the virtual host.
        demotion: of its failover group.
        rng: gives the counter's first value.

    Attributes:
        config: of the virtual host.
        statistics: its counters.
    """

    def __init__(self, config: VirtualHostConfig, demotion: Demotion, *, rng: random.Random) -> None:
        parts = Parts(config, demotion, rng)
        self.config = config
        self.statistics = parts.statistics
        self._demotion = demotion
        self._own = parts.own
        self._timers = parts.timers
        self._outbox = parts.outbox
        self._addresses = parts.addresses
        self._hooks = parts.hooks
        self._receiver = parts.receiver
        self._speech = parts.speech
        self._announcing = parts.announcing
        self._send_errors = parts.send_errors
        self._listening = parts.listening
        self._watch = parts.watch
        self._hold_down = parts.hold_down
        self._wakefulness = parts.wakefulness
        self._mastership = Mastership(parts)
        self._hearing = Hearing(parts, self._mastership)
        self._failures = Failures(parts, self._mastership)
        self._link = Link.ABSENT

    @property
    def state(self) -> State:
        """The present state."""
        return self._mastership.state

    @property
    def deadline(self) -> int | None:
        """The instant by which `TimerExpired` must be handled, in nanoseconds; None if there is none."""
        return self._timers.earliest

    @property
    def takeover_due(self) -> int | None:
        """The instant at which the host becomes master unless it hears one, in nanoseconds; None if there is none.

        A driver that knows it can get ready; nothing depends on that.
        """
        return self._listening.takeover_due

    @property
    def stopped(self) -> bool:
        """Whether the operator's stop is complete: released, goodbye said, hooks ended."""
        return self._mastership.stopping and self._hooks.running is None and not self._addresses.releasing

    @property
    def standing(self) -> Standing:
        """What the host counts as among its peers: its demotion byte, and its interval with demotion."""
        return self._own.standing

    @property
    def receiver(self) -> Receiver:
        """What judges its packets, for a sieve to ask."""
        return self._receiver

    @property
    def seals_seen(self) -> Counter[SealVerdict]:
        """How often each verdict about a peer's seal was found."""
        return self._receiver.seals_seen

    def handle(self, event: HostEvent, now: int) -> tuple[Effect, ...]:
        """Take note of an event and return what must be done.

        Args:
            event: anything but a packet.
            now: nanoseconds.
        """
        self._wakefulness.run(now)
        self._mastership.step_down_if_overslept(now)
        match event:
            case TimerExpired():
                for timer in _TIMERS:
                    due = self._timers.take(timer, now)
                    if due is not None:
                        self._ring(timer, due, now)
            case LinkChanged():
                self._change_link(event, now)
            case AddressChanged():
                self._change_address(event, now)
            case HookFinished():
                self._mastership.finish_hook(event, now)
            case EffectFailed():
                self._failures.take(event, now)
            case WallClockChanged():
                self._hearing.set_wall_clock(event, now)
            case Started() | SwitchOverRequested() | StopRequested():
                self._obey(event, now)
            case _:
                assert_never(event)
        return self._outbox.drain()

    def receive(self, packet: PacketReceived, advertisement: Advertisement, now: int) -> tuple[Effect, ...]:
        """Take note of an advertisement with our VHID and return what must be done.

        Args:
            packet: as received.
            advertisement: what it holds.
            now: nanoseconds.
        """
        self._wakefulness.run(now)
        self._mastership.step_down_if_overslept(now)
        self._serve(Timer.BACK_OFF, now)  # what has ended does not count against us, though nobody told us yet
        self.statistics.received += 1
        self._hearing.receive(packet, advertisement, now)
        return self._outbox.drain()

    def reject(self, packet: PacketReceived, reason: DropReason, now: int) -> tuple[Effect, ...]:
        """Count a packet that claims our VHID but cannot be read, and return the report.

        Args:
            packet: as received.
            reason: why it is dropped.
            now: nanoseconds.
        """
        self.statistics.received += 1
        self._hearing.drop(packet, reason, now)
        return self._outbox.drain()

    def reject_forged(self, forged: ForgedReceived, now: int) -> tuple[Effect, ...]:
        """Count packets that a sieve has dropped, and return the report.

        Args:
            forged: how many.
            now: nanoseconds.
        """
        self._mastership.step_down_if_overslept(now)
        self.statistics.received += forged.count
        self.statistics.dropped[DropReason.BAD_AUTHENTICATION] += forged.count
        self._listening.reject(DropReason.BAD_AUTHENTICATION, forged.family, forged.count)
        self._outbox.forged(forged.count)
        return self._outbox.drain()

    def follow_demotion(self, hand_over_for: DemotionCause | None, now: int) -> tuple[Effect, ...]:
        """Take note that the demotion of the failover group has changed and return what must be done.

        Args:
            hand_over_for: a cause for which a master leaves; None if it only advertises what it counts for now.
            now: nanoseconds.
        """
        self._mastership.step_down_if_overslept(now)
        if self._mastership.state is State.MASTER:
            self._mastership.follow_demotion(hand_over_for, now)
        return self._outbox.drain()

    def tell_demotion(self, *, is_better: bool) -> tuple[Effect, ...]:
        """Return the report of what the failover group's demotion is now, and what this host sends of it.

        Args:
            is_better: whether the group counts as better than before.
        """
        causes = ", ".join(f"{cause.value} ({of}) {amount}" for cause, of, amount in self._demotion.causes)
        total = self._demotion.total
        sent = f"demotion {self.standing.demotion}" if self._own.uses_byte else f"advskew {self._own.advskew}"
        by = f"preferred by {-total}" if total < 0 else f"demoted by {total}"
        detail = f"{by}: {causes}; sent as {sent}" if causes else "not demoted"
        self._outbox.notice(Notice.RECOVERED if is_better else Notice.DEMOTED, detail=detail)
        return self._outbox.drain()

    def _serve(self, timer: Timer, now: int) -> None:
        """Do what a timer is for, if it is due."""
        due = self._timers.take(timer, now)
        if due is not None:
            self._ring(timer, due, now)

    def _ring(self, timer: Timer, due: int, now: int) -> None:
        """Do what a timer is for that is due since an instant."""
        match timer:
            case Timer.MASTER_DOWN_IPV4 | Timer.MASTER_DOWN_IPV6:
                family = Family.IPV4 if timer is Timer.MASTER_DOWN_IPV4 else Family.IPV6
                missed = self._listening.miss(family, due, now)
                if missed is not None:
                    self._mastership.become_master(Cause.MASTER_TIMED_OUT, now, missed)
            case Timer.MASTER_LEAVING:
                self._hearing.succeed(due, now)
            case Timer.ADVERTISEMENT:
                self._mastership.advertise_on_time(now)
            case Timer.RELEASE:
                self._addresses.release(now)
                self._mastership.part(now)
            case Timer.BACK_OFF:
                self._demotion.set(DemotionCause.ADDRESS_FAILURE, self.config.name, 0)
            case Timer.DEFENCE:
                self._hearing.defend_again(now)
            case Timer.OTHER_MASTER:
                self._hearing.expire_rivals(now)
            case _:
                assert_never(timer)

    def _obey(self, event: Started | SwitchOverRequested | StopRequested, now: int) -> None:
        match event:
            case Started():
                self._start(now)
            case SwitchOverRequested():
                self._switch_over(event, now)
            case StopRequested():
                self._stop(now)
            case _:
                assert_never(event)

    def _start(self, now: int) -> None:
        if not self._mastership.neutral:
            # A predecessor that crashed may have left the addresses behind.
            self._addresses.release(now)
        self._outbox.run(self._hooks.wish(Hook.DOWN))

    def _stop(self, now: int) -> None:
        self._mastership.stopping = True
        if self._mastership.state is State.MASTER:
            self._mastership.leave(Cause.STOPPED, now, parting=Saying.GOODBYE)
        elif self._mastership.state is State.BACKUP:
            self._mastership.enter(Cause.STOPPED)
        self._stop_listening()
        self._timers.cancel(Timer.BACK_OFF)

    def _stop_listening(self) -> None:
        self._listening.end()
        self._watch.rest()

    def _switch_over(self, event: SwitchOverRequested, now: int) -> None:
        if self._mastership.state is State.MASTER:
            self._hold_down.extend(now + event.hold_down)
            self._mastership.leave(Cause.SWITCHED_OVER, now, parting=Saying.GOODBYE)

    def _change_link(self, event: LinkChanged, now: int) -> None:
        self._link = event.link
        moved = bool(event.hardware_address) and self._speech.set_hardware_address(event.hardware_address)
        usable = self._link_is_usable()
        self._demotion.set(DemotionCause.LINK, event.interface, 0 if usable else self._demotion.weight)
        if not usable:
            self._send_errors.forget()
            self._mastership.note_send_errors()
            if self._mastership.state is State.MASTER:
                self._mastership.leave(Cause.LINK_DOWN, now, parting=None, detail=event.link.value)
            elif self._mastership.state is State.BACKUP:
                self._mastership.enter(Cause.LINK_DOWN, detail=event.link.value)
                self._stop_listening()
            self._mastership.parting = None
        elif self._mastership.state is State.INIT and not self._mastership.stopping:
            self._mastership.enter(Cause.LINK_UP)
            self._hold_down.extend(now + self.config.hold_down)
            self._listening.begin(now, None)
        elif moved and self._announcing.begun:
            self._mastership.announce(now)

    def _link_is_usable(self) -> bool:
        return self._link is Link.UP or (self._link is Link.NO_CARRIER and self.config.ignore_carrier)

    def _change_address(self, event: AddressChanged, now: int) -> None:
        if not self._addresses.concern(event):
            return
        if self._mastership.state is State.MASTER:
            if not event.present:
                self._restore_addresses(event, now)
        elif not self._mastership.neutral and self._addresses.remove_unwanted(event, now):
            self._serve(Timer.RELEASE, now)

    def _restore_addresses(self, event: AddressChanged, now: int) -> None:
        address = event.address.ip
        if self._addresses.restore(address, self._own.interval, now):
            self._mastership.announce(now, address)
        else:
            self._failures.fail_to_hold(f"somebody keeps removing {event.address}", PortFailure.OTHER, now)
