"""What a virtual host makes of effects that could not be carried out."""

from typing import assert_never, final

from triocarp.core.demotion import DemotionCause
from triocarp.core.effects import (
    Announce,
    HoldAddresses,
    ReleaseAddresses,
    RenewAddresses,
    RunHook,
    Saying,
    SendAdvertisement,
)
from triocarp.core.events import EffectFailed, HookFinished, HookOutcome
from triocarp.core.mastership import Mastership
from triocarp.core.reasons import Cause, PortFailure
from triocarp.core.reports import Notice
from triocarp.core.timer_table import Timer
from triocarp.core.timing import SECOND
from triocarp.core.transitions import State
from triocarp.core.transport import Transport
from triocarp.core.virtual_host_parts import Parts


@final
class Failures:
    """Takes the failures of one virtual host's effects.

    Args:
        parts: of the virtual host.
        mastership: what a failure may end.
    """

    def __init__(self, parts: Parts, mastership: Mastership) -> None:
        self._config = parts.config
        self._demotion = parts.demotion
        self._statistics = parts.statistics
        self._timers = parts.timers
        self._outbox = parts.outbox
        self._addresses = parts.addresses
        self._send_errors = parts.send_errors
        self._hold_down = parts.hold_down
        self._back_off = parts.back_off
        self._mastership = mastership

    def take(self, event: EffectFailed, now: int) -> None:
        """Take note of a failure.

        Args:
            event: the failure.
            now: nanoseconds.
        """
        if event.failure is PortFailure.TOO_LATE and self._mastership.state is State.MASTER:
            # We slept while we carried out what we had decided.
            self._mastership.leave(Cause.OVERSLEPT, now, parting=None)
        match event.effect:
            case HoldAddresses():
                if self._mastership.state is State.MASTER:
                    self.fail_to_hold(event.detail, event.failure, now)
            case ReleaseAddresses():
                self._retry_release(event, now)
            case RenewAddresses():
                # There is time for two more renewals before the lease runs out, and if it does, the kernel
                # tells that the address vanished. A port may be slow to tell, and the lease somebody else's then.
                if self._mastership.state is State.MASTER:
                    self._outbox.notice(Notice.RENEWAL_FAILED, failure=event.failure, detail=event.detail)
            case SendAdvertisement(saying=saying):
                self._statistics.advertisements_sent -= 1
                self._fail_to_advertise(saying, event, now)
            case Announce():
                self._statistics.announcements_sent -= 1
                self._tell_send_error(event, now)
            case RunHook(interface=interface, vhid=vhid, hook=hook):
                outcome = HookOutcome.NOT_STARTED
                ended = HookFinished(
                    interface=interface, vhid=vhid, hook=hook, outcome=outcome, detail=event.detail
                )
                self._mastership.finish_hook(ended, now)
            case _:
                assert_never(event.effect)

    def fail_to_hold(self, detail: str, failure: PortFailure, now: int) -> None:
        """Leave mastership, and try again when the back-off is over.

        Args:
            detail: the port's own words, or ours.
            failure: what kind of failure it was.
            now: nanoseconds.
        """
        wait = self._back_off.fail(now)
        self._hold_down.extend(now + wait)
        self._timers.set(Timer.BACK_OFF, now + wait)
        self._demotion.set(DemotionCause.ADDRESS_FAILURE, self._config.name, self._demotion.weight)
        self._mastership.leave(Cause.ADDRESS_FAILURE, now, parting=Saying.GOODBYE, detail=detail)
        self._outbox.notice(Notice.HOLDING_BACK, failure=failure, detail=f"{wait / SECOND:g} s")

    def _fail_to_advertise(self, saying: Saying, event: EffectFailed, now: int) -> None:
        self._tell_send_error(event, now)
        if event.failure is PortFailure.WITHHELD:
            if self._addresses.releasing:
                self._mastership.parting = saying  # it will be said when the release has worked
        elif saying is Saying.REGULAR and self._mastership.state is State.MASTER:
            self._send_errors.fail()
            self._mastership.note_send_errors()

    def _tell_send_error(self, event: EffectFailed, now: int) -> None:
        if event.failure in {PortFailure.TOO_LATE, PortFailure.WITHHELD}:
            return  # no fault of the network's
        self._statistics.send_errors += 1
        if self._config.transport is Transport.UNICAST and isinstance(event.effect, SendAdvertisement):
            # A peer that is down stays so for a while, and is sent to all the same.
            self._outbox.peer_notice(
                Notice.SEND_FAILED, event.effect.destination, now, failure=event.failure, detail=event.detail
            )
        else:
            self._outbox.notice(Notice.SEND_FAILED, failure=event.failure, detail=event.detail)

    def _retry_release(self, event: EffectFailed, now: int) -> None:
        if self._mastership.state is State.MASTER:
            return
        if not self._addresses.fail_to_release(event, now, stopping=self._mastership.stopping):
            self._mastership.parting = None  # whoever still answers for an address does not say goodbye
