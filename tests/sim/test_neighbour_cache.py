"""The simulated neighbour cache and that of the real kernel, held to one table."""

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Protocol, TypeAlias

import pytest

from carpsim import neighbour_messages
from carpsim.engine import Engine
from carpsim.frame import Frame
from carpsim.neighbour_cache import NeighbourCache, Reachability
from carpsim.randomness import stream
from tests.kernel.wire import open_sender
from triocarp.core import IPAddress
from triocarp.core.advertisement import internet_checksum
from triocarp.core.ethernet import BROADCAST, ETHERTYPE_ARP, ETHERTYPE_IPV6, ethernet_header, gratuitous_arp
from triocarp.core.ipv6 import header
from triocarp.core.neighbour_discovery import unsolicited_neighbour_advertisement
from triocarp.core.timing import SECOND
from triocarp.lab import INTERFACE, Host, Lan, clock

KNOWN: Final = bytes.fromhex("020000000aaa")
OTHER: Final = bytes.fromhex("020000000bbb")
US: Final[dict[int, IPAddress]] = {4: IPv4Address("10.0.0.1"), 6: IPv6Address("fd00::1")}
A_THIRD: Final = IPv4Address("10.0.0.3")
OLD: Final = 1.3
"""Seconds after which an entry is older than the locktime."""


def arp_reply(mac: bytes, sender: IPAddress, to: bytes, target: IPAddress, target_mac: bytes) -> bytes:
    """Return an ARP reply as somebody may send it whom nobody has asked."""
    head = ethernet_header(to, mac, ETHERTYPE_ARP) + bytes.fromhex("0001 0800 06 04 0002")
    return head + mac + sender.packed + target_mac + target.packed


def advertisement(mac: bytes, sender: IPAddress, to: bytes, *, override: bool, solicited: bool) -> bytes:
    """Return a neighbour advertisement to us with any flags."""
    assert isinstance(sender, IPv6Address)
    us = US[6]
    assert isinstance(us, IPv6Address)
    body = bytes((136, 0, 0, 0, 0x20 * override | 0x40 * solicited, 0, 0, 0)) + sender.packed + b"\2\1" + mac
    checksum = internet_checksum(sender.packed + us.packed + len(body).to_bytes(4) + bytes((0, 0, 0, 58)) + body)
    ip = header(sender, us, next_header=58, payload_length=len(body))
    return ethernet_header(to, mac, ETHERTYPE_IPV6) + ip + body[:2] + checksum.to_bytes(2) + body[4:]


Make: TypeAlias = Callable[[IPAddress, bytes], bytes]
"""Makes a frame, of the address that it is about and of our MAC."""


@dataclass(frozen=True)
class Case:
    """What a frame does to an entry.

    Attributes:
        name: what it is.
        version: of IP.
        frame: makes it.
        state: of the entry before, with `KNOWN` as its MAC; None for no entry.
        age: ``young`` before its locktime is over, and then ``old``.
        mac: what is known afterwards; None for no entry.
        after: the state afterwards; None for no entry.
    """

    name: str
    version: int
    frame: Make
    state: str | None
    age: str
    mac: bytes | None
    after: str | None


def announcement(mac: bytes) -> Make:
    """Return what makes an announcement of either family."""

    def make(address: IPAddress, _ours: bytes) -> bytes:
        if isinstance(address, IPv6Address):
            return unsolicited_neighbour_advertisement(mac, address, router=False)
        return gratuitous_arp(mac, address)

    return make


def question_to_us(address: IPAddress, ours: bytes) -> bytes:
    """Make one."""
    return neighbour_messages.question(US[address.version], address, OTHER, ours)


def question_to_a_third(address: IPAddress, _ours: bytes) -> bytes:
    """Make one."""
    return neighbour_messages.question(A_THIRD, address, OTHER)


def reply(*, to_all: bool = False, target_mac: bytes = b"", announces: bool = False) -> Make:
    """Return what makes an ARP reply."""

    def make(address: IPAddress, ours: bytes) -> bytes:
        to = BROADCAST if to_all else ours
        return arp_reply(OTHER, address, to, address if announces else US[4], target_mac or to)

    return make


def flagged(mac: bytes, *, override: bool, solicited: bool) -> Make:
    """Return what makes a neighbour advertisement."""
    return lambda address, ours: advertisement(mac, address, ours, override=override, solicited=solicited)


def announcements() -> Iterator[Case]:
    """Yield what announcements and questions do, of either family."""
    for version in (4, 6):
        yield Case("announcement", version, announcement(OTHER), None, "young", None, None)
        for state in ("stale", "reachable", "probe"):
            for age in ("young", "old"):
                yield Case("announcement", version, announcement(OTHER), state, age, OTHER, "stale")
            yield Case("announcement of what is known", version, announcement(KNOWN), state, "young", KNOWN, state)
        used = "stale" if version == 4 else "delay"  # an answer to neighbour discovery is sent through the entry
        for state in ("stale", "reachable"):
            for age in ("young", "old"):
                yield Case("question to us", version, question_to_us, state, age, OTHER, used)
        yield Case("question to us", version, question_to_us, None, "young", OTHER, used)


def replies() -> Iterator[Case]:
    """Yield what ARP does that nobody asked for."""
    announcing = reply(to_all=True, announces=True)
    twice = reply(to_all=True, announces=True, target_mac=OTHER)
    to_all = reply(to_all=True)
    for state in ("stale", "reachable"):
        yield Case("reply to us", 4, reply(), state, "young", KNOWN, state)
        yield Case("reply to us", 4, reply(), state, "old", OTHER, "reachable")
        yield Case("reply to all", 4, to_all, state, "young", KNOWN, state)
        yield Case("reply to all", 4, to_all, state, "old", OTHER, "stale")
        yield Case("announcing reply", 4, announcing, state, "young", KNOWN, state)
        yield Case("announcing reply", 4, announcing, state, "old", OTHER, "stale")
        yield Case("announcing reply with its MAC twice", 4, twice, state, "young", OTHER, "stale")
        yield Case("question to a third", 4, question_to_a_third, state, "young", KNOWN, state)
        yield Case("question to a third", 4, question_to_a_third, state, "old", OTHER, "stale")
    yield Case("reply to us", 4, reply(), None, "young", None, None)
    yield Case("question to a third", 4, question_to_a_third, None, "young", None, None)


def advertisements() -> Iterator[Case]:
    """Yield what the flags of a neighbour advertisement do."""
    for state, solicited in itertools.product(("stale", "reachable", "probe"), (False, True)):
        for override in (False, True):
            name = f"advertisement, override {override}, solicited {solicited}"
            same = flagged(KNOWN, override=override, solicited=solicited)
            yield Case(name, 6, same, state, "young", KNOWN, "reachable" if solicited else state)
        other = flagged(OTHER, override=True, solicited=solicited)
        yield Case("overriding", 6, other, state, "young", OTHER, "reachable" if solicited else "stale")
        other = flagged(OTHER, override=False, solicited=solicited)
        doubted = "stale" if state == "reachable" else state
        yield Case("not overriding", 6, other, state, "young", KNOWN, doubted)
    yield Case("advertisement", 6, flagged(OTHER, override=True, solicited=True), None, "young", None, None)


CASES: Final = (*announcements(), *replies(), *advertisements())
_Found = tuple[bytes | None, str | None]


class Machine(Protocol):
    """A neighbour cache that can be looked at."""

    def try_all(self, version: int) -> list[_Found]:
        """Return what is known after each of the cases of a family, each with an address of its own."""
        ...

    def questions(self, address: IPAddress, seconds: float) -> list[tuple[float, bool]]:
        """Use a stale entry for a while, and return when somebody was asked, and whether that was everybody."""
        ...


def address_of(number: int, version: int) -> IPAddress:
    """Return the address of a case."""
    return IPv4Address(f"10.0.0.{number + 100}") if version == 4 else IPv6Address(f"fd00::1:{number:x}")


@dataclass
class Simulated:
    """The simulated one; it is the owner of its cache as well."""

    engine: Engine = field(default_factory=Engine)
    sent: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    hardware_address: bytes = bytes.fromhex("020000000001")
    seed: int = 1

    def __post_init__(self) -> None:
        self.cache = NeighbourCache(self.engine, self, stream(self.seed, "test"))

    def source_for(self, address: IPAddress) -> IPAddress:
        """Return our address."""
        return US[address.version]

    def send(self, frame: bytes) -> None:
        """Take note."""
        self.sent.append((self.engine.now, frame))

    def hear(self, data: bytes) -> None:
        """Take a frame, and answer if it asks us."""
        message = Frame(data).neighbour_message
        assert message is not None
        asks_us = message.is_request and message.target in US.values()
        self.cache.hear(message, is_for_us=data[:6] == self.hardware_address or asks_us)
        if asks_us and message.sender.version == 6:
            self.cache.resolve(message.sender, lambda _: None)

    def put(self, address: IPAddress, state: str) -> None:
        """Put an entry there."""
        self.cache.put(address, KNOWN, Reachability(state))

    def try_all(self, version: int) -> list[_Found]:
        """Return what is known after each case; see `Machine`."""
        found: list[_Found] = []
        for number, case in enumerate(case for case in CASES if case.version == version):
            address = address_of(number, version)
            if case.state is not None:
                self.put(address, case.state)
            self.engine.run_until(self.engine.now + round(OLD * SECOND if case.age == "old" else SECOND // 100))
            self.hear(case.frame(address, self.hardware_address))
            state = self.cache.state_of(address)
            found.append((self.cache.lookup(address), state and state.value))
        return found

    def questions(self, address: IPAddress, seconds: float) -> list[tuple[float, bool]]:
        """Use a stale entry; see `Machine`."""
        self.put(address, "stale")
        self.sent.clear()
        begin = self.engine.now
        for step in range(round(seconds * 20)):
            self.engine.run_until(begin + step * SECOND // 20)
            self.cache.resolve(address, lambda _: None)
        return [((at - begin) / SECOND, bool(frame[0] & 1)) for at, frame in self.sent]


@dataclass
class Real:
    """The kernel's."""

    us: Host
    them: Host

    def _neighbours(self) -> dict[str, tuple[bytes, str]]:
        found: dict[str, tuple[bytes, str]] = {}
        for line in self.us.run(["ip", "neigh", "show", "dev", INTERFACE]).stdout.decode().splitlines():
            words = line.split()
            if "lladdr" in words:
                mac = bytes.fromhex(words[words.index("lladdr") + 1].replace(":", ""))
                found[words[0]] = mac, words[-1].lower()
        return found

    def _put(self, address: IPAddress, state: str) -> None:
        command = [
            "ip",
            "neigh",
            "replace",
            str(address),
            "lladdr",
            KNOWN.hex(":"),
            "dev",
            INTERFACE,
            "nud",
            state,
        ]
        self.us.run(command)

    def try_all(self, version: int) -> list[_Found]:
        """Return what is known after each case; see `Machine`."""
        ours = bytes.fromhex(self.us.mac.replace(":", ""))
        mine = [
            (address_of(number, version), case)
            for number, case in enumerate(case for case in CASES if case.version == version)
        ]
        results: dict[IPAddress, _Found] = {}
        with open_sender(self.them) as sender:
            for age in ("old", "young"):
                chosen = [(address, case) for address, case in mine if case.age == age]
                if age == "old":
                    for address, case in chosen:
                        assert case.state is not None
                        self._put(address, case.state)
                    time.sleep(OLD)
                for address, case in chosen:
                    if age == "young" and case.state is not None:
                        self._put(address, case.state)
                    sender.send(case.frame(address, ours))
                    # A probe is repeated after a second, and then fails: each is looked at at once.
                    time.sleep(0.02)
                    results[address] = self._neighbours().get(str(address), (None, None))
        return [results[address] for address, _ in mine]

    def questions(self, address: IPAddress, seconds: float) -> list[tuple[float, bool]]:
        """Use a stale entry; see `Machine`."""
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with self.us.capture() as capture, self.us.socket(family, socket.SOCK_DGRAM) as user:
            self._put(address, "stale")
            begin = clock.now()
            while clock.now() - begin < seconds * SECOND:
                user.sendto(b"x", (str(address), 9))
                time.sleep(0.05)
            asked: list[tuple[float, bool]] = []
            for frame in capture.frames:
                message = Frame(frame.data).neighbour_message if frame.sent else None
                if message is not None and message.is_request and message.target == address:
                    asked.append(((frame.at - begin) / SECOND, bool(frame.data[0] & 1)))
        return asked


@pytest.fixture(
    params=[
        "simulated",
        pytest.param("kernel", marks=[pytest.mark.kernel, pytest.mark.programs("ip")]),
    ]
)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Give the simulated cache, and then the kernel's."""
    if request.param == "simulated":
        yield Simulated()
        return
    with Lan(ipv6=True) as lan:
        yield Real(
            lan.add_host("us", "10.0.0.1/24", "fd00::1/64"), lan.add_host("them", "10.0.0.2/24", "fd00::2/64")
        )


@pytest.mark.parametrize("version", [4, 6])
def test_what_changes_an_entry(machine: Machine, version: int) -> None:
    """Announcements change an entry and make none; others change one when its locktime or a flag lets them."""
    mine = [case for case in CASES if case.version == version]
    found = machine.try_all(version)

    assert [(case.name, case.state, case.age, *was) for case, was in zip(mine, found, strict=True)] == [
        (case.name, case.state, case.age, case.mac, case.after) for case in mine
    ]


@pytest.mark.parametrize("version", [4, 6])
def test_when_a_stale_entry_is_checked(machine: Machine, version: int) -> None:
    """Five seconds after its first use three questions to the one that is known, and then to everybody."""
    asked = machine.questions(address_of(0, version), 9.7)

    assert [round(at) for at, _ in asked] == [5, 6, 7, 8, 9]
    assert [is_for_all for _, is_for_all in asked] == [False, False, False, True, True]
    assert all(abs(at - round(at)) < 0.45 for at, _ in asked)


def test_what_waits_is_sent_when_the_answer_comes() -> None:
    """Packets to an unknown neighbour wait in their order; too many, and the oldest are lost."""
    machine = Simulated()
    address, got = address_of(0, 4), list[tuple[int, bytes]]()
    for number in range(105):
        machine.cache.resolve(address, lambda mac, number=number: got.append((number, mac)))  # type: ignore[misc] # bound
    machine.hear(announcement(OTHER)(address, b""))

    assert got == [(number, OTHER) for number in range(4, 105)]
    # They were sent with what nobody has confirmed.
    assert machine.cache.state_of(address) is Reachability.DELAY


def test_who_does_not_answer_is_forgotten() -> None:
    """Three questions a second apart, and then nothing, until somebody wants the neighbour again."""
    machine = Simulated()
    machine.cache.resolve(address_of(0, 4), lambda _: None)
    machine.engine.run_until(10 * SECOND)

    assert [at // SECOND for at, _ in machine.sent] == [0, 1, 2]
    assert machine.cache.state_of(address_of(0, 4)) is None


def test_a_reachable_neighbour_is_believed_for_half_to_one_and_a_half_times_the_base() -> None:
    """Linux draws from 15 to 45 s; the entry is stale then."""
    lifetimes: list[float] = []
    for seed in range(50):
        machine = Simulated(seed=seed)
        address = address_of(0, 4)
        machine.put(address, "reachable")
        while machine.cache.state_of(address) is Reachability.REACHABLE:
            machine.engine.run_until(machine.engine.now + SECOND // 2)
        lifetimes.append(machine.engine.now / SECOND)

    assert min(lifetimes) >= 15
    assert max(lifetimes) <= 45.5
    assert max(lifetimes) - min(lifetimes) > 20
