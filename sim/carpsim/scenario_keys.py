"""The vocabulary of scenario files, made of the types of a `carpsim.scenario.Scenario`.

Each field of a dataclass is a key of a table. Whatever is an ``int`` is a duration, unless `NUMBERS` names it; a
``float`` is a probability. Where there are several dataclasses to choose from, ``type`` says which; one that has a
single field can be written as that field's value, so that a latency may be just ``"50us"``.
``docs/scenario-keys.md`` is written from here.
"""

import dataclasses
import enum
import ipaddress
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any, Final, Protocol, final

from carpsim.duration_text import ACCEPTED, read_duration, write_duration
from carpsim.mistakes import Mistakes, UnreadableError, shown
from carpsim.toml_text import Json, Place
from triocarp.core import Link

NONE: Final = "none"
"""What stands for None where that is not what is left out."""

TYPE: Final = "type"
"""The key that says which of several tables one is."""

NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "advbase_s": (0, 255),
    "advskew": (0, 255),
    "amount": (-255, 255),
    "at_least": (0, 10**9),
    "at_most": (0, 10**9),
    "bandwidth": (0, 10**12),
    "count": (1, 10**6),
    "demotion": (0, 255),
    "drift_ppm": (-500_000, 500_000),
    "length": (0, 36),
    "priority": (1, 255),
    "questions": (1, 100),
    "queue": (0, 10**9),
    "rate": (1, 10**6),
    "seed": (0, 2**63 - 1),
    "ttl": (0, 255),
    "version": (0, 15),
    "vhid": (1, 255),
    "vrrp": (2, 3),
}
"""Fields that are whole numbers and no durations, with the least and the most."""

_SIGNED: Final = ("by", "wall_offset")  # durations that may be less than nothing
_SOME: Final = ("interval", "duration")  # durations that may not be nothing: one would be repeated without end
_WORDS: Final = {"call": ("send", "hold", "release")}
_MEMBERS: Final[Mapping[str, tuple[enum.Enum, ...]]] = {"link": (Link.NO_CARRIER, Link.DOWN)}
"""Fields that cannot be every member of their enumeration."""

ORDERED: Final = (
    ("least", "most"),
    ("least", "mean"),
    ("at_least", "at_most"),
    ("since", "until"),
    ("over", "under"),
)
"""Pairs of keys of which the first one's value is at most the second one's."""


_KINDS: Final[dict[type[Any], Mapping[str, "Kind"]]] = {}


class Kind(Protocol):
    """What a value may be."""

    @property
    def type(self) -> str:
        """TOML's name for it."""
        ...

    @property
    def accepted(self) -> str:
        """The same exactly, in words that can follow "expected"."""
        ...

    def read(self, told: Json, place: Place, mistakes: Mistakes) -> Any:  # noqa: ANN401 - of whatever type is asked for
        """Return what a value of TOML means.

        Args:
            told: it.
            place: where it stands.
            mistakes: takes note of what is wrong.

        Raises:
            UnreadableError: something is.
        """
        ...

    def write(self, value: Any) -> Json:  # noqa: ANN401 - see `read`
        """Return a value as TOML has it.

        Args:
            value: one that `read` returns.

        Raises:
            ValueError: it cannot be said in TOML.
        """
        ...


@final
@dataclass(frozen=True, slots=True)
class Leaf:
    """One value.

    Attributes:
        type: TOML's name for it.
        accepted: in words.
        convert: makes ours of a value of TOML. Raises ValueError for any that is not accepted.
        express: the other way.
        words: all that there are; empty if there are too many to tell.
    """

    type: str
    accepted: str
    convert: Callable[[Json], object]
    express: Callable[[Any], Json]
    words: tuple[str, ...] = ()

    def read(self, told: Json, place: Place, mistakes: Mistakes) -> Any:  # noqa: ANN401 - see `Kind`
        """Return what a value of TOML means; see `Kind`."""
        try:
            return self.convert(told)
        except ValueError:
            pass
        raise (
            mistakes.wrong_word(place, told, self.words)
            if self.words
            else mistakes.wrong(place, told, self.accepted)
        )

    def write(self, value: Any) -> Json:  # noqa: ANN401 - see `Kind`
        """Return a value as TOML has it; see `Kind`."""
        return self.express(value)


@final
@dataclass(frozen=True, slots=True)
class Several:
    """A list, each of one kind.

    Attributes:
        element: the kind.
    """

    element: Kind

    @property
    def type(self) -> str:
        """TOML's name for it; see `Kind`."""
        return f"list of {self.element.type.partition(' ')[0]}s"

    @property
    def accepted(self) -> str:
        """In words; see `Kind`."""
        return f"a list, each {self.element.accepted}"

    def read(self, told: Json, place: Place, mistakes: Mistakes) -> Any:  # noqa: ANN401 - see `Kind`
        """Return what a value of TOML means; see `Kind`."""
        if not isinstance(told, list):
            raise mistakes.wrong(place, told, self.accepted)
        return tuple(_all_of(self.element, enumerate(told), place, mistakes).values())

    def write(self, value: Any) -> Json:  # noqa: ANN401 - see `Kind`
        """Return a value as TOML has it; see `Kind`."""
        return [self.element.write(item) for item in value]


@final
@dataclass(frozen=True, slots=True)
class ByName:
    """A table with any keys of one kind, and values of another.

    Attributes:
        key: kind of its keys.
        value: kind of its values.
    """

    key: Kind
    value: Kind

    @property
    def type(self) -> str:
        """TOML's name for it; see `Kind`."""
        return "table"

    @property
    def accepted(self) -> str:
        """In words; see `Kind`."""
        return f"a table: by {self.key.accepted}, each {self.value.accepted}"

    def read(self, told: Json, place: Place, mistakes: Mistakes) -> Any:  # noqa: ANN401 - see `Kind`
        """Return what a value of TOML means; see `Kind`."""
        if not isinstance(told, dict):
            raise mistakes.wrong(place, told, self.accepted)
        table = told
        values = _all_of(self.value, table.items(), place, mistakes)
        return {self.key.read(key, (*place, key), mistakes): value for key, value in values.items()}

    def write(self, value: Any) -> Json:  # noqa: ANN401 - see `Kind`
        """Return a value as TOML has it; see `Kind`."""
        return {self.key.write(key): self.value.write(item) for key, item in value.items()}


@final
@dataclass(frozen=True, slots=True)
class Table:
    """A table that is a dataclass.

    Attributes:
        cls: the dataclass.
        apart: its fields that are read elsewhere.
        also: keys that are no fields of it, and are read elsewhere.
    """

    cls: type[Any]
    apart: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """TOML's name for it; see `Kind`."""
        return "table"

    @property
    def accepted(self) -> str:
        """In words; see `Kind`."""
        return f"a table with {', '.join(self.keys)}"

    @property
    def fields(self) -> dict[str, "dataclasses.Field[Any]"]:
        """The fields that are keys, by name."""
        return {field.name: field for field in dataclasses.fields(self.cls) if field.name not in self.apart}

    @property
    def keys(self) -> dict[str, Kind]:
        """The kind of each key."""
        return {name: kind for name, kind in kinds_of(self.cls).items() if name not in self.apart}

    def read(self, told: Json, place: Place, mistakes: Mistakes) -> Any:  # noqa: ANN401 - see `Kind`
        """Return what a value of TOML means; see `Kind`."""
        return self.cls(**self.values(told, place, mistakes))

    def values(self, told: Json, place: Place, mistakes: Mistakes, filled: Iterable[str] = ()) -> dict[str, Any]:
        """Return what a table tells, by field.

        Args:
            told: the table.
            place: where it stands.
            mistakes: takes note of what is wrong.
            filled: fields that need not be told, because somebody fills them in.

        Raises:
            UnreadableError: something is wrong.
        """
        if not isinstance(told, dict):
            raise mistakes.wrong(place, told, self.accepted)
        table, before = told, mistakes.noted
        values = dict(self._told(table, place, mistakes))
        for name, field in self.fields.items():
            if name not in table and is_required(field) and name not in filled:
                mistakes.add((*place, name), f"is missing: expected {self.keys[name].accepted}")
        for less, more in ORDERED:
            if less in values and more in values and values[less] > values[more]:
                mistakes.wrong((*place, less), table[less], f"at most {more}, {shown(table[more])}")
        if mistakes.noted > before:
            raise UnreadableError
        return values

    def _told(self, table: dict[str, Json], place: Place, mistakes: Mistakes) -> Iterator[tuple[str, Any]]:
        keys = self.keys
        for key, value in table.items():
            if key in keys:
                try:
                    yield key, keys[key].read(value, (*place, key), mistakes)
                except UnreadableError:
                    continue
            elif key not in self.also:
                mistakes.unknown((*place, key), [*keys, *self.also])

    def write(self, value: Any) -> dict[str, Json]:  # noqa: ANN401 - see `Kind`
        """Return a value as TOML has it; see `Kind`."""
        told: dict[str, Json] = {}
        for name, field in self.fields.items():
            item, default = getattr(value, name), default_of(field)
            if item != default or is_required(field):
                told[name] = self.keys[name].write(item)
        return told


@final
@dataclass(frozen=True, slots=True)
class Choice:
    """One of several dataclasses.

    Attributes:
        tables: by the name that the key ``type`` has.
    """

    tables: Mapping[str, Table]

    @property
    def type(self) -> str:
        """TOML's name for it; see `Kind`."""
        return " or ".join([*(kind.type for _, kind in self._bare()), "table"])

    @property
    def accepted(self) -> str:
        """In words; see `Kind`."""
        tables = f"a table with {TYPE} one of {', '.join(self.tables)}"
        return ", or ".join([*(kind.accepted for _, kind in self._bare()), tables])

    def read(self, told: Json, place: Place, mistakes: Mistakes) -> Any:  # noqa: ANN401 - see `Kind`
        """Return what a value of TOML means; see `Kind`."""
        if isinstance(told, dict):
            table = self.table(told, place, mistakes)
            return table.read({key: value for key, value in told.items() if key != TYPE}, place, mistakes)
        for table, kind in self._bare():
            quietly = Mistakes()
            try:
                return table.cls(kind.read(told, place, quietly))
            except UnreadableError:
                continue
        raise mistakes.wrong(place, told, self.accepted)

    def table(self, told: Mapping[str, Json], place: Place, mistakes: Mistakes) -> Table:
        """Return the one that a table is.

        Args:
            told: it.
            place: where it stands.
            mistakes: takes note of what is wrong.

        Raises:
            UnreadableError: it does not say, or there is none of that name.
        """
        if TYPE not in told:
            mistakes.add((*place, TYPE), f"is missing: expected one of {', '.join(self.tables)}")
            raise UnreadableError
        name = told[TYPE]
        if not isinstance(name, str) or name not in self.tables:
            raise mistakes.wrong_word((*place, TYPE), name, self.tables)
        return self.tables[name]

    def write(self, value: Any) -> Json:  # noqa: ANN401 - see `Kind`
        """Return a value as TOML has it; see `Kind`."""
        for name, table in self.tables.items():
            if type(value) is table.cls:
                for bare, kind in self._bare():
                    if bare is table:
                        (field,) = table.fields
                        return kind.write(getattr(value, field))
                return {TYPE: name, **table.write(value)}
        raise ValueError(f"{type(value).__name__} cannot be said in a scenario file")

    def _bare(self) -> list[tuple[Table, Kind]]:
        """Return the tables that can be written as their single value, with its kind."""
        return [
            (table, kind) for table in self.tables.values() for kind in table.keys.values() if len(table.keys) == 1
        ]


@final
@dataclass(frozen=True, slots=True)
class OrNone:
    """A value, or none where that must be said.

    Attributes:
        kind: of the value.
    """

    kind: Kind

    @property
    def type(self) -> str:
        """TOML's name for it; see `Kind`."""
        return self.kind.type

    @property
    def accepted(self) -> str:
        """In words; see `Kind`."""
        return f'{self.kind.accepted}, or "{NONE}"'

    def read(self, told: Json, place: Place, mistakes: Mistakes) -> Any:  # noqa: ANN401 - see `Kind`
        """Return what a value of TOML means; see `Kind`."""
        return None if told == NONE else self.kind.read(told, place, mistakes)

    def write(self, value: Any) -> Json:  # noqa: ANN401 - see `Kind`
        """Return a value as TOML has it; see `Kind`."""
        return NONE if value is None else self.kind.write(value)


def is_required(field: "dataclasses.Field[Any]") -> bool:
    """Tell whether a field must be told.

    Args:
        field: of a dataclass.
    """
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def default_of(field: "dataclasses.Field[Any]") -> Any:  # noqa: ANN401 - of any type
    """Return what a field has if it is not told; None if it must be.

    Args:
        field: of a dataclass.
    """
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def kinds_of(cls: type[Any]) -> Mapping[str, Kind]:
    """Return the kind of each field of a dataclass; of those that no kind is known of, none.

    Args:
        cls: the dataclass.
    """
    if cls not in _KINDS:
        _KINDS[cls] = _find_kinds(cls)
    return _KINDS[cls]


def _find_kinds(cls: type[Any]) -> Mapping[str, Kind]:
    hints = typing.get_type_hints(cls)
    kinds: dict[str, Kind] = {}
    for field in dataclasses.fields(cls):
        kind = _kind_of(hints[field.name], field.name)
        if kind is not None:
            may_be_none = type(None) in typing.get_args(hints[field.name])
            says_none = may_be_none and default_of(field) is not None
            kinds[field.name] = OrNone(kind) if says_none else kind
    return kinds


def type_name(cls: type[Any]) -> str:
    """Return how a class is called in a file: ``HeavyTail`` is ``heavy-tail``.

    Args:
        cls: any.
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()


def word_of(member: enum.Enum) -> str:
    """Return how a member of an enumeration is called in a file: ``NO_CARRIER`` is ``no-carrier``.

    Args:
        member: any.
    """
    return member.name.lower().replace("_", "-")


def _all_of(kind: Kind, told: Iterable[tuple[Any, Json]], place: Place, mistakes: Mistakes) -> dict[Any, Any]:
    """Read several values of one kind, and tell all that is wrong with any."""
    values: dict[Any, Any] = {}
    failed = False
    for key, value in told:
        try:
            values[key] = kind.read(value, (*place, key), mistakes)
        except UnreadableError:
            failed = True
    if failed:
        raise UnreadableError
    return values


def _kind_of(hint: Any, name: str) -> Kind | None:  # noqa: ANN401 - a type as the typing module has it
    options = [option for option in _options(hint) if option is not type(None)]
    if len(options) > 1:
        if frozenset(options) in _ADDRESSES:
            return _ADDRESSES[frozenset(options)]
        return Choice({type_name(option): Table(option) for option in options})
    (only,) = options
    arguments = typing.get_args(only)
    match typing.get_origin(only):
        case None:
            return _kind_of_class(only, name)
        case origin if origin is tuple:
            element = _kind_of(arguments[0], name)
            return None if element is None else Several(element)
        case origin if isinstance(origin, type) and issubclass(origin, Mapping):
            key, value = (_kind_of(argument, name) for argument in arguments)
            return None if key is None or value is None else ByName(key, value)
        case _:
            return None


def _options(hint: Any) -> Sequence[Any]:  # noqa: ANN401 - see there
    is_union = typing.get_origin(hint) in {types.UnionType, typing.Union}
    return typing.get_args(hint) if is_union else (hint,)


def _kind_of_class(cls: type[Any], name: str) -> Kind | None:
    if cls is bool:
        return FLAG
    if cls is int:
        return number(*NUMBERS[name]) if name in NUMBERS else _duration(name)
    if cls is float:
        return PROBABILITY
    if cls is IPv4Address:
        return IPV4_ADDRESS
    if cls is str:
        return words(_WORDS[name]) if name in _WORDS else TEXT
    if issubclass(cls, enum.Enum):
        return _enumeration(_MEMBERS.get(name, tuple(cls)))
    if dataclasses.is_dataclass(cls) and cls.__name__ != "NodeConfig":
        return Table(cls)
    return None


def number(least: int, most: int) -> Leaf:
    """Return the kind of a whole number.

    Args:
        least: the smallest.
        most: the largest.
    """

    def convert(told: Json) -> int:
        if not isinstance(told, int) or isinstance(told, bool) or not least <= told <= most:
            raise ValueError
        return told

    return Leaf("integer", f"a whole number from {least} to {most}", convert, _same)


def words(known: Iterable[str]) -> Leaf:
    """Return the kind of a text that is one of several words.

    Args:
        known: they.
    """
    all_words = tuple(known)

    def convert(told: Json) -> str:
        if told not in all_words:
            raise ValueError
        return str(told)

    return Leaf("string", f"one of {', '.join(all_words)}", convert, _same, all_words)


def _enumeration(known: Iterable[enum.Enum]) -> Leaf:
    members = {word_of(member): member for member in known}

    def convert(told: Json) -> enum.Enum:
        if not isinstance(told, str) or told not in members:
            raise ValueError
        return members[told]

    return Leaf("string", f"one of {', '.join(members)}", convert, word_of, tuple(members))


def _duration(name: str) -> Leaf:
    least = -(2**62) if name in _SIGNED else 1 if name in _SOME else 0
    accepted = ACCEPTED + (", more than 0" if least == 1 else ", or less than 0" if least < 0 else "")

    def convert(told: Json) -> int:
        duration = read_duration(told)
        if duration < least:
            raise ValueError
        return duration

    return Leaf("duration", accepted, convert, write_duration)


def _same(value: Any) -> Json:  # noqa: ANN401 - of any type
    return value


def _flag(told: Json) -> bool:
    if not isinstance(told, bool):
        raise ValueError  # noqa: TRY004 - a mistake of whoever wrote the file, not of the caller
    return told


def _text(told: Json) -> str:
    if not isinstance(told, str):
        raise ValueError  # noqa: TRY004 - the same
    return told


def _probability(told: Json) -> float:
    if not isinstance(told, int | float) or isinstance(told, bool) or not 0 <= told <= 1:
        raise ValueError
    return float(told)


def _interface(told: Json) -> IPv4Interface | IPv6Interface:
    if "/" not in _text(told):  # it would be an address alone, which hardly anybody means who leaves it out
        raise ValueError
    return ipaddress.ip_interface(told)


FLAG: Final = Leaf("boolean", "true or false", _flag, _same)
TEXT: Final = Leaf("string", "a text", _text, _same)
PROBABILITY: Final = Leaf("number", "a probability from 0 to 1", _probability, _same)
ADDRESS: Final = Leaf(
    "string", 'an address such as "10.0.0.2"', lambda told: ipaddress.ip_address(_text(told)), str
)
IPV4_ADDRESS: Final = Leaf("string", 'an address such as "10.0.0.2"', lambda told: IPv4Address(_text(told)), str)
INTERFACE_ADDRESS: Final = Leaf(
    "string", 'an address with its prefix length, such as "10.0.0.100/24"', _interface, str
)
_ADDRESSES: Final = {
    frozenset({IPv4Address, IPv6Address}): ADDRESS,
    frozenset({IPv4Interface, IPv6Interface}): INTERFACE_ADDRESS,
}
