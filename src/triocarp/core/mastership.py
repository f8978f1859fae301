"""Being master: how a virtual host becomes it, what it does as such, and how it leaves.

The order of effects is the safety of the protocol. Becoming master: advertise first, because that silences
the other candidates; then hold the addresses; then announce them, after the up hook if there is one. Leaving:
release the addresses, run the down hook, and only then say goodbye, so that no two hosts ever answer.
"""

from typing import final

from triocarp.core.demotion import DemotionCause
from triocarp.core.effects import Hook, Saying
from triocarp.core.events import HookFinished, HookOutcome
from triocarp.core.family import IPAddress
from triocarp.core.listening import MasterDown
from triocarp.core.preference import Standing
from triocarp.core.reasons import Cause, DropReason
from triocarp.core.reports import Notice
from triocarp.core.timer_table import Timer
from triocarp.core.timing import SECOND
from triocarp.core.transitions import State, next_state
from triocarp.core.virtual_host_parts import Parts


@final
class Mastership:
    """The state of one virtual host, and what goes with every change of it.

    Args:
        parts: of the virtual host.

    Attributes:
        parting: what is still to be said when everything that was held is released.
        neutral: whether the addresses are left alone, because the host has not been master yet.
        stopping: whether the operator has asked the host to leave.
        wall_offset: nanoseconds to add to an instant to have the wall clock; None while that is unknown.
        yielded_at: when the host last left mastership to a peer, in nanoseconds; None if it never did.
    """

    __slots__ = (
        "_addresses",
        "_advertised",
        "_advertised_at",
        "_announcing",
        "_config",
        "_damper",
        "_demotion",
        "_hooks",
        "_left_as",
        "_listening",
        "_outbox",
        "_own",
        "_send_errors",
        "_speech",
        "_state",
        "_statistics",
        "_timers",
        "_watch",
        "neutral",
        "parting",
        "stopping",
        "wall_offset",
        "yielded_at",
    )

    def __init__(self, parts: Parts) -> None:
        self._config = parts.config
        self._demotion = parts.demotion
        self._statistics = parts.statistics
        self._own = parts.own
        self._timers = parts.timers
        self._outbox = parts.outbox
        self._addresses = parts.addresses
        self._hooks = parts.hooks
        self._speech = parts.speech
        self._announcing = parts.announcing
        self._send_errors = parts.send_errors
        self._listening = parts.listening
        self._watch = parts.watch
        self._damper = parts.damper
        self._state = State.INIT
        self._advertised_at = 0
        self._advertised = Standing(0, 0)
        self._left_as = Standing(0, 0)
        self.parting: Saying | None = None
        self.neutral = parts.config.neutral
        self.stopping = False
        self.wall_offset: int | None = None
        self.yielded_at: int | None = None

    @property
    def state(self) -> State:
        """The present state."""
        return self._state

    def become_master(self, cause: Cause, now: int, missed: MasterDown | None = None) -> None:
        """Become master: advertise, hold the addresses, run the up hook and announce.

        Args:
            cause: why.
            now: nanoseconds.
            missed: the silence, where that was the cause.
        """
        if missed is None:
            self.enter(cause, peer=self._listening.peer)
        else:
            peer, silence, rejected, detail = missed
            self.enter(cause, peer=peer, silence=silence, rejected=rejected, detail=detail)
        self._listening.end()
        self._watch.take_over(now)
        self.neutral = False
        self.advertise(now, renew=False)
        self._addresses.hold(self._own.interval, now)
        self._outbox.run(self._hooks.wish(Hook.UP))
        self.announce(now)

    def follow_demotion(self, hand_over_for: DemotionCause | None, now: int) -> None:
        """Leave, or advertise at once what the host counts for now if that has changed.

        Args:
            hand_over_for: a cause for which a master leaves; None if there is none.
            now: nanoseconds.
        """
        if hand_over_for is not None:
            cause = Cause.MAINTENANCE if hand_over_for is DemotionCause.MAINTENANCE else Cause.GROUP_FAILED
            self.leave(cause, now, parting=Saying.GOODBYE, detail=hand_over_for.value)
        elif self._own.standing != self._advertised:
            self.advertise(now)

    def advertise_on_time(self, now: int) -> None:
        """Advertise because the interval has passed, and announce again if that is due with it.

        Args:
            now: nanoseconds.
        """
        self.advertise(now)
        if self._announcing.advertise(now):
            self._send_announcements()

    def advertise(self, now: int, *, renew: bool = True) -> None:
        """Advertise now, and set the timer for the next time.

        Args:
            now: nanoseconds.
            renew: renew the lease of the addresses, too.
        """
        self._send_errors.begin_round()
        self.note_send_errors()
        self._say(Saying.REGULAR, now)
        self._advertised_at = now
        self._advertised = self._own.standing
        self._timers.set(Timer.ADVERTISEMENT, now + self._own.interval)
        if renew:
            self._addresses.renew(self._own.interval, now)

    def announce(self, now: int, only: IPAddress | None = None) -> None:
        """Announce now, unless the up hook is not done, and begin to count the advertisements to a repetition.

        Args:
            now: nanoseconds.
            only: of the addresses; None for all.
        """
        if self._hooks.settled is Hook.UP:
            self._announcing.begin(now)
            self._send_announcements(only)

    def _send_announcements(self, only: IPAddress | None = None) -> None:
        announcements = self._speech.announcements
        if only is not None:
            announcements = tuple(said for said in announcements if said.address.ip == only)
        self._statistics.announcements_sent += len(announcements)
        self._outbox.add(*announcements)

    def lose(self, cause: Cause, now: int, *, parting: Saying | None, peer: IPAddress) -> None:
        """Leave mastership to a peer.

        Args:
            cause: why.
            now: nanoseconds.
            parting: what to say when everything is released; None for nothing.
            peer: to whom.
        """
        self.leave(cause, now, parting=parting, peer=peer)
        self.yielded_at = now
        damped = self._damper.lose(now)
        if damped is not None:
            self._outbox.notice(Notice.FLAPPING, peer=peer, detail=f"{damped / SECOND:g} s")

    def leave(
        self,
        cause: Cause,
        now: int,
        *,
        parting: Saying | None,
        peer: IPAddress | None = None,
        detail: str = "",
    ) -> None:
        """Stop being master: release, run the down hook, say what there is to say.

        Args:
            cause: why.
            now: nanoseconds.
            parting: what to say when everything is released; None for nothing.
            peer: to whom, if a peer is the cause.
            detail: more words about the cause.
        """
        self.enter(cause, peer=peer, detail=detail)
        self._timers.cancel(Timer.ADVERTISEMENT, Timer.OTHER_MASTER, Timer.DEFENCE)
        self._announcing.end()
        self._send_errors.leave()
        self._watch.leave(peer, now)
        self.parting = parting
        self._left_as = self._own.standing
        if self._state is State.BACKUP:
            self._listening.begin(now, peer)
        self._addresses.release(now)
        self._outbox.run(self._hooks.wish(Hook.DOWN))
        self.part(now)

    def step_down_if_overslept(self, now: int) -> None:
        """Step down if the host could not say for a dead time that it is master.

        Stopped, suspended or starved: somebody else has taken over by now, and a goodbye would make a further
        backup take over from that one. With a dead ratio of 1 the dead time is the interval itself.
        """
        if self._state is not State.MASTER:
            return
        interval = self._own.interval
        limit = max(self._config.dead_time, interval + interval // 4)
        if now - self._advertised_at >= limit:
            self.leave(Cause.OVERSLEPT, now, parting=None)

    def part(self, now: int) -> None:
        """Say what the leaving master has to say, once everything that it held is released.

        Args:
            now: nanoseconds.
        """
        if self.parting is None or self._hooks.settled is not Hook.DOWN or self._addresses.releasing:
            return
        parting, self.parting = self.parting, None
        if parting is Saying.GOODBYE or self._own.standing >= self._left_as:
            self._say(parting, now)
        # Else a down hook took so long that a demotion has ended meanwhile: as the better one that we are again,
        # we would make the master yield, and nobody would be master until it has missed us for its dead time.

    def finish_hook(self, event: HookFinished, now: int) -> None:
        """Take note that a hook has ended, and do what waited for it.

        Args:
            event: says how.
            now: nanoseconds.
        """
        if event.hook is not self._hooks.running:
            return
        if event.outcome is not HookOutcome.SUCCEEDED:
            self._outbox.notice(Notice.HOOK_FAILED, detail=f"{event.hook.value} hook: {event.detail}")
        self._outbox.run(self._hooks.finished())
        if self._state is State.MASTER:
            self.announce(now)
        else:
            self.part(now)

    def note_send_errors(self) -> None:
        """Demote the host while its advertisements cannot be sent."""
        amount = self._demotion.weight if self._send_errors.demoting else 0
        self._demotion.set(DemotionCause.SEND_ERRORS, self._config.name, amount)

    def _say(self, saying: Saying, now: int) -> None:
        wall = None if self.wall_offset is None else now + self.wall_offset
        said = self._speech.advertisements(saying, self._own.advskew, self._own.standing.demotion, wall)
        self._outbox.add(*said)
        self._statistics.advertisements_sent += len(said)

    def enter(
        self,
        cause: Cause,
        *,
        peer: IPAddress | None = None,
        silence: int | None = None,
        rejected: tuple[tuple[DropReason, int], ...] = (),
        detail: str = "",
    ) -> None:
        """Change the state: the only place that does. The arguments are those of `StateChanged`."""
        old, self._state = self._state, next_state(self._state, cause)
        self._statistics.transitions[old, self._state] += 1
        self._outbox.transition(
            old, self._state, cause, peer=peer, silence=silence, rejected=rejected, detail=detail
        )
