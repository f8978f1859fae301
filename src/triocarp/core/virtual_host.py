"""The state machine of one virtual host: one VHID on one interface.

Everything that one virtual host decides is decided here. `transitions` says which state follows a cause;
`Receiver` says what is believed, `Speech` builds what is said, `AddressKeeping`, `HookSequence` and the other
pieces each keep one small promise.

The order of effects is the safety of the protocol. Becoming master: advertise first, because that silences
the other candidates; then hold the addresses; then announce them, after the up hook if there is one. Leaving:
release the addresses, run the down hook, and only then say goodbye, so that no two hosts ever answer.
"""

import random
from collections import Counter
from typing import Final, TypeAlias, assert_never, final

from triocarp.core.address_keeping import AddressKeeping
from triocarp.core.advertisement import Advertisement
from triocarp.core.announcement_schedule import AnnouncementSchedule
from triocarp.core.authentication import Keyring
from triocarp.core.back_off import BackOff
from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.demotion import Demotion, DemotionCause, expressed_advskew, expressed_byte
from triocarp.core.dialect import DemotionStyle
from triocarp.core.effects import (
    Announce,
    Effect,
    HoldAddresses,
    Hook,
    ReleaseAddresses,
    RenewAddresses,
    RunHook,
    Saying,
    SendAdvertisement,
)
from triocarp.core.events import (
    AddressChanged,
    EffectFailed,
    HookFinished,
    HookOutcome,
    Link,
    LinkChanged,
    PacketReceived,
    Started,
    StopRequested,
    SwitchOverRequested,
    TimerExpired,
    WallClockChanged,
)
from triocarp.core.family import Family, IPAddress, family_of
from triocarp.core.flap_damping import FlapDamper
from triocarp.core.hold_down import HoldDown
from triocarp.core.hook_sequence import HookSequence
from triocarp.core.listening import Listening, MasterDown
from triocarp.core.outbox import Outbox
from triocarp.core.peer_watch import PeerWatch
from triocarp.core.preference import Preference, Standing, compare, wins_tie
from triocarp.core.reasons import Cause, DropReason, PortFailure
from triocarp.core.receiver import DROPPED_FOR, Judgement, Receiver
from triocarp.core.reports import Notice
from triocarp.core.sealed_counter import CounterSeal, SealVerdict
from triocarp.core.sealing import Sealing
from triocarp.core.send_errors import SendErrors
from triocarp.core.speech import Speech
from triocarp.core.statistics import Statistics
from triocarp.core.timer_table import Timer, TimerTable
from triocarp.core.timing import ADVSKEW_UNIT, SECOND, advertisement_interval
from triocarp.core.transitions import State, next_state

STAGGER: Final = 20_000
"""Nanoseconds that a backup waits, for each unit of its advskew, when the master says goodbye.

Several backups hear a goodbye at once. The preferred one goes first, and its advertisement keeps the others
from holding the address for a moment too: nothing for the host that is preferred, 5 ms at most for the others. A
demoted one waits longer; OpenBSD's byte counts like advskew here.
"""

ADVSKEW_MAX: Final = 255
"""Nobody waits for more units than this at a goodbye."""

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

_NOTICES: Final = {
    DropReason.BAD_AUTHENTICATION: Notice.WRONG_PASSWORD,
    DropReason.BAD_ADDRESSES: Notice.OTHER_ADDRESSES,
    DropReason.FOREIGN: Notice.VRRP_SAME_NUMBER,
    DropReason.UNSEALED: Notice.UNSEALED,
    DropReason.ALTERED: Notice.ALTERED,
    DropReason.STALE: Notice.STALE,
    DropReason.REPLAYED: Notice.REPLAYED,
}
"""What an operator should know about packets that are dropped for our VHID."""


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
        self.config = config
        self.statistics = Statistics()
        self._demotion = demotion
        self._overdue_interval = config.overdue_interval
        addresses = tuple(address.ip for address in config.addresses)
        keyring = Keyring(config.passwords, config.vhid, addresses, config.dialect, config.link_layer_address)
        seals = tuple(CounterSeal(password) for password in config.passwords)
        self._receiver = Receiver(config, keyring, seals)
        self._speech = Speech(config, keyring, seals[0], self._receiver.take_note_of_own, rng)
        hooks = {hook for hook, exists in ((Hook.UP, config.up_hook), (Hook.DOWN, config.down_hook)) if exists}
        self._hooks = HookSequence(hooks, done=Hook.DOWN if config.neutral else None)
        self._timers = TimerTable()
        self._outbox = Outbox(config)
        self._addresses = AddressKeeping(config, self._outbox, self._timers)
        self._watch = PeerWatch(self._outbox, self.statistics, config.dead_ratio)
        self._hold_down = HoldDown()
        self._listening = Listening(config, self._outbox, self.statistics, self._timers, self._hold_down)
        self._back_off = BackOff()
        self._damper = FlapDamper(config.flap_damping)
        self._send_errors = SendErrors(len(config.destinations))
        self._state = State.INIT
        self._link = Link.ABSENT
        self._stopping = False
        self._neutral = config.neutral
        self._wall_offset: int | None = None
        # What we count as, and for which demotion that was found: every packet is compared with it.
        self._standing_for = demotion.total
        self._standing = self._standing_now()
        self._advertised_at = 0
        self._advertised = Standing(0, 0)
        self._announcing = AnnouncementSchedule(config.announce_after, config.announce_refresh)
        self._parting: Saying | None = None

    @property
    def state(self) -> State:
        """The present state."""
        return self._state

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
        return self._stopping and self._hooks.running is None and not self._addresses.releasing

    @property
    def standing(self) -> Standing:
        """What the host counts as among its peers: its demotion byte, and its interval with demotion."""
        if self._demotion.total != self._standing_for:
            self._standing_for = self._demotion.total
            self._standing = self._standing_now()
        return self._standing

    def _standing_now(self) -> Standing:
        config = self.config
        return Standing(
            expressed_byte(config.dialect, self._demotion.total),
            advertisement_interval(config.advbase_s, self._own_advskew),
        )

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
        self._step_down_if_overslept(now)
        match event:
            case TimerExpired():
                for timer in Timer:
                    self._serve(timer, now)
            case LinkChanged():
                self._change_link(event, now)
            case AddressChanged():
                self._change_address(event, now)
            case HookFinished():
                self._finish_hook(event, now)
            case EffectFailed():
                self._take_failure(event, now)
            case WallClockChanged():
                self._set_wall_clock(event, now)
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
        self._step_down_if_overslept(now)
        self._serve(Timer.BACK_OFF, now)  # what has ended does not count against us, though nobody told us yet
        self.statistics.received += 1
        judgement = self._receiver.judge(packet, advertisement, now, self._wall_offset)
        if judgement.reason is None:
            self._hear(packet.source, advertisement, judgement, now)
        else:
            self._drop(packet, judgement.reason, now)
        return self._outbox.drain()

    def reject(self, packet: PacketReceived, reason: DropReason, now: int) -> tuple[Effect, ...]:
        """Count a packet that claims our VHID but cannot be read, and return the report.

        Args:
            packet: as received.
            reason: why it is dropped.
            now: nanoseconds.
        """
        self.statistics.received += 1
        self._drop(packet, reason, now)
        return self._outbox.drain()

    def follow_demotion(self, hand_over_for: DemotionCause | None, now: int) -> tuple[Effect, ...]:
        """Take note that the demotion of the failover group has changed and return what must be done.

        Args:
            hand_over_for: a cause for which a master leaves; None if it only advertises what it counts for now.
            now: nanoseconds.
        """
        self._step_down_if_overslept(now)
        if self._state is State.MASTER:
            if hand_over_for is not None:
                maintained = hand_over_for is DemotionCause.MAINTENANCE
                cause = Cause.MAINTENANCE if maintained else Cause.GROUP_FAILED
                self._leave(cause, now, parting=Saying.GOODBYE, detail=hand_over_for.value)
            elif self.standing != self._advertised:
                self._advertise(now)
        return self._outbox.drain()

    def tell_demotion(self) -> tuple[Effect, ...]:
        """Return the report of what the failover group's demotion is now."""
        causes = ", ".join(f"{cause.value} ({of}) {amount}" for cause, of, amount in self._demotion.causes)
        self._outbox.notice(Notice.DEMOTED, detail=f"by {self._demotion.total}: {causes}" if causes else "no more")
        return self._outbox.drain()

    # What is heard.

    def _drop(self, packet: PacketReceived, reason: DropReason, now: int) -> None:
        self.statistics.dropped[reason] += 1
        self._listening.reject(reason, family_of(packet.source))
        self._outbox.dropped(packet, reason)
        notice = _NOTICES.get(reason)
        if notice is not None:
            self._outbox.peer_notice(notice, packet.source, now)

    def _hear(self, peer: IPAddress, advertisement: Advertisement, judgement: Judgement, now: int) -> None:
        demotion = advertisement.demotion if self._uses_byte else 0
        preference = compare(Standing(demotion, advertisement.interval), self.standing)
        if advertisement.is_goodbye:
            preference = Preference.WORSE  # nobody yields to who leaves, nor waits for it, whatever its byte says
        if self._parting is Saying.GOODBYE or preference is not Preference.BETTER:
            # What is still to be said comes too late. There is another master by now: our goodbye would make a
            # further backup take over from it, and a last advertisement would make a worse one yield.
            self._parting = None
        if self._state is State.INIT:
            return
        self.statistics.hear(peer)
        self._speech.hear(advertisement.counter)
        if judgement.key:
            self._outbox.peer_notice(Notice.OTHER_PASSWORD, peer, now)
        if judgement.seal is not None and judgement.seal is not SealVerdict.GENUINE:
            self._observe_seal(peer, judgement.seal, now)
        if self._state is State.MASTER:
            self._compare_as_master(peer, advertisement, preference, now)
        else:
            self._compare_as_backup(peer, advertisement, preference, now)

    def _observe_seal(self, peer: IPAddress, verdict: SealVerdict, now: int) -> None:
        if not self._receiver.excuses(verdict, peer):
            self._outbox.peer_notice(_NOTICES[DROPPED_FOR[verdict]], peer, now)

    def _compare_as_master(
        self, peer: IPAddress, advertisement: Advertisement, preference: Preference, now: int
    ) -> None:
        config, family = self.config, family_of(peer)
        interval = advertisement.interval or ADVSKEW_UNIT
        if preference is Preference.BETTER:
            last = Saying.LAST if config.dialect.last_advertisement_on_yield else None
            self._lose(Cause.BETTER_ADVERTISEMENT, now, parting=last, peer=peer)
            self._listening.expect(peer, family, interval, preference, now)
        elif preference is Preference.EQUAL and not wins_tie(
            config.dialect.tie_rule, config.sources[family], peer
        ):
            # Nothing is said on losing a tie: a BSD that heard an equal advertisement would yield as well.
            self._lose(Cause.TIE_LOST, now, parting=None, peer=peer)
            self._listening.expect(peer, family, interval, preference, now)
        else:
            if advertisement.is_goodbye:
                self._watch.forget(peer, now)
            else:
                is_worse = preference is Preference.WORSE
                self._watch.hear_beside_us(peer, interval, now, is_worse=is_worse)
            self._set_rival_timer()
            self._defend(peer, now)

    def _compare_as_backup(
        self, peer: IPAddress, advertisement: Advertisement, preference: Preference, now: int
    ) -> None:
        family, interval = family_of(peer), advertisement.interval or ADVSKEW_UNIT
        self._listening.hear(peer, family, interval, preference, now)
        if not advertisement.is_goodbye:
            self._watch.hear_as_backup(peer, family, interval, now)
        if self._hold_down.holds(now) or self._listening.follows_another(peer, family, now):
            return  # the last word of a former master, or its goodbye, is no reason to take over from a good one
        overdue = interval > self._overdue_interval
        if advertisement.is_goodbye or (overdue and preference is not Preference.BETTER):
            # The next advertisement would come after our own dead time: no use to wait for it. A goodbye
            # is nothing but the extreme case, which is why every implementation understands it.
            units = min(self._own_advskew + self.standing.demotion, ADVSKEW_MAX)
            self._timers.set(Timer.MASTER_LEAVING, now + units * STAGGER)
            self._serve(Timer.MASTER_LEAVING, now)
        elif (
            preference is Preference.WORSE and advertisement.demotion > self.standing.demotion and self._uses_byte
        ):
            self._become_master(Cause.PEER_DEMOTED, now)
        elif self._may_preempt(now):
            self._become_master(Cause.PREEMPTING, now)

    def _may_preempt(self, now: int) -> bool:
        """Return whether a worse master has been heard for long enough, and we shall not let it be."""
        config = self.config
        worse_for = self._listening.worse_for(now)
        waited = worse_for is not None and worse_for >= config.preempt_delay
        return config.preempt and waited and not self._damper.damps(now)

    def _defend(self, peer: IPAddress, now: int) -> None:
        if self._announcing.defend(now):
            self._outbox.notice(Notice.WORSE_MASTER, peer=peer)
            self._announce(now)

    def _set_rival_timer(self) -> None:
        deadline = self._watch.deadline
        if deadline is None:
            self._timers.cancel(Timer.OTHER_MASTER)
        else:
            self._timers.set(Timer.OTHER_MASTER, deadline)

    # Time.

    @property
    def _uses_byte(self) -> bool:
        return self.config.dialect.demotion_style is DemotionStyle.BYTE

    @property
    def _own_advskew(self) -> int:
        return expressed_advskew(self.config.dialect, self.config.advskew, self._demotion.total)

    @property
    def _own_interval(self) -> int:
        """Nanoseconds to our next advertisement, with demotion; OpenBSD's 0/0 means the least."""
        return self.standing.interval or self.config.interval

    def _serve(self, timer: Timer, now: int) -> None:
        """Do what the timer is for, if it is due."""
        due = self._timers.take(timer, now)
        if due is None:
            return
        match timer:
            case Timer.MASTER_DOWN_IPV4 | Timer.MASTER_DOWN_IPV6:
                family = Family.IPV4 if timer is Timer.MASTER_DOWN_IPV4 else Family.IPV6
                missed = self._listening.miss(family, due, now)
                if missed is not None:
                    self._become_master(Cause.MASTER_TIMED_OUT, now, missed)
            case Timer.MASTER_LEAVING:
                self._become_master(Cause.MASTER_WILL_TIME_OUT, now)
            case Timer.ADVERTISEMENT:
                self._advertise(now)
                if self._announcing.advertise(now):
                    self._send_announcements()
            case Timer.RELEASE:
                self._addresses.release(now)
                self._part(now)
            case Timer.BACK_OFF:
                self._demotion.set(DemotionCause.ADDRESS_FAILURE, self.config.name, 0)
            case Timer.OTHER_MASTER:
                self._watch.expire(now)
                self._set_rival_timer()
            case _:
                assert_never(timer)

    def _step_down_if_overslept(self, now: int) -> None:
        """Step down if the host could not say for a dead time that it is master.

        Stopped, suspended or starved: somebody else has taken over by now, and a goodbye would make a further
        backup take over from that one. With a dead ratio of 1 the dead time is the interval itself.
        """
        if self._state is not State.MASTER:
            return
        interval = self._own_interval
        limit = max(self.config.dead_time, interval + interval // 4)
        if now - self._advertised_at >= limit:
            self._leave(Cause.OVERSLEPT, now, parting=None)

    # Becoming and being master.

    def _become_master(self, cause: Cause, now: int, missed: MasterDown | None = None) -> None:
        if missed is None:
            self._enter(cause, peer=self._listening.peer)
        else:
            peer, silence, rejected, detail = missed
            self._enter(cause, peer=peer, silence=silence, rejected=rejected, detail=detail)
        self._stop_listening()
        self._neutral = False
        self._advertise(now, renew=False)
        self._addresses.hold(self._own_interval)
        self._outbox.run(self._hooks.wish(Hook.UP))
        self._announce(now)

    def _advertise(self, now: int, *, renew: bool = True) -> None:
        self._send_errors.begin_round()
        self._note_send_errors()
        self._say(Saying.REGULAR, now)
        self._advertised_at = now
        self._advertised = self.standing
        self._timers.set(Timer.ADVERTISEMENT, now + self._own_interval)
        if renew:
            self._addresses.renew(self._own_interval)

    def _announce(self, now: int, only: IPAddress | None = None) -> None:
        """Announce now, unless the up hook is not done, and begin to count the advertisements to a repetition."""
        if self._hooks.settled is Hook.UP:
            self._announcing.begin(now)
            self._send_announcements(only)

    def _send_announcements(self, only: IPAddress | None = None) -> None:
        announcements = self._speech.announcements
        if only is not None:
            announcements = tuple(said for said in announcements if said.address.ip == only)
        self.statistics.announcements_sent += len(announcements)
        self._outbox.add(*announcements)

    # Leaving.

    def _lose(self, cause: Cause, now: int, *, parting: Saying | None, peer: IPAddress) -> None:
        """Leave mastership to a peer."""
        self._leave(cause, now, parting=parting, peer=peer)
        damped = self._damper.lose(now)
        if damped is not None:
            self._outbox.notice(Notice.FLAPPING, peer=peer, detail=f"{damped / SECOND:g} s")

    def _leave(
        self,
        cause: Cause,
        now: int,
        *,
        parting: Saying | None,
        peer: IPAddress | None = None,
        detail: str = "",
    ) -> None:
        """Stop being master: release, run the down hook, say what there is to say."""
        self._enter(cause, peer=peer, detail=detail)
        self._timers.cancel(Timer.ADVERTISEMENT, Timer.OTHER_MASTER)
        self._announcing.end()
        self._send_errors.leave()
        self._watch.leave(now)
        self._parting = parting
        if self._state is State.BACKUP:
            self._listening.begin(now, peer)
        self._addresses.release(now)
        self._outbox.run(self._hooks.wish(Hook.DOWN))
        self._part(now)

    def _part(self, now: int) -> None:
        """Say what the leaving master has to say, once everything that it held is released."""
        if self._parting is None or self._hooks.settled is not Hook.DOWN or self._addresses.releasing:
            return
        parting, self._parting = self._parting, None
        self._say(parting, now)

    # Events.

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
        if not self._neutral:
            # A predecessor that crashed may have left the addresses behind.
            self._addresses.release(now)
        self._outbox.run(self._hooks.wish(Hook.DOWN))

    def _stop(self, now: int) -> None:
        self._stopping = True
        if self._state is State.MASTER:
            self._leave(Cause.STOPPED, now, parting=Saying.GOODBYE)
        elif self._state is State.BACKUP:
            self._enter(Cause.STOPPED)
        self._stop_listening()
        self._timers.cancel(Timer.BACK_OFF)

    def _stop_listening(self) -> None:
        self._listening.end()
        self._watch.rest()

    def _switch_over(self, event: SwitchOverRequested, now: int) -> None:
        if self._state is State.MASTER:
            self._hold_down.extend(now + event.hold_down)
            self._leave(Cause.SWITCHED_OVER, now, parting=Saying.GOODBYE)

    def _set_wall_clock(self, event: WallClockChanged, now: int) -> None:
        config, before = self.config, self._wall_offset
        self._wall_offset = event.offset
        if config.sealing is Sealing.OFF:
            return
        if before is not None and abs(event.offset - before) <= config.seal_window:
            return  # the clocks drift, and are slewed
        if before is not None and event.offset < before:
            self._speech.restart_ticks()
        self._receiver.begin_to_judge_seals(now + event.offset)
        if config.sealing is Sealing.ENFORCE:
            # For a window nothing is believed, and a sender may be a window behind: a master is heard later.
            self._hold_down.extend(now + 2 * config.seal_window + config.dead_time)
            if self._state is State.BACKUP:
                self._listening.begin(now, self._listening.peer)

    def _change_link(self, event: LinkChanged, now: int) -> None:
        self._link = event.link
        moved = bool(event.hardware_address) and self._speech.set_hardware_address(event.hardware_address)
        usable = self._link_is_usable()
        self._demotion.set(DemotionCause.LINK, event.interface, 0 if usable else self._demotion.weight)
        if not usable:
            self._send_errors.forget()
            self._note_send_errors()
            if self._state is State.MASTER:
                self._leave(Cause.LINK_DOWN, now, parting=None, detail=event.link.value)
            elif self._state is State.BACKUP:
                self._enter(Cause.LINK_DOWN, detail=event.link.value)
                self._stop_listening()
            self._parting = None
        elif self._state is State.INIT and not self._stopping:
            self._enter(Cause.LINK_UP)
            self._hold_down.extend(now + self.config.hold_down)
            self._listening.begin(now, None)
        elif moved and self._announcing.begun:
            self._announce(now)

    def _link_is_usable(self) -> bool:
        return self._link is Link.UP or (self._link is Link.NO_CARRIER and self.config.ignore_carrier)

    def _change_address(self, event: AddressChanged, now: int) -> None:
        if not self._addresses.concern(event):
            return
        if self._state is State.MASTER:
            if not event.present:
                self._restore_addresses(event, now)
        elif not self._neutral and self._addresses.remove_unwanted(event, now):
            self._serve(Timer.RELEASE, now)

    def _restore_addresses(self, event: AddressChanged, now: int) -> None:
        address = event.address.ip
        if self._addresses.restore(address, self._own_interval, now):
            self._announce(now, address)
        else:
            self._fail_to_hold(f"somebody keeps removing {event.address}", PortFailure.OTHER, now)

    def _finish_hook(self, event: HookFinished, now: int) -> None:
        if event.hook is not self._hooks.running:
            return
        if event.outcome is not HookOutcome.SUCCEEDED:
            self._outbox.notice(Notice.HOOK_FAILED, detail=f"{event.hook.value} hook: {event.detail}")
        self._outbox.run(self._hooks.finished())
        if self._state is State.MASTER:
            self._announce(now)
        else:
            self._part(now)

    def _take_failure(self, event: EffectFailed, now: int) -> None:
        if event.failure is PortFailure.TOO_LATE and self._state is State.MASTER:
            # We slept while we carried out what we had decided.
            self._leave(Cause.OVERSLEPT, now, parting=None)
        match event.effect:
            case HoldAddresses():
                if self._state is State.MASTER:
                    self._fail_to_hold(event.detail, event.failure, now)
            case ReleaseAddresses():
                self._retry_release(event, now)
            case RenewAddresses():
                # There is time for two more renewals before the lease runs out, and if it does, the kernel
                # tells that the address vanished.
                self._outbox.notice(Notice.RENEWAL_FAILED, failure=event.failure, detail=event.detail)
            case SendAdvertisement(saying=saying):
                self.statistics.advertisements_sent -= 1
                self._fail_to_advertise(saying, event)
            case Announce():
                self.statistics.announcements_sent -= 1
                self._tell_send_error(event)
            case RunHook(interface=interface, vhid=vhid, hook=hook):
                outcome = HookOutcome.NOT_STARTED
                ended = HookFinished(
                    interface=interface, vhid=vhid, hook=hook, outcome=outcome, detail=event.detail
                )
                self._finish_hook(ended, now)
            case _:
                assert_never(event.effect)

    def _fail_to_hold(self, detail: str, failure: PortFailure, now: int) -> None:
        wait = self._back_off.fail(now)
        self._hold_down.extend(now + wait)
        self._timers.set(Timer.BACK_OFF, now + wait)
        self._demotion.set(DemotionCause.ADDRESS_FAILURE, self.config.name, self._demotion.weight)
        self._leave(Cause.ADDRESS_FAILURE, now, parting=Saying.GOODBYE, detail=detail)
        self._outbox.notice(Notice.HOLDING_BACK, failure=failure, detail=f"{wait / SECOND:g} s")

    def _fail_to_advertise(self, saying: Saying, event: EffectFailed) -> None:
        self._tell_send_error(event)
        if event.failure is PortFailure.WITHHELD:
            if self._addresses.releasing:
                self._parting = saying  # it will be said when the release has worked
        elif saying is Saying.REGULAR and self._state is State.MASTER:
            self._send_errors.fail()
            self._note_send_errors()

    def _tell_send_error(self, event: EffectFailed) -> None:
        if event.failure in {PortFailure.TOO_LATE, PortFailure.WITHHELD}:
            return  # no fault of the network's
        self.statistics.send_errors += 1
        self._outbox.notice(Notice.SEND_FAILED, failure=event.failure, detail=event.detail)

    def _note_send_errors(self) -> None:
        amount = self._demotion.weight if self._send_errors.demoting else 0
        self._demotion.set(DemotionCause.SEND_ERRORS, self.config.name, amount)

    def _retry_release(self, event: EffectFailed, now: int) -> None:
        if self._state is State.MASTER:
            return
        if not self._addresses.fail_to_release(event, now, stopping=self._stopping):
            self._parting = None  # whoever still answers for an address does not say goodbye

    # The small change.

    def _enter(
        self,
        cause: Cause,
        *,
        peer: IPAddress | None = None,
        silence: int | None = None,
        rejected: tuple[tuple[DropReason, int], ...] = (),
        detail: str = "",
    ) -> None:
        """Change the state: the only place that does."""
        old, self._state = self._state, next_state(self._state, cause)
        self.statistics.transitions[old, self._state] += 1
        self._outbox.transition(
            old, self._state, cause, peer=peer, silence=silence, rejected=rejected, detail=detail
        )

    def _say(self, saying: Saying, now: int) -> None:
        wall = None if self._wall_offset is None else now + self._wall_offset
        said = self._speech.advertisements(saying, self._own_advskew, self.standing.demotion, wall)
        self._outbox.add(*said)
        self.statistics.advertisements_sent += len(said)
