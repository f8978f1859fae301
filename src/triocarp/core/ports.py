"""What a host needs from the world: the ports through which a `Runner` carries out effects.

The real ones live in ``triocarp.linux`` and ``triocarp.daemon``, the simulated ones in ``carpsim``; one suite
of tests holds both to what is written here. What takes time (a script, the renewal of a lease) is
started here, and its end or its failure is reported later as an event.
"""

from dataclasses import dataclass
from typing import Protocol, final

from triocarp.core.effects import Effect, Hook, RenewAddresses
from triocarp.core.events import Event
from triocarp.core.family import IPInterface
from triocarp.core.reasons import PortFailure
from triocarp.core.reports import Report


@final
class PortError(Exception):
    """Raised by a port that could not do what it was asked.

    Attributes:
        failure: what kind of failure.
        detail: one sentence that names the object and the system's own words.
    """

    def __init__(self, failure: PortFailure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


class FramePort(Protocol):
    """Sends Ethernet frames."""

    def send(self, interface: str, frame: bytes) -> None:
        """Send one frame as it is.

        Args:
            interface: through which.
            frame: from the destination MAC on.

        Raises:
            PortError: `LINK_DOWN`, `NO_DEVICE`, `NO_BUFFER` or `OTHER`. The frame was not sent.
        """
        ...

    def send_packet(self, interface: str, packet: bytes) -> None:
        """Send one IP packet as it is, to the next hop that the system's routes and neighbours give.

        While the next hop's MAC is not known the system keeps the packet, and may lose it without a word.

        Args:
            interface: through which.
            packet: from the IP header on, IPv4 or IPv6, with whatever source address.

        Raises:
            PortError: `LINK_DOWN`, `NO_DEVICE`, `NO_ROUTE`, `NO_PERMISSION` (a firewall of this host), `NO_BUFFER`
                or `OTHER`. The packet was not sent.
        """
        ...


class AddressPort(Protocol):
    """Changes the addresses of interfaces, of both families. `hold` and `release` are complete when they return.

    An address of a virtual host with a `PolicyRouting` has its rule and its routes exactly while it is held. They
    come and go with it, all or nothing, and nobody else's are touched. Whoever makes a port that can do this tells
    it which addresses these are, from the configuration.

    An IPv6 address can be used as soon as it is there, without duplicate address detection (RFC 4862, section
    5.4), which would make it wait for a second. Mastership is what makes it unique.
    """

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        """Put addresses on an interface, or renew those that are there.

        All or nothing: when one of them fails, those that this call has added are taken off again.

        Args:
            interface: its name.
            addresses: with their prefix lengths.
            lease_s: seconds after which the kernel withdraws them unless they are held again.

        Raises:
            PortError: `NO_DEVICE`, `NO_PERMISSION`, `ADDRESS_TAKEN` (another interface of this host has the
                address), `NO_BUFFER` or `OTHER`.
        """
        ...

    def renew(self, renewal: RenewAddresses) -> None:
        """Renew the lease of addresses that were held, without waiting for it.

        Linux makes whoever changes an address wait while anybody else on the machine changes a network, and the
        next advertisement must not wait. So a port may do this later, beside everything else; what fails then
        becomes an `EffectFailed` event. What is released meanwhile stays released. A port that nobody holds up
        may leave this as it is.

        Args:
            renewal: the effect.

        Raises:
            PortError: what is known at once, as for `hold`.
        """
        self.hold(renewal.interface, renewal.addresses, renewal.lease_s)

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Take addresses off an interface, whatever prefix length they have there.

        An address, or an interface, that is not there is no error: what was wanted is so.

        Args:
            interface: its name.
            addresses: which.

        Raises:
            PortError: `NO_PERMISSION`, `NO_BUFFER` or `OTHER`; the addresses may still be there.
        """
        ...


class HookPort(Protocol):
    """Runs an operator's scripts."""

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Start a script without waiting for it; its end, however it ends, becomes a `HookFinished` event.

        Args:
            interface: of the virtual host.
            vhid: of the virtual host.
            hook: which script.
        """
        ...


class ReportPort(Protocol):
    """Tells people and programs what happened."""

    def report(self, report: Report) -> None:
        """Take note. Neither waits nor fails.

        Args:
            report: what happened.
        """
        ...


class JournalPort(Protocol):
    """Writes down every input and every effect, so that a run can be replayed; see `triocarp.core.journal`."""

    def record(self, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Take note of one event and of all that the node answered. Neither waits nor fails.

        Args:
            at: the instant that the node was told, in nanoseconds.
            event: what it was told.
            effects: what it answered.
        """
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All ports of one host.

    Attributes:
        frames: sends frames.
        addresses: changes addresses.
        hooks: runs scripts.
        reports: takes note.
        journal: writes down everything, if anybody does.
    """

    frames: FramePort
    addresses: AddressPort
    hooks: HookPort
    reports: ReportPort
    journal: JournalPort | None = None
