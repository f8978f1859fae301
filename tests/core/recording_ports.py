"""Ports that write down what they were asked for, keep the addresses, and fail or take their time when told to."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from triocarp.core import (
    AddressPort,
    Advertisement,
    CloseCall,
    FramePort,
    Hook,
    HookPort,
    IPAddress,
    IPInterface,
    Noticed,
    OneWaySuspected,
    PacketDropped,
    PacketReceived,
    PortError,
    PortFailure,
    Ports,
    Report,
    ReportPort,
    StateChanged,
    Stopped,
    TwoMasters,
    read_datagram,
)
from triocarp.core.advertisement import parse
from triocarp.core.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV6
from triocarp.core.neighbour_discovery import ICMPV6

_ETHERNET = 14
_NEXT_HEADER = _ETHERNET + 6
_ARP_SENDER_ADDRESS = slice(_ETHERNET + 14, _ETHERNET + 18)
_TARGET = slice(_ETHERNET + 40 + 8, _ETHERNET + 40 + 24)


class Deed(NamedTuple):
    """One thing that a port was asked for.

    Attributes:
        interface: where; empty for what concerns the whole machine.
        vhid: of the virtual host, where the port is told; a frame is dissected to find it.
        what: in a word or two; ends in `` failed`` where the port failed.
        about: the addresses that were held, released or announced, or the destination of an advertisement.
    """

    interface: str
    vhid: int | None
    what: str
    about: tuple[IPAddress, ...] = ()


class RecordingPorts(FramePort, AddressPort, HookPort, ReportPort):
    """All ports of one machine, in one record.

    Attributes:
        deeds: what was asked for, in order.
        frames: the frames that were sent, with their interface, in order; packets without Ethernet header as well.
        said: the last regular advertisement that each virtual host asked for, sent or not.
        reports: the reports, in order.
        held: what is on the interfaces.
        failing: the requests that fail: ``advertise``, ``goodbye``, ``announce``, ``hold``, ``release``, ``run``;
            with a VHID behind it, as in ``hold 7``, only that virtual host's; with an address, only what is
            about that.
        slow: nanoseconds that a request takes, before it is carried out.
        lag: nanoseconds that slow requests have taken since this was last set.
        running: the hooks that run.
        failure: how they fail.
    """

    def __init__(self, holders: dict[tuple[str, IPAddress], int]) -> None:
        self.deeds: list[Deed] = []
        self.frames: list[tuple[str, bytes]] = []
        self.said: dict[tuple[str, int], Advertisement] = {}
        self.reports: list[Report] = []
        self.held: set[tuple[str, IPAddress]] = set()
        self.leases: dict[tuple[str, IPAddress], int] = {}
        self.failing: set[str] = set()
        self.slow: dict[str, int] = {}
        self.lag = 0
        self.running: list[tuple[str, int, Hook]] = []
        self.failure = PortFailure.OTHER
        self._holders = holders

    @property
    def ports(self) -> Ports:
        """Itself in every role."""
        return Ports(frames=self, addresses=self, hooks=self, reports=self)

    def _do(
        self, interface: str, vhid: int | None, what: str, *, request: str, about: Iterable[IPAddress] = ()
    ) -> None:
        if f"a bug in {request}" in self.failing:
            raise ZeroDivisionError
        self.lag += self.slow.get(request, 0)
        about = tuple(about)
        if self.failing & {request, f"{request} {vhid}", *(f"{request} {address}" for address in about)}:
            self.deeds.append(Deed(interface, vhid, f"{what} failed", about))
            raise PortError(self.failure, f"{what} on {interface}: told to fail")
        self.deeds.append(Deed(interface, vhid, what, about))

    def send(self, interface: str, frame: bytes) -> None:
        """Write down an advertisement, a goodbye or an announcement."""
        ethertype = frame[12:14]
        if ethertype == ETHERTYPE_ARP:
            self._announce(interface, IPv4Address(frame[_ARP_SENDER_ADDRESS]))
        elif ethertype == ETHERTYPE_IPV6 and frame[_NEXT_HEADER] == ICMPV6:
            self._announce(interface, IPv6Address(frame[_TARGET]))
        else:
            self._advertise(interface, frame[_ETHERNET:])
        self.frames.append((interface, frame))

    def send_packet(self, interface: str, packet: bytes) -> None:
        """Write down an advertisement or a goodbye to a peer."""
        self._advertise(interface, packet)
        self.frames.append((interface, packet))

    def _announce(self, interface: str, address: IPAddress) -> None:
        self._do(interface, self._holders[interface, address], "announce", request="announce", about=(address,))

    def _advertise(self, interface: str, packet: bytes) -> None:
        read = read_datagram(interface, packet)
        assert isinstance(read, PacketReceived)
        said = parse(read.payload)
        what = "goodbye" if said.is_goodbye else "advertise"
        if not said.is_goodbye:
            self.said[interface, said.vhid] = said
        self._do(interface, said.vhid, what, request=what, about=(read.destination,))

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        """Hold addresses."""
        ips = [address.ip for address in addresses]
        self._do(interface, self._holders[interface, ips[0]], "hold", request="hold", about=ips)
        for ip in ips:
            self.held.add((interface, ip))
            self.leases[interface, ip] = lease_s

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Release addresses."""
        ips = [address.ip for address in addresses]
        self._do(interface, self._holders[interface, ips[0]], "release", request="release", about=ips)
        self.held.difference_update((interface, ip) for ip in ips)

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Take note that a hook runs; the test ends it."""
        self._do(interface, vhid, f"run {hook.value}", request="run")
        self.running.append((interface, vhid, hook))

    def report(self, report: Report) -> None:
        """Write down a report."""
        self.reports.append(report)
        match report:
            case Stopped():
                self.deeds.append(Deed("", None, "stopped"))
            case _:
                self.deeds.append(Deed(report.interface, report.vhid, _in_words(report)))


def _in_words(report: Report) -> str:
    match report:
        case StateChanged():
            return f"{report.old.value} -> {report.new.value}: {report.cause.value}"
        case PacketDropped():
            return f"dropped: {report.reason.value}"
        case Noticed():
            return f"notice: {report.notice.name}"
        case TwoMasters():
            return "two masters" if report.until is None else "two masters no more"
        case OneWaySuspected():
            return "one way"
        case CloseCall():
            return "close call"
        case Stopped():
            return "stopped"
