"""What a virtual host makes of what it hears: whom it believes, who is preferred, and what follows from that."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, final

from triocarp.core.advertisement import Advertisement
from triocarp.core.effects import Saying
from triocarp.core.events import PacketReceived, WallClockChanged
from triocarp.core.family import IPAddress, family_of
from triocarp.core.mastership import Mastership
from triocarp.core.preference import Preference, Standing, compare, wins_tie
from triocarp.core.reasons import Cause, DropReason
from triocarp.core.receiver import DROPPED_FOR, Judgement
from triocarp.core.reports import Notice
from triocarp.core.sealed_counter import SealVerdict
from triocarp.core.sealing import Sealing
from triocarp.core.timer_table import Timer
from triocarp.core.timing import ADVSKEW_UNIT
from triocarp.core.transitions import State
from triocarp.core.virtual_host_parts import Parts

STAGGER: Final = 20_000
"""Nanoseconds that a backup waits, for each unit of its advskew, when the master says goodbye.

Several backups hear a goodbye at once. The preferred one goes first, and its advertisement keeps the others
from holding the address for a moment too: nothing for the host that is preferred, 5 ms at most for the others. A
demoted one waits longer; OpenBSD's byte counts like advskew here.
"""

ADVSKEW_MAX: Final = 255
"""Nobody waits for more units than this at a goodbye."""

_SPOKEN_TO: Final[Mapping[Saying, frozenset[Preference]]] = MappingProxyType(
    {
        Saying.GOODBYE: frozenset[Preference](),
        Saying.LAST: frozenset({Preference.BETTER}),
        Saying.CONCESSION: frozenset({Preference.BETTER, Preference.EQUAL}),
    }
)
"""Which masters may hear what a host still has to say when it hears one of them, beside what it is itself."""

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
class Hearing:
    """Compares the advertisements that one virtual host hears with its own.

    Args:
        parts: of the virtual host.
        mastership: what comparing may change.
    """

    def __init__(self, parts: Parts, mastership: Mastership) -> None:
        self._config = parts.config
        self._statistics = parts.statistics
        self._own = parts.own
        self._timers = parts.timers
        self._outbox = parts.outbox
        self._receiver = parts.receiver
        self._speech = parts.speech
        self._announcing = parts.announcing
        self._listening = parts.listening
        self._wakefulness = parts.wakefulness
        self._watch = parts.watch
        self._hold_down = parts.hold_down
        self._damper = parts.damper
        self._mastership = mastership
        self._overdue_interval = parts.config.overdue_interval

    def set_wall_clock(self, event: WallClockChanged, now: int) -> None:
        """Take note of how far the wall clock is from the clock of the instants.

        Args:
            event: says it.
            now: nanoseconds.
        """
        config, before = self._config, self._mastership.wall_offset
        self._mastership.wall_offset = event.offset
        if config.sealing is Sealing.OFF:
            return
        if before is not None and abs(event.offset - before) <= config.seal_window:
            return  # the clocks drift, and are slewed
        if before is not None and event.offset < before:
            self._speech.restart_ticks()
        self._receiver.begin_to_judge_seals(now + event.offset)
        if config.sealing is Sealing.ENFORCE:
            # For a window nothing is believed, and a sender may be a window behind: a master is heard later.
            self._listening.believe_from(now + 2 * config.seal_window)
            if self._mastership.state is State.BACKUP:
                self._listening.begin(now, self._listening.peer)

    def receive(self, packet: PacketReceived, advertisement: Advertisement, now: int) -> None:
        """Take note of an advertisement with our VHID.

        Args:
            packet: as received.
            advertisement: what it holds.
            now: nanoseconds.
        """
        judgement = self._receiver.judge(packet, advertisement, now, self._mastership.wall_offset)
        if judgement.reason is None:
            self._hear(packet.source, advertisement, judgement, now)
        else:
            self.drop(packet, judgement.reason, now, age=judgement.age)

    def drop(self, packet: PacketReceived, reason: DropReason, now: int, *, age: int = 0) -> None:
        """Count a packet for our VHID that is not believed, and tell of it.

        Args:
            packet: as received.
            reason: why.
            now: nanoseconds.
            age: how long ago it was sealed, in nanoseconds.
        """
        self._statistics.dropped[reason] += 1
        self._listening.reject(reason, family_of(packet.source))
        self._outbox.dropped(packet, reason)
        self._tell_of(reason, packet.source, now, age)

    def _hear(self, peer: IPAddress, advertisement: Advertisement, judgement: Judgement, now: int) -> None:
        demotion = advertisement.demotion if self._own.uses_byte else 0
        preference = compare(Standing(demotion, advertisement.interval), self._own.standing)
        if advertisement.is_goodbye:
            preference = Preference.WORSE  # nobody yields to who leaves, nor waits for it, whatever its byte says
        if self._mastership.parting is not None and preference not in _SPOKEN_TO[self._mastership.parting]:
            # What is still to be said comes too late. There is another master by now: our goodbye would make a
            # further backup take over from it, and a last advertisement would make a worse one yield.
            self._mastership.parting = None
        if self._mastership.state is State.INIT:
            return
        self._statistics.hear(peer)
        self._speech.hear(advertisement.counter)
        if judgement.key:
            self._outbox.peer_notice(Notice.OTHER_PASSWORD, peer, now)
        if judgement.seal is not None and judgement.seal is not SealVerdict.GENUINE:
            self._observe_seal(peer, judgement.seal, judgement.age, now)
        if self._mastership.state is State.MASTER:
            self._compare_as_master(peer, advertisement, preference, now)
        else:
            self._compare_as_backup(peer, advertisement, preference, now)

    def _observe_seal(self, peer: IPAddress, verdict: SealVerdict, age: int, now: int) -> None:
        if not self._receiver.excuses(verdict, peer):
            self._tell_of(DROPPED_FOR[verdict], peer, now, age)

    def _tell_of(self, reason: DropReason, peer: IPAddress, now: int, age: int) -> None:
        """Tell an operator of a packet that is not as it must be, if there is anything to do about it."""
        notice = _NOTICES.get(reason)
        if notice is None or (notice is Notice.STALE and self._wakefulness.explains(now - age, now)):
            return
        if notice is Notice.UNSEALED and self._receiver.has_sealed(peer):
            notice = Notice.SEAL_MISSING  # whoever believes that it does not seal would open the door to a forger
        self._outbox.peer_notice(notice, peer, now)

    def _compare_as_master(
        self, peer: IPAddress, advertisement: Advertisement, preference: Preference, now: int
    ) -> None:
        config, family = self._config, family_of(peer)
        interval = advertisement.interval or ADVSKEW_UNIT
        if preference is Preference.BETTER:
            last = Saying.LAST if config.dialect.last_advertisement_on_yield else None
            self._mastership.lose(Cause.BETTER_ADVERTISEMENT, now, parting=last, peer=peer)
            self._listening.expect(peer, family, interval, preference, now)
        elif preference is Preference.EQUAL and not wins_tie(
            config.dialect.tie_rule, config.sources[family], peer
        ):
            # Otherwise nothing is said on losing a tie: a BSD that heard an equal advertisement would yield as
            # well, and its backups would preempt a worse one.
            concession = Saying.CONCESSION if config.dialect.concedes_tie else None
            self._mastership.lose(Cause.TIE_LOST, now, parting=concession, peer=peer)
            self._listening.expect(peer, family, interval, preference, now)
        else:
            stays = False
            if advertisement.is_goodbye:
                self._watch.forget(peer, now)
            else:
                is_worse = preference is Preference.WORSE
                stays = self._watch.hear_beside_us(peer, interval, now, is_worse=is_worse)
            self._set_rival_timer()
            self._defend(peer, now, stays=stays)

    def _compare_as_backup(
        self, peer: IPAddress, advertisement: Advertisement, preference: Preference, now: int
    ) -> None:
        family, interval = family_of(peer), advertisement.interval or ADVSKEW_UNIT
        self._listening.hear(peer, family, interval, preference, now)
        if advertisement.is_goodbye:
            self._watch.hear_goodbye(peer)
        else:
            self._watch.hear_as_backup(peer, interval, now)
        if self._hold_down.holds(now) or self._listening.follows_another(peer, family, now):
            return  # the last word of a former master, or its goodbye, is no reason to take over from a good one
        overdue = interval > self._overdue_interval
        if advertisement.is_goodbye or (overdue and preference is not Preference.BETTER):
            # The next advertisement would come after our own dead time: no use to wait for it. A goodbye
            # is nothing but the extreme case, which is why every implementation understands it.
            units = min(self._own.advskew + self._own.standing.demotion, ADVSKEW_MAX)
            self._timers.set(Timer.MASTER_LEAVING, now + units * STAGGER)
            if self._timers.take(Timer.MASTER_LEAVING, now) is not None:
                self._mastership.become_master(Cause.MASTER_WILL_TIME_OUT, now)
        elif (
            preference is Preference.WORSE
            and advertisement.demotion > self._own.standing.demotion
            and self._own.uses_byte
        ):
            self._mastership.become_master(Cause.PEER_DEMOTED, now)
        elif self._may_preempt(now):
            self._mastership.become_master(Cause.PREEMPTING, now)

    def _may_preempt(self, now: int) -> bool:
        """Return whether a worse master has been heard for long enough, and we shall not let it be.

        Who has just yielded waits for an interval: when several hosts took over at once, the worse one may be on
        its way out as well, and the better one is still to be heard.
        """
        config, yielded_at = self._config, self._mastership.yielded_at
        if yielded_at is not None and now - yielded_at < self._own.interval:
            return False
        worse_for = self._listening.worse_for(now)
        waited = worse_for is not None and worse_for >= config.preempt_delay
        return config.preempt and waited and not self._damper.damps(now)

    def _defend(self, peer: IPAddress, now: int, *, stays: bool) -> None:
        """Announce against another master; only one that does not just yield or leave is worth a word."""
        due = self._announcing.defend(now)
        if due > now:
            # Its own announcement may have come after ours; clients would be with it until we announce again.
            self._timers.set(Timer.DEFENCE, due)
            return
        self._timers.cancel(Timer.DEFENCE)
        if stays:
            self._outbox.notice(Notice.WORSE_MASTER, peer=peer)
        self._mastership.announce(now)

    def defend_again(self, now: int) -> None:
        """Announce because of another master that was heard too soon after the last time.

        Args:
            now: nanoseconds.
        """
        self._announcing.defend(now)
        self._mastership.announce(now)

    def succeed(self, due: int, now: int) -> None:
        """Take over from a master that leaves, unless another one may have done so in our sleep.

        Args:
            due: when it was our turn, in nanoseconds.
            now: nanoseconds.
        """
        if not self._listening.awaits_successor(due, now):
            self._mastership.become_master(Cause.MASTER_WILL_TIME_OUT, now)

    def expire_rivals(self, now: int) -> None:
        """Take note that the time has come at which another master counts as silent.

        Args:
            now: nanoseconds.
        """
        self._watch.expire(now)
        self._set_rival_timer()

    def _set_rival_timer(self) -> None:
        deadline = self._watch.deadline
        if deadline is None:
            self._timers.cancel(Timer.OTHER_MASTER)
        else:
            self._timers.set(Timer.OTHER_MASTER, deadline)
