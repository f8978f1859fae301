"""Plays a journal again: the same inputs to a fresh node must give the same effects.

That is so because a node has no other input than its configuration, its seed and its events. A journal that
replays shows that this version decides what the one that ran had decided; one that does not shows where they part.

A replay finds every change of an effect, of the order of the entries, of the configuration, and of every input on
which an effect depends. What it cannot find, because the node answers the same: another input that does not matter
to any effect (the words of a script that succeeded, an instant that is off by less than anything depends on),
other words in a header (version, clock, wall clock), and entries that were cut off at the end of a run.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, assert_never, final

from triocarp.core.configuration import NodeConfig
from triocarp.core.effects import Effect
from triocarp.core.journal import Entry, Gap, Header, JournalError, Line, Torn, read, without_secrets
from triocarp.core.journal_codec import first_difference, form_of, shown
from triocarp.core.node import Node
from triocarp.core.timing import SECOND

if TYPE_CHECKING:
    from triocarp.core.events import Event


@final
class Divergence(Exception):  # noqa: N818 - a finding: the journal can be read, and so can the node be trusted
    """Raised when a node does not answer what the journal says that it had answered.

    With another password than the one that ran, this happens at the first advertisement.

    Attributes:
        line: number of the line, from 1.
        at: the instant, in nanoseconds.
        event: what the node was told.
        position: which of the effects, from 0.
        expected: what the journal has there; None for nothing.
        actual: what the node answered; None for nothing. What it raised, if it did not take the event.
        field: the first field that differs, if both are of one class; else empty.
    """

    def __init__(
        self, *, line: int, entry: Entry, position: int, expected: Effect | None, actual: Effect | Exception | None
    ) -> None:
        self.line = line
        self.at = entry.at
        self.event: Event = entry.event
        self.position = position
        self.expected = expected
        self.actual = actual
        self.field = _differing_field(expected, actual)
        place = f"effect {position + 1}" + (f", {self.field}" if self.field else "")
        super().__init__(
            f"line {line}, at {entry.at // SECOND}.{entry.at % SECOND:09d} s, after {entry.event}: {place}: "
            f"the journal has {expected or 'nothing'}; the replay gives {actual or 'nothing'}"
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """What a replay has gone through without finding a difference.

    Attributes:
        runs: how many times the node was started: the journal goes on when a daemon is restarted.
        entries: how many events were told, and their effects compared.
        torn: how many lines had no end. Each stood at the end of a run that ended suddenly, and was left out.
        at: the last instant, in nanoseconds; None if there were no entries.
        node: of the last run, as it is at the end.
    """

    runs: int
    entries: int
    torn: int
    at: int | None
    node: Node


def replay(lines: Iterable[str], config: NodeConfig) -> Replayed:
    """Play a journal again.

    Args:
        lines: with their newlines, as a file gives them. Of a rotated journal, the files in their order.
        config: what ran, with the passwords, which no journal has.

    Returns:
        What was gone through.

    Raises:
        JournalError: a line cannot be read, lines are missing, or another configuration ran.
        Divergence: the node answers differently.
    """
    player = _Player(config)
    for number, line in read(lines):
        player.play(number, line)
    return player.result()


@final
class _Player:
    """Tells a node what a journal says, line by line."""

    def __init__(self, config: NodeConfig) -> None:
        self._config = config
        self._header: Header | None = None
        self._node: Node | None = None
        self._next = 1
        self._runs = 0
        self._entries = 0
        self._torn = 0
        self._at: int | None = None

    def play(self, number: int, line: Line | Torn) -> None:
        match line:
            case Header():
                self._begin(number, line)
            case Entry():
                self._tell(number, line)
            case Gap():
                last = line.n + line.gap - 1
                raise JournalError(
                    number,
                    f"entries {line.n} to {last} are missing ({line.why})",
                    "all entries: what the node was told in between is not known",
                )
            case Torn():
                self._torn += 1
            case _:
                assert_never(line)

    def result(self) -> Replayed:
        if self._node is None:
            raise JournalError(1, "no header", "a journal from its beginning")
        return Replayed(runs=self._runs, entries=self._entries, torn=self._torn, at=self._at, node=self._node)

    def _begin(self, number: int, header: Header) -> None:
        goes_on = self._header is not None and header.continues(self._header) and header.first == self._next
        if not goes_on and header.first != 1:
            raise JournalError(
                number,
                f"the journal goes on with entry {header.first} of a run",
                f"entry {self._next}: put the files of a rotated journal in their order, the oldest first",
            )
        given, written = map(form_of(NodeConfig).encode, (without_secrets(self._config), header.config))
        difference = first_difference(given, written)
        if difference is not None:
            path, here, there = difference
            raise JournalError(number, f"{path} was {shown(there)} in the run", f"{shown(here)}, as given")
        if not goes_on:
            self._node = Node(self._config, rng=random.Random(header.seed))  # noqa: S311 - the run's own numbers
            self._runs += 1
            self._next = 1
        self._header = header

    def _tell(self, number: int, entry: Entry) -> None:
        if self._node is None:
            raise JournalError(number, f"entry {entry.n} without a header", "a journal from its beginning")
        if entry.n != self._next:
            raise JournalError(number, f"entry {entry.n}", f"entry {self._next}: lines are missing or twice there")
        try:
            effects = self._node.handle(entry.event, entry.at)
        except Exception as error:
            expected = entry.effects[0] if entry.effects else None
            raise Divergence(line=number, entry=entry, position=0, expected=expected, actual=error) from error
        for position, (expected, actual) in enumerate(zip_longest(entry.effects, effects)):
            if expected != actual:
                raise Divergence(line=number, entry=entry, position=position, expected=expected, actual=actual)
        self._next += 1
        self._entries += 1
        self._at = entry.at


def _differing_field(expected: Effect | None, actual: Effect | Exception | None) -> str:
    """Return the first field in which two effects of one class differ; empty if there is no such."""
    if expected is None or type(expected) is not type(actual):
        return ""
    kind: object = type(expected)
    form = form_of(kind)
    difference = first_difference(form.encode(expected), form.encode(actual))
    return "" if difference is None else difference[0]
