"""What a virtual host has decided to do, in order, until the decision is complete."""

from typing import final

from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.effects import Effect, Hook, RunHook
from triocarp.core.events import PacketReceived
from triocarp.core.family import IPAddress
from triocarp.core.notice_limit import NoticeLimit
from triocarp.core.reasons import Cause, DropReason, PortFailure
from triocarp.core.reports import (
    CloseCall,
    Notice,
    Noticed,
    OneWaySuspected,
    PacketDropped,
    StateChanged,
    TwoMasters,
)
from triocarp.core.transitions import State


@final
class Outbox:
    """Collects the effects of one virtual host, and fills in whose they are.

    Args:
        config: of the virtual host.
    """

    __slots__ = ("_effects", "_interface", "_limit", "_vhid")

    def __init__(self, config: VirtualHostConfig) -> None:
        self._interface = config.interface
        self._vhid = config.vhid
        self._limit = NoticeLimit()
        self._effects: list[Effect] = []

    def add(self, *effects: Effect) -> None:
        """Add effects that are complete.

        Args:
            effects: in order.
        """
        self._effects.extend(effects)

    def drain(self) -> tuple[Effect, ...]:
        """Return all effects and begin anew."""
        effects = tuple(self._effects)
        self._effects.clear()
        return effects

    def transition(
        self,
        old: State,
        new: State,
        cause: Cause,
        *,
        peer: IPAddress | None,
        silence: int | None,
        rejected: tuple[tuple[DropReason, int], ...],
        detail: str,
    ) -> None:
        """Report a change of state; the arguments are those of `StateChanged`."""
        self._effects.append(
            StateChanged(
                interface=self._interface,
                vhid=self._vhid,
                old=old,
                new=new,
                cause=cause,
                peer=peer,
                silence=silence,
                rejected=rejected,
                detail=detail,
            )
        )

    def dropped(self, packet: PacketReceived, reason: DropReason) -> None:
        """Report a packet that was dropped.

        Args:
            packet: as received.
            reason: why.
        """
        self._effects.append(
            PacketDropped(
                interface=self._interface,
                reason=reason,
                source=packet.source,
                vhid=self._vhid,
                destination=packet.destination,
                ttl=packet.ttl,
            )
        )

    def forged(self, count: int) -> None:
        """Report packets that a sieve has dropped.

        Args:
            count: how many.
        """
        reason = DropReason.BAD_AUTHENTICATION
        self._effects.append(PacketDropped(interface=self._interface, reason=reason, vhid=self._vhid, count=count))

    def notice(
        self,
        notice: Notice,
        *,
        peer: IPAddress | None = None,
        failure: PortFailure | None = None,
        detail: str = "",
    ) -> None:
        """Report something that changed no state; the arguments are those of `Noticed`."""
        self._effects.append(
            Noticed(
                interface=self._interface,
                vhid=self._vhid,
                notice=notice,
                peer=peer,
                failure=failure,
                detail=detail,
            )
        )

    def run(self, hook: Hook | None) -> None:
        """Ask for a hook, if there is one to run.

        Args:
            hook: which.
        """
        if hook is not None:
            self._effects.append(RunHook(interface=self._interface, vhid=self._vhid, hook=hook))

    def peer_notice(
        self, notice: Notice, peer: IPAddress, now: int, *, failure: PortFailure | None = None, detail: str = ""
    ) -> None:
        """Report something about a peer, unless the same was reported within a minute.

        Args:
            notice: what.
            peer: who.
            now: nanoseconds.
            failure: the failure, if there was one.
            detail: more words.
        """
        if self._limit.admits(notice, peer, now):
            self.notice(notice, peer=peer, failure=failure, detail=detail)

    def two_masters(self, peer: IPAddress, other: IPAddress | None, since: int, until: int | None = None) -> None:
        """Report two masters; the arguments are those of `TwoMasters`."""
        self._effects.append(
            TwoMasters(
                interface=self._interface, vhid=self._vhid, peer=peer, other=other, since=since, until=until
            )
        )

    def one_way(self, peer: IPAddress, advertisements: int, since: int) -> None:
        """Report a peer that seems not to hear us; the arguments are those of `OneWaySuspected`."""
        self._effects.append(
            OneWaySuspected(
                interface=self._interface, vhid=self._vhid, peer=peer, advertisements=advertisements, since=since
            )
        )

    def close_call(self, peer: IPAddress, silence: int, margin: int) -> None:
        """Report that a takeover came near; the arguments are those of `CloseCall`."""
        self._effects.append(
            CloseCall(interface=self._interface, vhid=self._vhid, peer=peer, silence=silence, margin=margin)
        )
