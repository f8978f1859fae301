"""Holds, renews and releases the addresses of one virtual host, and insists when somebody else changes them."""

from dataclasses import replace
from typing import Final, final

from triocarp.core.address_guard import AddressGuard
from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.effects import HoldAddresses, ReleaseAddresses, RenewAddresses
from triocarp.core.events import AddressChanged, EffectFailed
from triocarp.core.family import IPAddress
from triocarp.core.outbox import Outbox
from triocarp.core.reports import Notice
from triocarp.core.timer_table import Timer, TimerTable
from triocarp.core.timing import SECOND, lease_seconds

RENEWALS_OF_A_LEASE: Final = 3
"""A lease is renewed when this part of it is used: if a renewal fails, there is time for two more."""


@final
class AddressKeeping:
    """The addresses of one virtual host. Where hooks manage them, nothing here does anything.

    Args:
        config: of the virtual host.
        outbox: takes the effects.
        timers: of the virtual host; `Timer.RELEASE` is kept here.
    """

    __slots__ = (
        "_config",
        "_guard",
        "_hold",
        "_lapsed_at",
        "_lease_end",
        "_outbox",
        "_release",
        "_renew",
        "_renew_by",
        "_timers",
        "_virtual",
    )

    def __init__(self, config: VirtualHostConfig, outbox: Outbox, timers: TimerTable) -> None:
        self._config = config
        self._outbox = outbox
        self._timers = timers
        self._guard = AddressGuard()
        self._virtual = {address.ip: address for address in config.addresses}
        # The effects that rarely change are made once.
        self._hold, self._renew = self._leased(config.lease_s)
        self._renew_by = 0
        self._lease_end = 0
        self._lapsed_at: int | None = None
        self._release = ReleaseAddresses(interface=config.interface, vhid=config.vhid, addresses=config.addresses)

    @property
    def releasing(self) -> bool:
        """Whether a release must be tried again."""
        return self._timers.due(Timer.RELEASE) is not None

    def hold(self, interval: int, now: int) -> None:
        """Put the addresses on the interface.

        Args:
            interval: until the next advertisement, in nanoseconds; a demoted host's is longer than configured.
            now: nanoseconds.
        """
        self._timers.cancel(Timer.RELEASE)
        self._set_lease(interval)
        if self._config.manages_addresses:
            self._outbox.add(self._hold)
            self._begin_lease(now)

    def renew(self, interval: int, now: int) -> None:
        """Renew the lease, unless the next advertisement is early enough for that.

        Args:
            interval: until the next advertisement, in nanoseconds.
            now: nanoseconds.
        """
        self._set_lease(interval)
        if self._config.manages_addresses and now + interval > self._renew_by:
            self._outbox.add(self._renew)
            self._begin_lease(now)

    def release(self, now: int) -> None:
        """Take the addresses off the interface.

        Args:
            now: nanoseconds.
        """
        if self._config.manages_addresses:
            if now >= self._lease_end:
                self._lapsed_at = now
            self._guard.released(now)
            self._outbox.add(self._release)

    def concern(self, event: AddressChanged) -> bool:
        """Return whether a change is about an address that we manage.

        Args:
            event: the change.
        """
        return self._config.manages_addresses and event.address.ip in self._virtual

    def restore(self, address: IPAddress, interval: int, now: int) -> bool:
        """Put back an address that vanished, and return true; unless it vanishes too often.

        Args:
            address: which of the virtual ones.
            interval: until the next advertisement, in nanoseconds.
            now: nanoseconds.
        """
        if not self._guard.insists(address, now):
            return False
        vanished = self._virtual[address]
        lapsed = self._lapsed_at is not None and now - self._lapsed_at < SECOND
        reason = "its lease ran out while this host did not run" if lapsed else ""
        self._outbox.notice(Notice.ADDRESS_RESTORED, detail=", ".join(filter(None, (str(vanished), reason))))
        self._set_lease(interval)
        # Only this one: when somebody empties an interface, each address that was there is told of.
        self._outbox.add(replace(self._hold, addresses=(vanished,)))
        return True

    def remove_unwanted(self, event: AddressChanged, now: int) -> bool:
        """Plan a release because somebody put an address there, unless one is planned; return whether it is new.

        Args:
            event: what appeared.
            now: nanoseconds.
        """
        if not event.present or self.releasing:
            return False
        self._outbox.notice(Notice.ADDRESS_REMOVED, detail=str(event.address))
        self._timers.set(Timer.RELEASE, self._guard.next_release(now))
        return True

    def fail_to_release(self, event: EffectFailed, now: int, *, stopping: bool) -> bool:
        """Take note that a release failed, and return whether it will be tried again.

        Args:
            event: the failure.
            now: nanoseconds.
            stopping: whether the host leaves, and cannot wait for ever.
        """
        self._outbox.notice(Notice.RELEASE_FAILED, failure=event.failure, detail=event.detail)
        if stopping and self._guard.gives_up_releasing():
            return False
        self._timers.set(Timer.RELEASE, self._guard.next_release(now))
        return True

    def _set_lease(self, interval: int) -> None:
        lease_s = lease_seconds(interval, self._config.dead_time)
        if lease_s != self._hold.lease_s:
            self._hold, self._renew = self._leased(lease_s)
            self._renew_by = 0  # what the kernel has is another lease

    def _begin_lease(self, now: int) -> None:
        lease = self._hold.lease_s * SECOND
        self._renew_by = now + lease // RENEWALS_OF_A_LEASE
        self._lease_end = now + lease

    def _leased(self, lease_s: int) -> tuple[HoldAddresses, RenewAddresses]:
        interface, vhid, addresses = self._config.interface, self._config.vhid, self._config.addresses
        return (
            HoldAddresses(interface=interface, vhid=vhid, addresses=addresses, lease_s=lease_s),
            RenewAddresses(interface=interface, vhid=vhid, addresses=addresses, lease_s=lease_s),
        )
