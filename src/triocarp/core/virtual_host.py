"""The state machine of one virtual host: one VHID on one interface.

Everything that one virtual host decides is decided here. `transitions` says which state follows a cause;
`Speech` builds what is said; `HookSequence`, `AddressGuard` and `BackOff` each keep one small promise.

The order of effects is the safety of the protocol. Becoming master: advertise first, because that silences
the other candidates; then hold the addresses; then announce them, after the up hook if there is one. Leaving:
release the addresses, run the down hook, and only then say goodbye, so that no two hosts ever answer.
"""

import enum
import random
from collections import Counter
from ipaddress import IPv4Address
from typing import Final, TypeAlias, assert_never, final

from triocarp.core.address_guard import AddressGuard
from triocarp.core.advertisement import Advertisement
from triocarp.core.announcement_schedule import AnnouncementSchedule
from triocarp.core.authentication import Authenticator
from triocarp.core.back_off import BackOff
from triocarp.core.configuration import VirtualHostConfig
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
    TimerExpired,
)
from triocarp.core.hook_sequence import HookSequence
from triocarp.core.outbox import Outbox
from triocarp.core.preference import Preference, compare, wins_tie
from triocarp.core.reasons import Cause, DropReason, PortFailure
from triocarp.core.reports import Notice
from triocarp.core.speech import Speech
from triocarp.core.statistics import Statistics
from triocarp.core.timing import SECOND, advertisement_interval
from triocarp.core.transitions import State, next_state

STAGGER: Final = 20_000
"""Nanoseconds that a backup waits, for each unit of its advskew, when the master says goodbye.

Several backups hear a goodbye at once. The preferred one goes first, and its advertisement keeps the others
from holding the address for a moment too: 5 ms at most, nothing for the host that is preferred.
"""

HostEvent: TypeAlias = (
    Started | TimerExpired | LinkChanged | AddressChanged | HookFinished | EffectFailed | StopRequested
)
"""What `VirtualHost.handle` takes: every event but packets, which `Node` reads first."""


@enum.unique
class Timer(enum.Enum):
    """What a virtual host waits for. Simultaneous ones are served in this order."""

    MASTER_DOWN = "master down"
    MASTER_LEAVING = "master leaving"
    ADVERTISEMENT = "advertisement"
    RELEASE = "release"


@final
class VirtualHost:
    """One virtual host.

    `handle` and `receive` are the only mutators; both return what must be done, in order.

    Args:
        config: of the virtual host.
        rng: gives the counter's first value.

    Attributes:
        config: of the virtual host.
        statistics: its counters.
    """

    def __init__(self, config: VirtualHostConfig, *, rng: random.Random) -> None:
        self.config = config
        self.statistics = Statistics()
        self._authenticator = Authenticator(config.password, config.vhid, (a.ip for a in config.addresses))
        self._speech = Speech(config, self._authenticator, rng)
        hooks = {hook for hook, exists in ((Hook.UP, config.up_hook), (Hook.DOWN, config.down_hook)) if exists}
        self._hooks = HookSequence(hooks, done=Hook.DOWN if config.neutral else None)
        self._guard = AddressGuard()
        self._back_off = BackOff()
        self._state = State.INIT
        self._link = Link.ABSENT
        self._stopping = False
        self._neutral = config.neutral
        self._timers: dict[Timer, int] = {}
        self._outbox = Outbox(config)
        # What was heard: for the explanation of a takeover.
        self._listening_since = 0
        self._peer: IPv4Address | None = None
        self._rejected: Counter[DropReason] = Counter()
        # What was said.
        self._advertised_at = 0
        self._announcing = AnnouncementSchedule(config.announce_after)
        self._parting: Saying | None = None
        self._parted: Saying | None = None
        # The effects that never change are made once.
        interface, vhid, addresses, lease_s = config.interface, config.vhid, config.addresses, config.lease_s
        self._hold = HoldAddresses(interface=interface, vhid=vhid, addresses=addresses, lease_s=lease_s)
        self._renew = RenewAddresses(interface=interface, vhid=vhid, addresses=addresses, lease_s=lease_s)
        self._release_all = ReleaseAddresses(interface=interface, vhid=vhid, addresses=addresses)

    @property
    def state(self) -> State:
        """The present state."""
        return self._state

    @property
    def deadline(self) -> int | None:
        """The instant by which `TimerExpired` must be handled, in nanoseconds; None if there is none."""
        return min(self._timers.values(), default=None)

    @property
    def takeover_due(self) -> int | None:
        """The instant at which the host becomes master unless it hears one, in nanoseconds; None if there is none.

        A driver that knows it can get ready; nothing depends on that.
        """
        return self._timers.get(Timer.MASTER_DOWN)

    @property
    def stopped(self) -> bool:
        """Whether the operator's stop is complete: released, goodbye said, hooks ended."""
        return self._stopping and self._hooks.running is None and Timer.RELEASE not in self._timers

    def demoted(self, now: int) -> bool:
        """Return whether the host counts as worse than it is configured.

        Args:
            now: nanoseconds.
        """
        return self._back_off.holds_back(now)

    def handle(self, event: HostEvent, now: int) -> tuple[Effect, ...]:
        """Take note of an event and return what must be done.

        Args:
            event: anything but a packet.
            now: nanoseconds.
        """
        self._step_down_if_overslept(now)
        match event:
            case Started():
                self._start(now)
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
            case StopRequested():
                self._stop(now)
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
        self.statistics.received += 1
        reason = self._reason_to_drop(packet, advertisement)
        if reason is not None:
            self._drop(packet, reason)
        else:
            self._hear(packet.source, advertisement, now)
        return self._outbox.drain()

    def reject(self, packet: PacketReceived, reason: DropReason) -> tuple[Effect, ...]:
        """Count a packet that claims our VHID but cannot be read, and return the report.

        Args:
            packet: as received.
            reason: why it is dropped.
        """
        self.statistics.received += 1
        self._drop(packet, reason)
        return self._outbox.drain()

    # What is heard.

    def _reason_to_drop(self, packet: PacketReceived, advertisement: Advertisement) -> DropReason | None:
        if packet.source == self.config.source:
            # Our own frame came back. Counter and digest would not tell: two hosts that both go on from a
            # third one's counter send identical headers.
            return DropReason.OWN
        if packet.destination != self.config.group:
            return DropReason.BAD_DESTINATION
        if not self._authenticator.verifies(advertisement):
            return DropReason.BAD_AUTHENTICATION
        return None

    def _drop(self, packet: PacketReceived, reason: DropReason) -> None:
        self.statistics.dropped[reason] += 1
        self._rejected[reason] += 1
        self._outbox.dropped(packet, reason)

    def _hear(self, peer: IPv4Address, advertisement: Advertisement, now: int) -> None:
        preference = compare(advertisement.interval, self._own_interval(now))
        if self._parting is Saying.GOODBYE or preference is not Preference.BETTER:
            # What is still to be said comes too late. There is another master by now: our goodbye would make a
            # further backup take over from it, and a last advertisement would make a worse one yield.
            self._parting = None
        if self._state is State.INIT:
            return
        self._speech.hear(advertisement.counter)
        if self._state is State.MASTER:
            self._compare_as_master(peer, preference, now)
        else:
            self._compare_as_backup(peer, preference, advertisement.interval, now)

    def _compare_as_master(self, peer: IPv4Address, preference: Preference, now: int) -> None:
        config = self.config
        if preference is Preference.BETTER:
            last = Saying.LAST if config.dialect.last_advertisement_on_yield else None
            self._leave(Cause.BETTER_ADVERTISEMENT, now, parting=last, peer=peer)
        elif preference is Preference.EQUAL and not wins_tie(config.dialect.tie_rule, config.source, peer):
            # Nothing is said on losing a tie: a BSD that heard an equal advertisement would yield as well.
            self._leave(Cause.TIE_LOST, now, parting=None, peer=peer)
        else:
            self._defend(peer, now)

    def _compare_as_backup(self, peer: IPv4Address, preference: Preference, peer_interval: int, now: int) -> None:
        self._listen(now, peer)
        if preference is not Preference.WORSE or self._back_off.holds_back(now):
            return
        if peer_interval > self.config.dead_time:
            # The next advertisement would come after our own dead time: no use to wait for it. A goodbye
            # is nothing but the extreme case, which is why every implementation understands it.
            self._timers[Timer.MASTER_LEAVING] = now + self.config.advskew * STAGGER
            self._serve(Timer.MASTER_LEAVING, now)
        elif self.config.preempt:
            self._become_master(Cause.PREEMPTING, now)

    def _defend(self, peer: IPv4Address, now: int) -> None:
        if self._announcing.defend(now):
            self._outbox.notice(Notice.WORSE_MASTER, peer=peer)
            self._announce()

    # Time.

    def _own_interval(self, now: int) -> int:
        return advertisement_interval(self.config.advbase_s, self._own_advskew(now))

    def _own_advskew(self, now: int) -> int:
        own = self.config.advskew
        return max(own, self.config.dialect.demoted_advskew) if self.demoted(now) else own

    def _listen(self, now: int, peer: IPv4Address | None) -> None:
        """Wait for a master's next advertisement, for the dead time at least."""
        self._listening_since = now
        self._peer = peer
        self._rejected.clear()
        self._timers.pop(Timer.MASTER_LEAVING, None)
        self._timers[Timer.MASTER_DOWN] = self._back_off.not_before(now + self.config.dead_time)

    def _serve(self, timer: Timer, now: int) -> None:
        """Do what the timer is for, if it is due."""
        due = self._timers.get(timer)
        if due is None or now < due:
            return
        del self._timers[timer]
        match timer:
            case Timer.MASTER_DOWN:
                if now - due >= self.config.dead_time:
                    # We slept, and do not know what was said meanwhile: nothing may be heard in our silence.
                    self._listen(now, None)
                else:
                    self._become_master(Cause.MASTER_TIMED_OUT, now)
            case Timer.MASTER_LEAVING:
                self._become_master(Cause.MASTER_WILL_TIME_OUT, now)
            case Timer.ADVERTISEMENT:
                self._advertise(now)
                if self._announcing.advertise():
                    self._send_announcements()
            case Timer.RELEASE:
                self._release(now)
                self._part(now)
            case _:
                assert_never(timer)

    def _step_down_if_overslept(self, now: int) -> None:
        """Step down if the host could not say for a dead time that it is master.

        Stopped, suspended or starved: somebody else has taken over by now, and a goodbye would make a further
        backup take over from that one. With a dead ratio of 1 the dead time is the interval itself.
        """
        interval = self.config.interval
        limit = max(self.config.dead_time, interval + interval // 4)
        if self._state is State.MASTER and now - self._advertised_at >= limit:
            self._leave(Cause.OVERSLEPT, now, parting=None)

    # Becoming and being master.

    def _become_master(self, cause: Cause, now: int) -> None:
        silence = now - self._listening_since if cause is Cause.MASTER_TIMED_OUT else None
        self._enter(cause, peer=self._peer, silence=silence)
        self._timers.pop(Timer.MASTER_DOWN, None)
        self._timers.pop(Timer.MASTER_LEAVING, None)
        self._timers.pop(Timer.RELEASE, None)
        self._neutral = False
        self._advertise(now, renew=False)
        if self.config.manages_addresses:
            self._outbox.add(self._hold)
        self._outbox.run(self._hooks.wish(Hook.UP))
        self._announce()

    def _advertise(self, now: int, *, renew: bool = True) -> None:
        self._say(Saying.REGULAR, now)
        self._advertised_at = now
        self._timers[Timer.ADVERTISEMENT] = now + self._own_interval(now)
        if renew and self.config.manages_addresses:
            self._outbox.add(self._renew)

    def _announce(self) -> None:
        """Announce now, unless the up hook is not done, and begin to count the advertisements to a repetition."""
        if self._hooks.settled is Hook.UP:
            self._announcing.begin()
            self._send_announcements()

    def _send_announcements(self) -> None:
        announcements = self._speech.announcements
        self.statistics.announcements_sent += len(announcements)
        self._outbox.add(*announcements)

    # Leaving.

    def _leave(
        self,
        cause: Cause,
        now: int,
        *,
        parting: Saying | None,
        peer: IPv4Address | None = None,
        detail: str = "",
    ) -> None:
        """Stop being master: release, run the down hook, say what there is to say."""
        self._enter(cause, peer=peer, detail=detail)
        self._timers.pop(Timer.ADVERTISEMENT, None)
        self._announcing.end()
        self._parting = parting
        if self._state is State.BACKUP:
            self._listen(now, peer)
        self._release(now)
        self._outbox.run(self._hooks.wish(Hook.DOWN))
        self._part(now)

    def _release(self, now: int) -> None:
        if self.config.manages_addresses:
            self._guard.released(now)
            self._outbox.add(self._release_all)
        self._parted = None

    def _part(self, now: int) -> None:
        """Say what the leaving master has to say, once everything that it held is released."""
        if self._parting is None or self._hooks.settled is not Hook.DOWN or Timer.RELEASE in self._timers:
            return
        self._say(self._parting, now)
        self._parting, self._parted = None, self._parting

    # Events.

    def _start(self, now: int) -> None:
        if not self._neutral:
            # A predecessor that crashed may have left the addresses behind.
            self._release(now)
        self._outbox.run(self._hooks.wish(Hook.DOWN))

    def _stop(self, now: int) -> None:
        self._stopping = True
        if self._state is State.MASTER:
            self._leave(Cause.STOPPED, now, parting=Saying.GOODBYE)
        elif self._state is State.BACKUP:
            self._enter(Cause.STOPPED)
        for timer in (Timer.MASTER_DOWN, Timer.MASTER_LEAVING):
            self._timers.pop(timer, None)

    def _change_link(self, event: LinkChanged, now: int) -> None:
        self._link = event.link
        moved = bool(event.hardware_address) and self._speech.set_hardware_address(event.hardware_address)
        if not self._link_is_usable():
            if self._state is State.MASTER:
                self._leave(Cause.LINK_DOWN, now, parting=None, detail=event.link.value)
            elif self._state is State.BACKUP:
                self._enter(Cause.LINK_DOWN, detail=event.link.value)
                self._timers.pop(Timer.MASTER_DOWN, None)
                self._timers.pop(Timer.MASTER_LEAVING, None)
            self._parting = None
        elif self._state is State.INIT and not self._stopping:
            self._enter(Cause.LINK_UP)
            self._listen(now, None)
        elif moved and self._announcing.begun:
            self._announce()

    def _link_is_usable(self) -> bool:
        return self._link is Link.UP or (self._link is Link.NO_CARRIER and self.config.ignore_carrier)

    def _change_address(self, event: AddressChanged, now: int) -> None:
        config = self.config
        if not config.manages_addresses or event.address.ip not in {address.ip for address in config.addresses}:
            return
        if self._state is State.MASTER:
            if not event.present:
                self._restore_addresses(event, now)
        elif event.present and not self._neutral and Timer.RELEASE not in self._timers:
            self._outbox.notice(Notice.ADDRESS_REMOVED, detail=str(event.address))
            self._timers[Timer.RELEASE] = self._guard.next_release(now)
            self._serve(Timer.RELEASE, now)

    def _restore_addresses(self, event: AddressChanged, now: int) -> None:
        if not self._guard.insists(now):
            self._fail_to_hold(f"somebody keeps removing {event.address}", PortFailure.OTHER, now)
            return
        self._outbox.notice(Notice.ADDRESS_RESTORED, detail=str(event.address))
        self._outbox.add(self._hold)
        self._announce()

    def _finish_hook(self, event: HookFinished, now: int) -> None:
        if event.hook is not self._hooks.running:
            return
        if event.outcome is not HookOutcome.SUCCEEDED:
            self._outbox.notice(Notice.HOOK_FAILED, detail=f"{event.hook.value} hook: {event.detail}")
        self._outbox.run(self._hooks.finished())
        if self._state is State.MASTER:
            self._announce()
        else:
            self._part(now)

    def _take_failure(self, event: EffectFailed, now: int) -> None:
        match event.effect:
            case HoldAddresses():
                if self._state is State.MASTER:
                    if self._announcing.begun:
                        # They stood behind the hold, and so were never sent.
                        self.statistics.announcements_sent -= len(self._speech.announcements)
                    self._fail_to_hold(event.detail, event.failure, now)
            case ReleaseAddresses():
                self._retry_release(event, now)
            case RenewAddresses():
                # There is time for two more renewals before the lease runs out, and if it does, the kernel
                # tells that the address vanished.
                self._outbox.notice(Notice.RENEWAL_FAILED, failure=event.failure, detail=event.detail)
            case SendAdvertisement():
                self.statistics.advertisements_sent -= 1
                self._fail_to_send(event)
            case Announce():
                self.statistics.announcements_sent -= 1
                self._fail_to_send(event)
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
        self._leave(Cause.ADDRESS_FAILURE, now, parting=Saying.GOODBYE, detail=detail)
        self._outbox.notice(Notice.HOLDING_BACK, failure=failure, detail=f"{wait / SECOND:g} s")

    def _fail_to_send(self, event: EffectFailed) -> None:
        self.statistics.send_errors += 1
        self._outbox.notice(Notice.SEND_FAILED, failure=event.failure, detail=event.detail)

    def _retry_release(self, event: EffectFailed, now: int) -> None:
        if self._state is State.MASTER:
            return
        self._outbox.notice(Notice.RELEASE_FAILED, failure=event.failure, detail=event.detail)
        if self._parted is not None:
            # It stood behind the release, and so was never sent.
            self.statistics.advertisements_sent -= 1
            self._parting, self._parted = self._parted, None
        if self._stopping and self._guard.gives_up_releasing():
            self._parting = None  # whoever still answers for an address does not say goodbye
        else:
            self._timers[Timer.RELEASE] = self._guard.next_release(now)

    # The small change.

    def _enter(
        self, cause: Cause, *, peer: IPv4Address | None = None, silence: int | None = None, detail: str = ""
    ) -> None:
        """Change the state: the only place that does."""
        old, self._state = self._state, next_state(self._state, cause)
        self.statistics.transitions[old, self._state] += 1
        rejected = () if silence is None else tuple(sorted(self._rejected.items(), key=_by_name))
        self._outbox.transition(
            old, self._state, cause, peer=peer, silence=silence, rejected=rejected, detail=detail
        )

    def _say(self, saying: Saying, now: int) -> None:
        self._outbox.add(self._speech.advertisement(saying, self._own_advskew(now)))
        self.statistics.advertisements_sent += 1


def _by_name(item: tuple[DropReason, int]) -> str:
    return item[0].value
