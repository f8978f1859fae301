"""What a virtual host has decided to do, in order, until the decision is complete."""

from typing import final

from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.effects import Effect, Hook, RunHook
from triocarp.core.events import PacketReceived
from triocarp.core.family import IPAddress
from triocarp.core.reasons import Cause, DropReason, PortFailure
from triocarp.core.reports import Notice, Noticed, PacketDropped, StateChanged
from triocarp.core.transitions import State


@final
class Outbox:
    """Collects the effects of one virtual host, and fills in whose they are.

    Args:
        config: of the virtual host.
    """

    __slots__ = ("_effects", "_interface", "_vhid")

    def __init__(self, config: VirtualHostConfig) -> None:
        self._interface = config.interface
        self._vhid = config.vhid
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
            PacketDropped(interface=self._interface, reason=reason, source=packet.source, vhid=self._vhid)
        )

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
