"""A host whose ports write down when they were asked for what, and fail when they are told to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from typing import final

from carpsim.engine import Engine
from carpsim.segment import Segment
from carpsim.virtual_time import DrivenHost, Hooks
from triocarp.core import (
    Advertisement,
    Authenticator,
    CloseCall,
    Event,
    Hook,
    IPInterface,
    Noticed,
    OneWaySuspected,
    PacketDropped,
    PacketReceived,
    PortError,
    PortFailure,
    Ports,
    RenewAddresses,
    Report,
    State,
    StateChanged,
    Stopped,
    TwoMasters,
    VirtualHostConfig,
    covered_addresses,
)
from triocarp.core.advertisement import GOODBYE, parse
from triocarp.core.ethernet import ETHERTYPE_ARP
from triocarp.daemon.driver import Source, Timer

VIP = IPv4Interface("10.0.0.100/24")
PEER = IPv4Address("10.0.0.9")
_ADVERTISEMENT = 14 + 20


def config(
    octet: int = 5, *, advskew: int = 0, preempt: bool = False, up: bool = False, down: bool = False
) -> VirtualHostConfig:
    """Return a virtual host on 10.0.0.0/24 with ucarp's defaults, which manages its address itself."""
    return VirtualHostConfig(
        interface="eth0",
        vhid=7,
        password=b"secret",
        addresses=(VIP,),
        source=IPv4Address(f"10.0.0.{octet}"),
        advskew=advskew,
        preempt=preempt,
        up_hook=up,
        down_hook=down,
    )


def advertisement(*, advbase_s: int = 1, advskew: int = 0, vhid: int = 7) -> PacketReceived:
    """Return the arrival of a genuine advertisement of a peer."""
    payload = Advertisement(
        vhid=vhid,
        advskew=advskew,
        advbase_s=advbase_s,
        counter=1,
        digest=Authenticator(b"secret", vhid, covered_addresses((VIP.ip,))).digest(1),
    ).build()
    return PacketReceived(
        interface="eth0", source=PEER, destination=IPv4Address("224.0.0.18"), ttl=255, payload=payload
    )


def has_address(driven: DrivenHost) -> bool:
    """Return whether the virtual address is on a host's interface."""
    interface = driven.network.interface("eth0")
    return interface is not None and bool(interface.variants_of(VIP.ip))


def state(driven: DrivenHost) -> State:
    """Return the state of a host's virtual host."""
    return driven.driver.node.virtual_hosts["eth0", 7].state


def goodbye() -> PacketReceived:
    """Return the arrival of a goodbye of a peer."""
    return advertisement(advbase_s=GOODBYE, advskew=GOODBYE)


@final
@dataclass(eq=False)
class Journal:
    """All ports of one host in front of its simulated ones.

    Attributes:
        engine: of its world.
        entries: each with its instant in nanoseconds.
        failing: what each failing request raises: ``advertise``, ``goodbye``, ``announce``, ``hold``, ``renew``,
            ``release``.
    """

    engine: Engine = field(default_factory=Engine)
    entries: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    failing: dict[str, Exception] = field(default_factory=dict[str, Exception])
    _ports: Ports | None = None

    def wrap(self, ports: Ports) -> Ports:
        """Return these ports, with the journal in front of them."""
        self._ports = ports
        return Ports(frames=self, addresses=self, hooks=self, reports=self)

    def refuse(self, *requests: str) -> None:
        """Have requests fail as ports fail, from now on."""
        for request in requests:
            self.failing[request] = PortError(PortFailure.OTHER, "told to fail")

    def when(self, what: str) -> list[int]:
        """Return the instants of one kind of entry, in nanoseconds."""
        return [instant for instant, entry in self.entries if entry == what]

    def deeds(self, begin: int = 0) -> list[str]:
        """Return what was done from an instant on, without the instants."""
        return [entry for instant, entry in self.entries if instant >= begin]

    def _do(self, what: str) -> Ports:
        assert self._ports is not None
        failure = self.failing.get(what)
        self._note(f"{what} fails" if failure else what)
        if failure:
            raise failure
        return self._ports

    def _note(self, what: str) -> None:
        self.entries.append((self.engine.now, what))

    def send(self, interface: str, frame: bytes) -> None:
        """Write down an advertisement, a goodbye or an announcement, and send it."""
        if frame[12:14] == ETHERTYPE_ARP:
            what = "announce"
        else:
            what = "goodbye" if parse(frame[_ADVERTISEMENT:]).is_goodbye else "advertise"
        self._do(what).frames.send(interface, frame)

    def send_packet(self, interface: str, packet: bytes) -> None:
        """Write down an advertisement to a peer, and send it."""
        self._do("advertise").frames.send_packet(interface, packet)

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        """Write down that addresses are held, and hold them."""
        self._do("hold").addresses.hold(interface, addresses, lease_s)

    def renew(self, renewal: RenewAddresses) -> None:
        """Write down that a lease is renewed, and renew it."""
        self._do("renew").addresses.renew(renewal)

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Write down that addresses are released, and release them."""
        self._do("release").addresses.release(interface, addresses)

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Write down that a hook is started, and start it."""
        self._do(f"run {hook.value}").hooks.run(interface, vhid, hook)

    def report(self, report: Report) -> None:
        """Write down a report."""
        match report:
            case StateChanged():
                self._note(report.new.value)
            case PacketDropped():
                self._note(f"dropped: {report.reason.value}")
            case Noticed():
                self._note(f"notice: {report.notice.name}")
            case TwoMasters() | OneWaySuspected() | CloseCall():
                self._note(f"seen: {type(report).__name__}")
            case Stopped():
                self._note("stopped")


def host(
    virtual_host: VirtualHostConfig,
    journal: Journal,
    segment: Segment | None = None,
    *,
    hooks: Hooks | None = None,
    timer: Timer | None = None,
    further_sources: tuple[Source, ...] = (),
    leaving_limit_s: float = 10,
    trace: Callable[[Event], None] | None = None,
    clock: Callable[[], int] | None = None,
    rehearse: Callable[[], None] | None = None,
) -> DrivenHost:
    """Return a host that writes a journal, on a segment of its own if it is given none."""
    return DrivenHost(
        journal.engine,
        segment or Segment(journal.engine),
        virtual_host,
        reports=journal,
        wrap=journal.wrap,
        hooks=hooks,
        timer=timer,
        further_sources=further_sources,
        leaving_limit_s=leaving_limit_s,
        trace=trace,
        clock=clock,
        rehearse=rehearse,
    )
