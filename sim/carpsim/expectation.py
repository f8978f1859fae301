"""What is expected of a run: data, like faults, each with a sentence for what was not so.

`EXPECTATIONS` is the whole vocabulary, which scenario files use by name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, final

from carpsim.duration_text import write_duration
from triocarp.core import IPAddress, State

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
        who = self.host or "somebody"
        if found < self.at_least:
            yield f"{who} becomes master {found} times, expected {self.at_least} times or more"
        if self.at_most is not None and found > self.at_most:
            yield f"{who} becomes master {found} times, expected {self.at_most} times or less"


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


EXPECTATIONS: Final[Mapping[str, type[Expectation]]] = {
    "state": StateAt,
    "holders": Holders,
    "outage": LongestOutage,
    "takeovers": Takeovers,
    "two-holders": TwoHolders,
    "report": Reported,
}
"""All expectations by the name that scenario files use."""


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
