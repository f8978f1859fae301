"""What a machine knows of its neighbours' MACs, and how it forgets: ARP and neighbour discovery as Linux has them.

RFC 4861, section 7.3, whose states Linux uses for ARP as well. The durations are Linux's defaults (arp(7), and
``net.ipv4.neigh`` of the kernel's documentation of ip-sysctl). One suite of tests holds this and the real kernel
to the same table of what changes an entry.
"""

import enum
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, final

from carpsim import neighbour_messages
from carpsim.engine import Alarm, Engine
from carpsim.frame import NeighbourMessage
from carpsim.randomness import uniform
from triocarp.core.family import IPAddress
from triocarp.core.timing import SECOND


@enum.unique
class Reachability(enum.Enum):
    """The states of RFC 4861, section 7.3.2."""

    INCOMPLETE = "incomplete"
    REACHABLE = "reachable"
    STALE = "stale"
    DELAY = "delay"
    PROBE = "probe"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourSettings:
    """How long an entry is believed, and how it is asked for: Linux's defaults, nanoseconds.

    Attributes:
        base_reachable_time: an entry is believed for 0.5 to 1.5 times as long.
        delay_first_probe_time: how long a stale entry that is used is used before it is checked.
        retrans_time: from one question to the next.
        questions: how often is asked before a neighbour counts as gone.
        locktime: how long a fresh entry stays as it is, whatever else answers; ARP alone has that.
        queue: packets that wait for an answer, at most.
    """

    base_reachable_time: int = 30 * SECOND
    delay_first_probe_time: int = 5 * SECOND
    retrans_time: int = SECOND
    questions: int = 3
    locktime: int = SECOND
    queue: int = 101

    @property
    def unlearning_time(self) -> int:
        """How long a cache may keep what is wrong while it is used, nanoseconds.

        An entry is believed for ``1.5 * base reachable time``, used for ``delay first probe`` longer, checked with
        ``questions * retrans time``, then forgotten, and asked for anew a **retrans time** later.
        """
        believed = self.base_reachable_time + self.base_reachable_time // 2
        return believed + self.delay_first_probe_time + (self.questions + 1) * self.retrans_time


LINUX: Final = NeighbourSettings()
"""As Linux is delivered."""


class Owner(Protocol):
    """Whose cache it is."""

    @property
    def hardware_address(self) -> bytes:
        """Its MAC, 6 bytes."""
        ...

    def source_for(self, address: IPAddress) -> IPAddress:
        """Return its own address of the same family, to ask from.

        Args:
            address: that is asked for.
        """
        ...

    def send(self, frame: bytes) -> None:
        """Send a frame, or lose it.

        Args:
            frame: from the destination MAC on.
        """
        ...


@final
@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """What is known of one neighbour.

    Attributes:
        state: how sure that is.
        mac: its MAC, 6 bytes; empty while it is not known.
        updated: the instant at which its state or its MAC was last changed.
        asked: how often it has been asked since it last answered.
        alarm: of its state.
        waiting: packets that wait for the MAC, each a function that takes it.
    """

    state: Reachability
    mac: bytes = b""
    updated: int = 0
    asked: int = 0
    alarm: Alarm
    waiting: deque[Callable[[bytes], None]] = field(default_factory=deque[Callable[[bytes], None]])


@final
class NeighbourCache:
    """The neighbours of one interface.

    Args:
        engine: of the world.
        owner: whose cache it is.
        rng: its stream.
        settings: how long what is valid.
    """

    __slots__ = ("_engine", "_entries", "_owner", "_rng", "_settings")

    def __init__(
        self, engine: Engine, owner: Owner, rng: random.Random, settings: NeighbourSettings = LINUX
    ) -> None:
        self._engine = engine
        self._owner = owner
        self._rng = rng
        self._settings = settings
        self._entries: dict[IPAddress, Entry] = {}

    def lookup(self, address: IPAddress) -> bytes | None:
        """Return the MAC that is known for an address, or None; nothing is asked.

        Args:
            address: of a neighbour.
        """
        entry = self._entries.get(address)
        return entry.mac or None if entry is not None else None

    def state_of(self, address: IPAddress) -> Reachability | None:
        """Return how sure it is what is known of an address, or None if nothing is.

        Args:
            address: of a neighbour.
        """
        entry = self._entries.get(address)
        return None if entry is None else entry.state

    def put(self, address: IPAddress, mac: bytes, state: Reachability) -> None:
        """Put in what is known of a neighbour, as ``ip neigh replace`` does.

        Args:
            address: of the neighbour.
            mac: its MAC, 6 bytes.
            state: any but `Reachability.INCOMPLETE`.
        """
        entry = self._entries.get(address) or self._add(address, state)
        entry.mac, entry.updated, entry.asked = mac, self._engine.now, 0
        entry.state = state
        entry.alarm.set(None)
        match state:
            case Reachability.REACHABLE:
                self._confirm(entry, changes=False)
            case Reachability.DELAY:
                entry.alarm.set(self._engine.now + self._settings.delay_first_probe_time)
            case Reachability.PROBE:
                self._ask(address, entry)
            case _:
                pass
        self._send_waiting(entry)

    def resolve(self, address: IPAddress, send: Callable[[bytes], None]) -> None:
        """Send something to a neighbour, now or when its MAC is known.

        Args:
            address: of the neighbour.
            send: is called with its MAC; never, if it does not answer.
        """
        entry = self._entries.get(address)
        if entry is None:
            entry = self._add(address, Reachability.INCOMPLETE)
            self._ask(address, entry)
        if entry.state is Reachability.INCOMPLETE:
            entry.waiting.append(send)
            if len(entry.waiting) > self._settings.queue:
                entry.waiting.popleft()
            return
        self._use(entry)
        send(entry.mac)

    def hear(self, message: NeighbourMessage, *, is_for_us: bool) -> None:
        """Take note of what ARP or neighbour discovery says on the segment.

        Nobody is put into the cache by what nobody asked (``arp_accept`` 0), but for who asks us: we shall have to
        answer. What is known is changed by an announcement.

        Args:
            message: what it says.
            is_for_us: whether it was sent to us alone, or asks for an address of ours.
        """
        if not message.sender_mac or message.sender.is_unspecified:
            return
        entry = self._entries.get(message.sender)
        if entry is None:
            if message.is_request and is_for_us:
                entry = self._add(message.sender, Reachability.STALE)
                entry.mac, entry.updated = message.sender_mac, self._engine.now
            return
        changes = message.sender_mac != entry.mac
        if changes and entry.mac and not self._may_change(entry, message, is_for_us=is_for_us):
            if message.sender.version != 4 and entry.state is Reachability.REACHABLE:  # noqa: PLR2004 - of IP
                self._turn(entry, Reachability.STALE)  # RFC 4861, section 7.2.5: somebody disagrees
                entry.alarm.set(None)
            return
        entry.mac = message.sender_mac
        if message.solicited and is_for_us:
            self._confirm(entry, changes=changes)
        elif changes:
            entry.updated = self._engine.now
            self._turn(entry, Reachability.STALE)
            entry.alarm.set(None)
        if entry.waiting:
            self._use(entry)
            self._send_waiting(entry)

    def clear(self) -> None:
        """Forget everybody, and lose what waits for them, as when the link goes."""
        for entry in self._entries.values():
            entry.alarm.set(None)
        self._entries.clear()

    def _may_change(self, entry: Entry, message: NeighbourMessage, *, is_for_us: bool) -> bool:
        """Return whether another MAC may take the place of the one that is known."""
        asks_us = message.is_request and is_for_us
        if message.sender.version == 4:  # noqa: PLR2004 - of IP
            is_old = self._engine.now - entry.updated > self._settings.locktime
            return message.is_gratuitous or asks_us or is_old
        return message.override or asks_us

    def _turn(self, entry: Entry, state: Reachability) -> None:
        """Change the state of an entry, from which its locktime counts anew."""
        if entry.state is not state:
            entry.state = state
            entry.updated = self._engine.now

    def _use(self, entry: Entry) -> None:
        """Take note that something is sent with an entry, which has then to be checked if it is old."""
        if entry.state is Reachability.STALE:
            self._turn(entry, Reachability.DELAY)
            entry.alarm.set(self._engine.now + self._settings.delay_first_probe_time)

    def _add(self, address: IPAddress, state: Reachability) -> Entry:
        entry = Entry(state=state, alarm=Alarm(self._engine, lambda: self._expire(address)))
        self._entries[address] = entry
        return entry

    def _confirm(self, entry: Entry, *, changes: bool) -> None:
        base = self._settings.base_reachable_time
        if changes:
            entry.updated = self._engine.now
        self._turn(entry, Reachability.REACHABLE)
        entry.asked = 0
        entry.alarm.set(self._engine.now + uniform(self._rng, base // 2, base + base // 2))

    def _send_waiting(self, entry: Entry) -> None:
        while entry.waiting:
            entry.waiting.popleft()(entry.mac)

    def _ask(self, address: IPAddress, entry: Entry) -> None:
        known = entry.mac if entry.state is Reachability.PROBE else None
        entry.asked += 1
        entry.alarm.set(self._engine.now + self._settings.retrans_time)
        source = self._owner.source_for(address)
        self._owner.send(neighbour_messages.question(address, source, self._owner.hardware_address, known))

    def _expire(self, address: IPAddress) -> None:
        entry = self._entries[address]
        match entry.state:
            case Reachability.REACHABLE:
                self._turn(entry, Reachability.STALE)
            case Reachability.DELAY:
                self._turn(entry, Reachability.PROBE)
                entry.asked = 0
                self._ask(address, entry)
            case Reachability.INCOMPLETE | Reachability.PROBE if entry.asked < self._settings.questions:
                self._ask(address, entry)
            case _:
                del self._entries[address]  # who wants it asks everybody anew
