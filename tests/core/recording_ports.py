"""Ports that write down what they were asked for, keep the addresses, and fail when they are told to."""

from ipaddress import IPv4Address, IPv4Interface
from typing import NamedTuple

from triocarp.core import (
    AddressPort,
    FramePort,
    Hook,
    HookPort,
    Noticed,
    PacketDropped,
    PortError,
    PortFailure,
    Ports,
    Report,
    ReportPort,
    StateChanged,
    Stopped,
)
from triocarp.core.advertisement import parse
from triocarp.core.ethernet import ETHERTYPE_ARP

_ETHERNET_AND_IP = 14 + 20
_ARP_SENDER_ADDRESS = slice(14 + 14, 14 + 18)


class Deed(NamedTuple):
    """One thing that a port was asked for.

    Attributes:
        interface: where; empty for what concerns the whole machine.
        vhid: of the virtual host, where the port is told; a frame is dissected to find it.
        what: in a word or two; ends in `` failed`` where the port failed.
    """

    interface: str
    vhid: int | None
    what: str


class RecordingPorts(FramePort, AddressPort, HookPort, ReportPort):
    """All ports of one machine, in one record.

    Attributes:
        deeds: what was asked for, in order.
        frames: the frames that were sent, with their interface, in order.
        reports: the reports, in order.
        held: what is on the interfaces.
        failing: the requests that fail: ``advertise``, ``goodbye``, ``announce``, ``hold``, ``release``, ``run``;
            with a VHID behind it, as in ``hold 7``, only that virtual host's.
        running: the hooks that run.
        failure: how they fail.
    """

    def __init__(self, holders: dict[tuple[str, IPv4Address], int]) -> None:
        self.deeds: list[Deed] = []
        self.frames: list[tuple[str, bytes]] = []
        self.reports: list[Report] = []
        self.held: set[tuple[str, IPv4Address]] = set()
        self.leases: dict[tuple[str, IPv4Address], int] = {}
        self.failing: set[str] = set()
        self.running: list[tuple[str, int, Hook]] = []
        self.failure = PortFailure.OTHER
        self._holders = holders

    @property
    def ports(self) -> Ports:
        """Itself in every role."""
        return Ports(frames=self, addresses=self, hooks=self, reports=self)

    def _do(self, interface: str, vhid: int | None, what: str, *, request: str) -> None:
        if f"a bug in {request}" in self.failing:
            raise ZeroDivisionError
        if self.failing & {request, f"{request} {vhid}"}:
            self.deeds.append(Deed(interface, vhid, f"{what} failed"))
            raise PortError(self.failure, f"{what} on {interface}: told to fail")
        self.deeds.append(Deed(interface, vhid, what))

    def send(self, interface: str, frame: bytes) -> None:
        """Write down an advertisement, a goodbye or an announcement."""
        if frame[12:14] == ETHERTYPE_ARP:
            address = IPv4Address(frame[_ARP_SENDER_ADDRESS])
            self._do(interface, self._holders[interface, address], "announce", request="announce")
        else:
            said = parse(frame[_ETHERNET_AND_IP:])
            what = "goodbye" if said.is_goodbye else "advertise"
            self._do(interface, said.vhid, what, request=what)
        self.frames.append((interface, frame))

    def hold(self, interface: str, addresses: tuple[IPv4Interface, ...], lease_s: int) -> None:
        """Hold addresses."""
        self._do(interface, self._holders[interface, addresses[0].ip], "hold", request="hold")
        for address in addresses:
            self.held.add((interface, address.ip))
            self.leases[interface, address.ip] = lease_s

    def release(self, interface: str, addresses: tuple[IPv4Interface, ...]) -> None:
        """Release addresses."""
        self._do(interface, self._holders[interface, addresses[0].ip], "release", request="release")
        self.held.difference_update((interface, address.ip) for address in addresses)

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Take note that a hook runs; the test ends it."""
        self._do(interface, vhid, f"run {hook.value}", request="run")
        self.running.append((interface, vhid, hook))

    def report(self, report: Report) -> None:
        """Write down a report."""
        self.reports.append(report)
        match report:
            case StateChanged():
                what = f"{report.old.value} -> {report.new.value}: {report.cause.value}"
                self.deeds.append(Deed(report.interface, report.vhid, what))
            case PacketDropped():
                self.deeds.append(Deed(report.interface, report.vhid, f"dropped: {report.reason.value}"))
            case Noticed():
                self.deeds.append(Deed(report.interface, report.vhid, f"notice: {report.notice.name}"))
            case Stopped():
                self.deeds.append(Deed("", None, "stopped"))
