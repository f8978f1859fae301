"""The journal: every input and every effect of a node with its instant, one JSON object a line.

A journal begins with a `Header`: what ran, with which random seed. An `Entry` follows for each event, with all
that the node answered in the same line. So an effect always stands beside its cause, a crash in the middle of a
line loses an event together with its effects, and what could not be written is a whole number of entries: a `Gap`.
A journal that was rotated, or whose daemon was restarted, has further headers.

`triocarp.core.replay` gives the inputs to a fresh node, and says where the effects are not the same.
docs/journal.md describes the lines for people.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias, assert_never, cast, final

from triocarp.core.configuration import NodeConfig
from triocarp.core.effects import Effect
from triocarp.core.events import Event
from triocarp.core.journal_codec import Form, MisfitError, form_of, shown

VERSION: Final = 1
"""Raised when lines change in a way that a reader of the old ones could not understand, or would misunderstand."""

_JOURNAL: Final = "journal"
_NUMBER: Final = "n"
_INSTANT: Final = "at"
_EVENT: Final = "event"
_EFFECTS: Final = "effects"
_GAP: Final = "gap"
_EXCERPT: Final = 40


@final
class JournalError(ValueError):
    """Raised when a journal cannot be read, or not be replayed.

    Attributes:
        line: number of the line, from 1.
        wrong: what is wrong with it.
        right: what would be right.
        torn: whether it may be the beginning of a sound line.
    """

    def __init__(self, line: int, wrong: str, right: str, *, torn: bool = False) -> None:
        super().__init__(f"line {line}: {wrong}: expected {right}")
        self.line = line
        self.wrong = wrong
        self.right = right
        self.torn = torn


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What ran. Passwords are forgotten when it is made.

    Attributes:
        triocarp: version of the package.
        first: number of the entry that follows: 1 where a run begins, more where a rotated journal goes on.
        seed: of the node's random numbers.
        clock: name of the clock of the instants.
        unix_offset: nanoseconds to add to an instant to have nanoseconds since the Unix epoch, as they were when
            this was written; None where there is no such time.
        config: of the node. `WITHHELD` stands for each password, none for each other password.
    """

    triocarp: str
    first: int = 1
    seed: int
    clock: str
    unix_offset: int | None = None
    config: NodeConfig

    def __post_init__(self) -> None:
        """Forget the passwords."""
        object.__setattr__(self, "config", without_secrets(self.config))

    def continues(self, other: "Header") -> bool:
        """Return whether this heads a later part of the same run.

        Args:
            other: an earlier header.
        """
        same = (self.triocarp, self.seed, self.clock, self.config)
        return same == (other.triocarp, other.seed, other.clock, other.config)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event.

    Attributes:
        n: its number; the first of a run has 1.
        at: the instant that the node was told, in nanoseconds of the header's clock.
        event: what it was told.
        effects: what it answered.
    """

    n: int
    at: int
    event: Event
    effects: tuple[Effect, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Entries that could not be written.

    Attributes:
        n: number of the first of them.
        gap: how many.
        why: in words.
    """

    n: int
    gap: int
    why: str


Line: TypeAlias = Header | Entry | Gap
"""What a line can be."""


@final
@dataclass(frozen=True, slots=True)
class Torn:
    """A line whose end was never written, because the daemon or the machine came to a sudden end.

    Attributes:
        text: what there is of it.
    """

    text: str


def without_secrets(config: NodeConfig) -> NodeConfig:
    """Return a configuration as a journal has it.

    Args:
        config: with passwords.
    """
    return _CONFIG.decode(_CONFIG.encode(config))


def encode(line: Line) -> str:
    """Return the text of a line, in ASCII, with the newline at its end.

    Args:
        line: which.
    """
    match line:
        case Entry():
            fields = _fields(_ENTRY.encode(line))
            effects = fields.pop(_EFFECTS)
            # The event is the entry: so that a table of entries has its fields as columns.
            data = fields | _fields(fields.pop(_EVENT)) | {_EFFECTS: effects}
        case Header():
            data = {_JOURNAL: VERSION} | _fields(_HEADER.encode(line))
        case Gap():
            data = _fields(_LOSS.encode(line))
        case _:
            assert_never(line)
    return f"{_WRITER.encode(data)}\n"


def decode(text: str, number: int = 1) -> Line:
    """Return what a line says.

    What is not written exactly as `encode` writes it is refused, so that no other text means the same.

    Args:
        text: with the newline at its end.
        number: of the line, for the error.

    Raises:
        JournalError: it is no line of a journal of this version.
    """
    if not text.endswith("\n"):
        raise JournalError(number, "the line has no end", "a newline", torn=True)
    try:
        data = _READER.decode(text)
    except (ValueError, RecursionError):
        raise JournalError(number, f"{shown(text)} is no JSON", "one object", torn=True) from None
    try:
        line = _line(data)
    except MisfitError as misfit:
        raise JournalError(number, f"{misfit.path} {misfit.wrong}".lstrip(), misfit.right) from None
    written = encode(line)
    if written != text:
        pairs = enumerate(zip(text, written, strict=False))
        column = next((index for index, (one, other) in pairs if one != other), len(written))
        right = shown(written[column : column + _EXCERPT]) if column < len(written) else "the end of the line"
        raise JournalError(number, f"{shown(text[column:])} in column {column + 1}", right)
    return line


def read(lines: Iterable[str]) -> Iterator[tuple[int, Line | Torn]]:
    """Yield what the lines of a journal say, each with its number.

    Args:
        lines: with their newlines, as a file gives them.

    Raises:
        JournalError: one of them is no line of a journal. A torn one may stand at the end, or before a header.
    """
    torn: tuple[JournalError, str] | None = None
    for number, text in enumerate(lines, 1):
        try:
            line = decode(text, number)
        except JournalError as error:
            if torn is not None or not error.torn:
                raise torn[0] if torn is not None else error from None
            torn = (error, text)
            continue
        if torn is not None:
            if not isinstance(line, Header):
                raise torn[0]
            yield torn[0].line, Torn(torn[1])
            torn = None
        yield number, line
    if torn is not None:
        if torn[1].endswith("\n"):
            raise torn[0]
        yield torn[0].line, Torn(torn[1])


@final
class LineJournal:
    """A `JournalPort` that hands over each line at once: for simulations and tests.

    Args:
        header: of the run.
        write: takes a line with its newline.
    """

    __slots__ = ("_next", "_write")

    def __init__(self, header: Header, write: Callable[[str], None]) -> None:
        self._write = write
        self._next = header.first
        write(encode(header))

    def record(self, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Take note; see `triocarp.core.ports.JournalPort`.

        Args:
            at: the instant that the node was told, in nanoseconds.
            event: what it was told.
            effects: what it answered.
        """
        self._write(encode(Entry(n=self._next, at=at, event=event, effects=effects)))
        self._next += 1


def _line(data: object) -> Line:
    """Return what the data of a line says.

    Raises:
        MisfitError: nothing that a line can say.
    """
    fields = dict(_fields(data))
    if _JOURNAL in fields:
        version = fields.pop(_JOURNAL)
        if version != VERSION:
            raise MisfitError(shown(version), f"{VERSION}, the version that this triocarp reads", _JOURNAL)
        return _HEADER.decode(fields)
    if _GAP in fields:
        return _LOSS.decode(fields)
    own: dict[str, object] = {name: fields.pop(name) for name in (_NUMBER, _INSTANT, _EFFECTS) if name in fields}
    own[_EVENT] = fields
    return _ENTRY.decode(own)


def _fields(data: object) -> dict[str, object]:
    if not isinstance(data, dict):
        raise MisfitError(shown(data), "an object")
    return cast("dict[str, object]", data)


def _refuse_number(name: str) -> NoReturn:
    raise ValueError(name)


_CONFIG: Final[Form[NodeConfig]] = form_of(NodeConfig)
_HEADER: Final[Form[Header]] = form_of(Header)
_ENTRY: Final[Form[Entry]] = form_of(Entry)
_LOSS: Final[Form[Gap]] = form_of(Gap)
_WRITER: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False)
_READER: Final = json.JSONDecoder(parse_constant=_refuse_number)
