"""What is expected of a run: data, like faults, each with a sentence for what was not so.

`EXPECTATIONS` is the whole vocabulary, which scenario files use by name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol, final

from carpsim.counted import times
from carpsim.duration_text import write_duration
from triocarp.core import DropReason, IPAddress, State

if TYPE_CHECKING:
    from carpsim.recording import Lane, Recording, Span


class Expectation(Protocol):
    """Something that shall be so."""

    def shortfalls(self, recording: "Recording") -> Iterator[str]:
        """Yield a sentence for each thing that was not so.

        Args:
            recording: of a run that has ended; `Recording.finish` has been called.
        """
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StateAt:
    """All virtual hosts of a host are in a state.

    Attributes:
        at: when.
        host: which.
        state: INIT also if the daemon does not run.
    """

    at: int
    host: str
    state: State

    def shortfalls(self, recording: "Recording") -> Iterator[str]:
        """Yield what was not so; see `Expectation`."""
        for lane in _lanes(recording, self.host):
            found = next((span.what for span in lane.states if _covers(span, self.at)), State.INIT.value)
            if found != self.state.value:
                yield f"{lane.name} is {found} at {write_duration(self.at)}, expected {self.state.value}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Some hosts have the virtual addresses, and nobody else has.

    Attributes:
        at: when.
        hosts: which; none if nobody shall have them.
        address: the virtual address that it is about; None for all.
    """

    at: int
    hosts: tuple[str, ...]
    address: IPAddress | None = None

    def shortfalls(self, recording: "Recording") -> Iterator[str]:
        """Yield what was not so; see `Expectation`."""
        wanted = sorted(self.hosts)
        for address, holdings in _holdings(recording, self.address):
            found = sorted(host for host, span in holdings if _covers(span, self.at))
            if found != wanted:
                yield (
                    f"{address} is on {_listed(found)} at {write_duration(self.at)}, expected on {_listed(wanted)}"
                )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LongestOutage:
    """The longest time without answers that a client has.

    Attributes:
        client: which.
        under: it is shorter than this, nanoseconds; None for any length.
        over: it is this long or longer, nanoseconds; 0 if there need not be one.
        since: the instant from which on outages count: those that begin then.
    """

    client: str
    under: int | None = None
    over: int = 0
    since: int = 0

    def shortfalls(self, recording: "Recording") -> Iterator[str]:
        """Yield what was not so; see `Expectation`."""
        end = recording.world.engine.now
        outages = recording.clients[self.client].outages
        longest = max(
            ((end if one.end is None else one.end) - one.begin for one in outages if one.begin >= self.since),
            default=0,
        )
        if self.under is not None and longest >= self.under:
            yield (
                f"the longest outage of {self.client} is {write_duration(longest)}, "
                f"expected under {write_duration(self.under)}"
            )
        if longest < self.over:
            yield (
                f"the longest outage of {self.client} is {write_duration(longest)}, "
                f"expected {write_duration(self.over)} or more"
            )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Takeovers:
    """How often a host, or any, becomes master.

    Attributes:
        host: which; None for all together.
        at_least: so often or more.
        at_most: so often or less; None for no limit.
        since: the instant from which on it counts.
    """

    host: str | None = None
    at_least: int = 0
    at_most: int | None = None
    since: int = 0

    def shortfalls(self, recording: "Recording") -> Iterator[str]:
        """Yield what was not so; see `Expectation`."""
        found = sum(
            span.what == State.MASTER.value and span.begin >= self.since
            for lane in _lanes(recording, self.host)
            for span in lane.states
        )
        yield from _miscounted(f"{self.host or 'somebody'} becomes master", found, self.at_least, self.at_most)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TwoHolders:
    """For how long, in all, two hosts or more have the same virtual address.

    Attributes:
        under: for less than this, nanoseconds; None for any length.
        over: for this or more, nanoseconds; 0 if it need not be.
        since: the instant from which on it counts.
    """

    under: int | None = None
    over: int = 0
    since: int = 0

    def shortfalls(self, recording: "Recording") -> Iterator[str]:
        """Yield what was not so; see `Expectation`."""
        end = recording.world.engine.now
        for address, holdings in _holdings(recording, None):
            found = _shared_time([span for _, span in holdings], self.since, end)
            if self.under is not None and found >= self.under:
                yield (
                    f"{address} is on two hosts for {write_duration(found)}, "
                    f"expected for less than {write_duration(self.under)}"
                )
            if found < self.over:
                yield (
                    f"{address} is on two hosts for {write_duration(found)}, "
                    f"expected for {write_duration(self.over)} or more"
                )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A host reports something.

    Attributes:
        host: which.
        text: a part of the sentence, as carpd logs it.
    """

    host: str
    text: str

    def shortfalls(self, recording: "Recording") -> Iterator[str]:
        """Yield what was not so; see `Expectation`."""
        sentences = (sentence for lane in _lanes(recording, self.host) for _, sentence in lane.sentences)
        if not any(self.text in sentence for sentence in sentences):
            yield f"{self.host} does not report {self.text!r}"


@unique
class Counters(Enum):
    """What a counter does from one advertisement to the next."""

    CONSTANT = "the same"
    GROWING = "greater"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Advertised:
    """What hosts advertise, as it is on the wire; goodbyes do not count.

    Attributes:
        host: which; None for all together.
        since: the instant from which on it counts.
        until: the instant up to which it counts; None for the end.
        at_least: so many advertisements or more.
        at_most: so many or fewer; None for no limit.
        advskew: what each of them says; None for anything.
        demotion: what each of them says in OpenBSD's byte for it; None for anything.
        counter: what it does from each of them to the next, whoever says that; None for anything.
    """

    host: str | None = None
    since: int = 0
    until: int | None = None
    at_least: int = 0
    at_most: int | None = None
    advskew: int | None = None
    demotion: int | None = None
    counter: Counters | None = None

    def shortfalls(self, recording: "Recording") -> Iterator[str]:
        """Yield what was not so; see `Expectation`."""
        who = self.host or "somebody"
        said = sorted(
            ((at, what) for lane in _lanes(recording, self.host) for at, what in lane.said if not what.is_goodbye),
            key=lambda one: one[0],
        )
        said = [(at, what) for at, what in said if _counts(at, self.since, self.until)]
        yield from _miscounted(f"{who} advertises", len(said), self.at_least, self.at_most)
        for name in ("advskew", "demotion"):
            expected = getattr(self, name)
            for at, what in said if expected is not None else ():
                if getattr(what, name) != expected:
                    yield f"{who} says {name} {getattr(what, name)} at {write_duration(at)}, expected {expected}"
                    break
        for (_, before), (at, after) in pairwise(said) if self.counter is not None else ():
            is_so = (
                after.counter == before.counter
                if self.counter is Counters.CONSTANT
                else after.counter > before.counter
            )
            if not is_so:
                yield f"{who} says counter {after.counter} after {before.counter} at {write_duration(at)}"
                break


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """How often hosts announce an address, with a gratuitous ARP or an unsolicited neighbour advertisement.

    Attributes:
        host: which; None for all together.
        since: the instant from which on it counts.
        until: the instant up to which it counts; None for the end.
        at_least: so often or more.
        at_most: so often or less; None for no limit.
    """

    host: str | None = None
    since: int = 0
    until: int | None = None
    at_least: int = 0
    at_most: int | None = None

    def shortfalls(self, recording: "Recording") -> Iterator[str]:
        """Yield what was not so; see `Expectation`."""
        found = sum(
            _counts(at, self.since, self.until)
            for lane in _lanes(recording, self.host)
            for at in lane.announcements
        )
        yield from _miscounted(f"{self.host or 'somebody'} announces", found, self.at_least, self.at_most)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """How many packets a host drops.

    Attributes:
        host: which; it runs carpd.
        reason: why; None for any reason.
        since: the instant from which on it counts.
        until: the instant up to which it counts; None for the end.
        at_least: so many or more.
        at_most: so many or fewer; None for no limit.
    """

    host: str
    reason: DropReason | None = None
    since: int = 0
    until: int | None = None
    at_least: int = 0
    at_most: int | None = None

    def shortfalls(self, recording: "Recording") -> Iterator[str]:
        """Yield what was not so; see `Expectation`."""
        found = sum(
            number
            for at, reason, number in recording.drops.get(self.host, ())
            if self.reason in {None, reason} and _counts(at, self.since, self.until)
        )
        why = "" if self.reason is None else f" as {self.reason.name.lower().replace('_', '-')}"
        yield from _miscounted(f"{self.host} drops packets{why}", found, self.at_least, self.at_most)


EXPECTATIONS: Final[Mapping[str, type[Expectation]]] = {
    "state": StateAt,
    "holders": Holders,
    "outage": LongestOutage,
    "takeovers": Takeovers,
    "two-holders": TwoHolders,
    "report": Reported,
    "advertised": Advertised,
    "announced": Announced,
    "dropped": Dropped,
}
"""All expectations by the name that scenario files use."""


OF_CARPD: Final[tuple[type[Expectation], ...]] = (Reported, Dropped)
"""What cannot be expected of a host with ucarp, which reports nothing."""


def _lanes(recording: "Recording", host: str | None) -> "Iterator[Lane]":
    for (name, _, _), lane in recording.lanes.items():
        if host in {None, name}:
            yield lane


def _holdings(recording: "Recording", address: IPAddress | None) -> "Iterator[tuple[str, list[tuple[str, Span]]]]":
    """Yield each virtual address, with who had it when."""
    found: dict[str, list[tuple[str, Span]]] = {}
    for host in recording.world.scenario.hosts:
        for virtual_host in host.config.virtual_hosts:
            lane = recording.lanes[host.name, virtual_host.interface, virtual_host.vhid]
            for virtual in virtual_host.addresses:
                if address in {None, virtual.ip}:
                    spans = [(host.name, span) for span in lane.holds if span.what == str(virtual.ip)]
                    found.setdefault(str(virtual.ip), []).extend(spans)
    yield from found.items()


def _counts(at: int, since: int, until: int | None) -> bool:
    return since <= at and (until is None or at < until)


def _miscounted(who_does_what: str, found: int, at_least: int, at_most: int | None) -> Iterator[str]:
    if found < at_least:
        yield f"{who_does_what} {times(found)}, expected {times(at_least)} or more"
    if at_most is not None and found > at_most:
        yield f"{who_does_what} {times(found)}, expected {times(at_most)} or less"


def _covers(span: "Span", at: int) -> bool:
    return span.begin <= at and (span.end is None or at < span.end)


def _shared_time(spans: "Iterable[Span]", since: int, end: int) -> int:
    """Return for how long two spans or more lasted at once."""
    changes: list[tuple[int, int]] = []
    for span in spans:
        changes.append((max(span.begin, since), 1))
        changes.append((max(end if span.end is None else span.end, since), -1))
    total = count = last = 0
    for at, change in sorted(changes):
        if count > 1:
            total += at - last
        count += change
        last = at
    return total


def _listed(hosts: list[str]) -> str:
    return " and ".join(hosts) or "nobody"
