"""The watcher that looks on for all checks, and reads each frame and each effect once for all of them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar, final

from carpsim.checks.announces_in_time import AnnouncesInTime
from carpsim.checks.check import Check
from carpsim.checks.clients_served import ClientsServed
from carpsim.checks.lease_honoured import LeaseHonoured
from carpsim.checks.no_flapping import NoFlapping
from carpsim.checks.no_orphan import NoOrphan
from carpsim.checks.one_holder import OneHolder
from carpsim.checks.one_master import OneMaster
from carpsim.checks.preferred_master import PreferredMaster
from carpsim.checks.release_before_goodbye import ReleaseBeforeGoodbye
from carpsim.checks.silent_outside_master import SilentOutsideMaster
from carpsim.checks.situation import Situation, end_of
from carpsim.checks.verdict import Verdict
from carpsim.client import Answer, Client
from carpsim.faults import Fault
from carpsim.frame import HEADER_LENGTH, Frame
from carpsim.host import Host, Machine
from carpsim.world import World, WorldWatcher
from triocarp.core import (
    Announce,
    Effect,
    EffectFailed,
    Event,
    HookFinished,
    IPInterface,
    PacketReceived,
    PacketUnreadable,
    SendAdvertisement,
    State,
    TimerExpired,
)
from triocarp.core.advertisement import GOODBYE, PROTOCOL
from triocarp.core.ethernet import ETHERTYPE_IPV4, ETHERTYPE_IPV6

CHECKS: Final[Mapping[str, type[Check]]] = {
    check.NAME: check
    for check in (
        OneHolder,
        SilentOutsideMaster,
        ReleaseBeforeGoodbye,
        LeaseHonoured,
        NoOrphan,
        AnnouncesInTime,
        NoFlapping,
        OneMaster,
        PreferredMaster,
        ClientsServed,
    )
}
"""All checks, by name."""

_CALM_EVENTS: Final = (TimerExpired, PacketReceived, PacketUnreadable, HookFinished)
"""Events that disturb nobody."""

_HEADERS: Final = {
    ETHERTYPE_IPV4: (HEADER_LENGTH + 9, HEADER_LENGTH + 20),
    ETHERTYPE_IPV6: (20, HEADER_LENGTH + 40),
}
"""Where a packet says its protocol, and where an advertisement begins, by the version of IP."""

Hook = TypeVar("Hook", bound=Callable[..., None])


@final
class Checks(WorldWatcher):
    """Looks on, and tells each check what is its business.

    Args:
        names: of the checks; all by default.

    Raises:
        KeyError: a check of that name does not exist.
    """

    def __init__(self, names: Iterable[str] = CHECKS) -> None:
        self._kinds = tuple(CHECKS[name] for name in names)
        self._checks: tuple[Check, ...] = ()
        self._situation: Situation | None = None
        self._disturbed_at = -1

    def verdicts(self) -> tuple[Verdict, ...]:
        """Return what each check says when the run is over."""
        for check in self._checks:
            check.finish()
        return tuple(check.verdict() for check in self._checks)

    def began(self, world: World) -> None:
        """Begin to look on; see `carpsim.world.WorldWatcher`."""
        situation = self._situation = Situation(world)
        self._engine = world.engine
        self._checks = tuple(kind(situation) for kind in self._kinds)
        self._entered = self._those_who_see(lambda check: check.entered, Check.entered)
        self._asked = self._those_who_see(lambda check: check.asked, Check.asked)
        self._advertised = self._those_who_see(lambda check: check.advertised, Check.advertised)
        self._held = self._those_who_see(lambda check: check.held, Check.held)
        self._failed = self._those_who_see(lambda check: check.failed, Check.failed)
        self._answered = self._those_who_see(lambda check: check.answered, Check.answered)
        world.engine.at(0, self._begin, world)
        for segment in world.segments.values():
            segment.add_sender_tap(self._see)

    def _begin(self, world: World) -> None:
        self._the_situation.begin()
        self._disturbed()
        # Where a port converges slowly, nobody hears it before that.
        for segment in world.segments.values():
            for port in segment.ports:
                if port.forwards_from > 0:
                    self._engine.at(port.forwards_from, self._disturbed)

    @property
    def _the_situation(self) -> Situation:
        assert self._situation is not None, "the world has not begun"  # noqa: S101 - a mistake of ours
        return self._situation

    def _those_who_see(self, method: Callable[[Check], Hook], nothing: Callable[..., None]) -> tuple[Hook, ...]:
        """Return the methods of the checks that override one."""
        methods = [method(check) for check in self._checks]
        return tuple(found for found in methods if getattr(found, "__func__", None) is not nothing)

    # What is seen.

    def told(self, host: Host, at: int, event: Event, effects: tuple[Effect, ...]) -> None:  # noqa: ARG002 - see above
        """See what a node was told and what it answered; see `carpsim.host.Watcher`."""
        situation = self._the_situation
        if not isinstance(event, _CALM_EVENTS):
            situation.take_event(host, event, self._engine.now)
            if isinstance(event, EffectFailed):
                member = situation.members[host.name, event.effect.interface, event.effect.vhid]
                for see_failure in self._failed:
                    see_failure(member, event.effect)
            if self._disturbed_at != self._engine.now:  # once in an instant is enough
                self._disturbed_at = self._engine.now
                self._engine.at(self._engine.now, self._disturbed)
        for effect in effects:
            changed = situation.take_effect(host, effect)
            if changed is not None:
                for see_change in self._entered:
                    see_change(*changed)
            elif isinstance(effect, SendAdvertisement | Announce):
                member = situation.members[host.name, effect.interface, effect.vhid]
                for see_request in self._asked:
                    see_request(member, effect)

    def held(self, host: Machine, at: int, interface: str, address: IPInterface, *, present: bool) -> None:
        """See an address that came or went; see `carpsim.host.Watcher`."""
        member = self._the_situation.take_address(host, interface, address, at, present=present)
        if member is not None:
            for see in self._held:
                see(member, address.ip, present=present)

    def switched(self, host: Machine, at: int, old: State | None, new: State | None) -> None:  # noqa: ARG002
        """See the state of a host without a node; see `carpsim.host.Watcher`."""
        changed = self._the_situation.take_state(host, new)
        if changed is not None:
            for see_change in self._entered:
                see_change(*changed)

    def process_changed(self, host: Machine, at: int) -> None:
        """See a daemon that started, ended, stood still or went on; see `carpsim.host.Watcher`."""
        self._the_situation.take_process_change(host, at)
        for check in self._checks:
            check.process_changed(host)
        self._disturbed()

    def happened(self, at: int, fault: Fault) -> None:
        """See a fault; see `carpsim.world.WorldWatcher`."""
        self._take_fault(fault)
        lasts = end_of(fault)
        if lasts is not None:
            # The fault has asked for its own end before, so that this comes after it.
            self._engine.at(at + lasts, self._take_fault, fault)

    def answered(self, client: Client, answer: Answer) -> None:
        """See an answer; see `carpsim.world.WorldWatcher`."""
        for see in self._answered:
            see(client, answer)

    def _take_fault(self, fault: Fault) -> None:
        self._the_situation.take_fault(fault, self._engine.now)
        self._disturbed()

    def _disturbed(self) -> None:
        self._disturbed_at = -1
        for check in self._checks:
            check.disturbed()

    def _see(self, at: int, label: str, frame: Frame) -> None:  # noqa: ARG002 - the engine knows it, too
        """See a frame that leaves a station."""
        data = frame.data
        protocol_at, begin = _HEADERS.get(data[12:14], (0, 0))
        if protocol_at and data[protocol_at] == PROTOCOL:
            if data[begin + 2] == data[begin + 5] == GOODBYE:
                self._see_goodbye(label, data[begin + 1])
            elif self._the_situation.has_ucarp:
                self._see_ucarp(label, data[begin + 1])
        elif data[12:14] != ETHERTYPE_IPV4:
            self._see_neighbour_message(label, frame)

    def _see_goodbye(self, label: str, vhid: int) -> None:
        member = self._the_situation.at_label(label, vhid)
        if member is not None:
            for check in self._checks:
                check.said_goodbye(member)

    def _see_ucarp(self, label: str, vhid: int) -> None:
        member = self._the_situation.at_label(label, vhid)
        if member is not None and member.runs_ucarp:
            for see in self._advertised:
                see(member)

    def _see_neighbour_message(self, label: str, frame: Frame) -> None:
        message = frame.neighbour_message
        if message is None or message.is_request or not message.is_gratuitous:
            return
        host, _, interface = label.partition(":")
        for member in self._the_situation.of_host(host):
            if member.config.interface == interface and message.sender in member.holds:
                for check in self._checks:
                    check.announced(member, message.sender)
