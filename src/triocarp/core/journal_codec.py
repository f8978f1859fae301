"""JSON from the typed values of the core, and back: the rules are found in the types, so that there is no list.

A dataclass is an object with its fields in their order; where several classes are possible, ``kind`` is the first
key and names the class. Enumerations stand by the names of their members, bytes in hexadecimal, addresses as text,
tuples as lists, frozen sets as sorted lists. A dialect of ours stands by its name, any other one with its fields.
Fields with ``repr=False`` hold secrets and are left out.

Reading is strict about types, and about nothing else: that the text is written as we write it is found by writing
the value again (`triocarp.core.journal.decode`).
"""

import enum
import functools
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, Generic, Self, TypeVar, Union, cast, final, get_args, get_origin, get_type_hints

from triocarp.core.dialect import DIALECTS, Dialect

KIND: Final = "kind"
"""The key that names the class."""

WITHHELD: Final = b"(not in the journal)"
"""What is read in the place of a secret. Every dialect takes it for a password."""

_WORD_BITS: Final = 16
_Value = TypeVar("_Value")


@final
class MisfitError(ValueError):
    """Raised by `Form.decode` when data is not of the form.

    Attributes:
        path: where in the data; empty for the whole.
        wrong: what is there.
        right: what would be right.
    """

    def __init__(self, wrong: str, right: str, path: str = "") -> None:
        super().__init__(f"{path}{' ' if path else ''}{wrong}: expected {right}")
        self.path = path
        self.wrong = wrong
        self.right = right

    def within(self, step: str) -> Self:
        """Return the same, seen from further outside.

        Args:
            step: from there to here, ``name`` or ``[index]``.
        """
        dot = "." if self.path and not self.path.startswith("[") else ""
        return type(self)(self.wrong, self.right, f"{step}{dot}{self.path}")


@final
@dataclass(frozen=True, slots=True)
class Form(Generic[_Value]):
    """How values of one type stand in JSON.

    Attributes:
        encode: from the value to what `json` writes.
        decode: from what `json` has read; raises `MisfitError` and nothing else.
    """

    encode: Callable[[_Value], object]
    decode: Callable[[object], _Value]


@functools.cache
def form_of(hint: object) -> Form[Any]:
    """Return the form of a type.

    Args:
        hint: a class, or a union, a tuple or a frozen set of such.

    Raises:
        TypeError: there is no rule for such a type.
    """
    if hint in _SCALARS:
        return _SCALARS[hint]
    if hint is Dialect:
        return _dialect()
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _union(arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return _sequence(arguments[0])
    if origin is tuple:
        return _product(arguments)
    if origin is frozenset:
        return _frozenset(arguments[0])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _enumeration(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass(hint, tagged=False)
    raise TypeError(f"no form for {hint}: add a rule to {__name__}")


def first_difference(here: object, there: object, path: str = "") -> tuple[str, object, object] | None:
    """Return where two encoded values differ first, and what each has there; None if they do not.

    Args:
        here: one of them.
        there: the other one.
        path: of both.
    """
    if isinstance(here, dict) and isinstance(there, dict):
        ours, theirs = cast("dict[str, object]", here), cast("dict[str, object]", there)
        steps = [(f"{path}{'.' if path else ''}{name}", name) for name in {**ours, **theirs}]
        return _first_of(first_difference(ours.get(name), theirs.get(name), step) for step, name in steps)
    if isinstance(here, list) and isinstance(there, list):
        ones, others = cast("list[object]", here), cast("list[object]", there)
        if len(ones) == len(others):
            pairs = enumerate(zip(ones, others, strict=True))
            return _first_of(first_difference(one, other, f"{path}[{index}]") for index, (one, other) in pairs)
    return None if here == there else (path, here, there)


def _first_of(found: Iterable[tuple[str, object, object] | None]) -> tuple[str, object, object] | None:
    return next((difference for difference in found if difference is not None), None)


def shown(data: object) -> str:
    """Return data in short, for a message."""
    return reprlib.repr(data)


def _unchanged(value: object) -> object:
    return value


def _exactly(kind: type, right: str) -> Form[Any]:
    def decode(data: object) -> object:
        if type(data) is not kind:  # no bool for an int
            raise MisfitError(shown(data), right)
        return data

    return Form(_unchanged, decode)


def _text(encode: Callable[[Any], str], parse: Callable[[str], object], right: str) -> Form[Any]:
    """Return a form of text.

    Args:
        encode: writes it.
        parse: reads it; raises `ValueError`.
        right: what is expected, in words.
    """

    def decode(data: object) -> object:
        try:
            if isinstance(data, str):
                return parse(data)
        except ValueError:
            pass
        raise MisfitError(shown(data), right)

    return Form(encode, decode)


def _ipv6_text(address: IPv6Address) -> str:
    """Write an IPv6 address in the one way that every Python has: 3.13 changed those that hold an IPv4 address."""
    mapped = address.ipv4_mapped
    if mapped is None:
        return str(address)
    high, low = divmod(int(mapped), 1 << _WORD_BITS)
    scope = f"%{address.scope_id}" if address.scope_id else ""
    prefix = f"/{address.network.prefixlen}" if isinstance(address, IPv6Interface) else ""
    return f"::ffff:{high:x}:{low:x}{scope}{prefix}"


def _enumeration(members: type[enum.Enum]) -> Form[Any]:
    by_name = members.__members__

    def decode(data: object) -> object:
        if isinstance(data, str) and data in by_name:
            return by_name[data]
        raise MisfitError(shown(data), f"one of {', '.join(by_name)}")

    return Form(attrgetter("name"), decode)


def _list(data: object) -> list[object]:
    if not isinstance(data, list):
        raise MisfitError(shown(data), "a list")
    return cast("list[object]", data)


def _decode_item(form: Form[Any], index: int, item: object) -> object:
    try:
        return form.decode(item)
    except MisfitError as misfit:
        raise misfit.within(f"[{index}]") from None


def _sequence(hint: object) -> Form[Any]:
    form = form_of(hint)

    def encode(values: tuple[object, ...]) -> object:
        return [form.encode(value) for value in values]

    def decode(data: object) -> object:
        return tuple(_decode_item(form, index, item) for index, item in enumerate(_list(data)))

    return Form(encode, decode)


def _frozenset(hint: object) -> Form[Any]:
    form = form_of(hint)
    sequence = _sequence(hint)

    def encode(values: frozenset[object]) -> object:
        return sorted(cast("Iterable[str]", map(form.encode, values)))

    def decode(data: object) -> object:
        return frozenset(sequence.decode(data))

    return Form(encode, decode)


def _product(hints: tuple[object, ...]) -> Form[Any]:
    forms = tuple(map(form_of, hints))

    def encode(values: tuple[object, ...]) -> object:
        return [form.encode(value) for form, value in zip(forms, values, strict=True)]

    def decode(data: object) -> object:
        items = _list(data)
        if len(items) != len(forms):
            raise MisfitError(shown(items), f"{len(forms)} items")
        return tuple(
            _decode_item(form, index, item) for index, (form, item) in enumerate(zip(forms, items, strict=True))
        )

    return Form(encode, decode)


def _union(hints: tuple[object, ...]) -> Form[Any]:
    """Return the form of one of several types: classes are told apart by ``kind``, all others by how they look."""
    classes = [hint for hint in hints if isinstance(hint, type) and is_dataclass(hint)]
    forms = {hint: form_of(hint) for hint in hints}
    tagged = {kind.__name__: _dataclass(kind, tagged=True) for kind in classes} if len(classes) > 1 else {}
    encoders = {hint: form.encode for hint, form in forms.items()}
    encoders |= {kind: tagged[kind.__name__].encode for kind in classes if tagged}
    others = [form for hint, form in forms.items() if hint is not NoneType]

    def encode(value: object) -> object:
        return encoders[type(value)](value)

    def decode(data: object) -> object:
        if data is None and NoneType in forms:
            return None
        if not tagged:
            return _decode_any(others, data)
        kind = _object(data).get(KIND)
        if not isinstance(kind, str) or kind not in tagged:
            raise MisfitError(shown(kind), f"one of {', '.join(tagged)}", KIND)
        return tagged[kind].decode(data)

    return Form(encode, decode)


def _decode_any(forms: list[Form[Any]], data: object) -> object:
    misfits: list[MisfitError] = []
    for form in forms:
        try:
            return form.decode(data)
        except MisfitError as misfit:
            misfits.append(misfit)
    if len(misfits) == 1:
        raise misfits[0]
    raise MisfitError(shown(data), " or ".join(misfit.right for misfit in misfits))


def _object(data: object) -> dict[str, object]:
    if not isinstance(data, dict):
        raise MisfitError(shown(data), "an object")
    return cast("dict[str, object]", data)


@functools.cache
def _dataclass(kind: type[Any], *, tagged: bool) -> Form[Any]:
    """Return the form of a dataclass.

    Args:
        kind: the class.
        tagged: whether its name stands in front.
    """
    hints = get_type_hints(kind)
    forms = {field.name: form_of(hints[field.name]) for field in fields(kind) if field.repr}
    secrets = {field.name: _withheld(field) for field in fields(kind) if not field.repr}
    encoders = tuple((name, form.encode) for name, form in forms.items())
    tag: dict[str, object] = {KIND: kind.__name__} if tagged else {}
    expected = (*tag, *forms)

    def encode(value: object) -> object:
        data = tag.copy()
        for name, encode in encoders:
            field = getattr(value, name)
            data[name] = field if encode is _unchanged else encode(field)
        return data

    def decode(data: object) -> object:
        given = _object(data)
        if unknown := [name for name in given if name not in expected]:
            raise MisfitError(f"has {', '.join(map(shown, unknown))}", f"only fields of {kind.__name__}")
        if missing := [name for name in expected if name not in given]:
            raise MisfitError(f"has no {', '.join(missing)}", f"every field of {kind.__name__}")
        values: dict[str, object] = {}
        for name, form in forms.items():
            try:
                values[name] = form.decode(given[name])
            except MisfitError as misfit:
                raise misfit.within(name) from None
        try:
            return kind(**values, **secrets)
        except ValueError as error:  # a configuration that cannot work
            raise MisfitError(str(error), "what can work") from None

    return Form(encode, decode)


def _withheld(field: Field[Any]) -> object:
    return WITHHELD if field.default is MISSING else field.default


def _dialect() -> Form[Any]:
    whole = _dataclass(Dialect, tagged=False)

    def encode(value: Dialect) -> object:
        return value.name if DIALECTS.get(value.name) == value else whole.encode(value)

    def decode(data: object) -> object:
        if not isinstance(data, str):
            return whole.decode(data)
        if data not in DIALECTS:
            raise MisfitError(shown(data), f"one of {', '.join(DIALECTS)}, or all fields of a dialect")
        return DIALECTS[data]

    return Form(encode, decode)


_SCALARS: Final[Mapping[object, Form[Any]]] = {
    NoneType: _exactly(NoneType, "null"),
    bool: _exactly(bool, "true or false"),
    int: _exactly(int, "a whole number"),
    str: _exactly(str, "text"),
    bytes: _text(bytes.hex, bytes.fromhex, "bytes in hexadecimal"),
    IPv4Address: _text(str, IPv4Address, "an IPv4 address"),
    IPv6Address: _text(_ipv6_text, IPv6Address, "an IPv6 address"),
    IPv4Interface: _text(str, IPv4Interface, "an IPv4 address with its prefix length"),
    IPv6Interface: _text(_ipv6_text, IPv6Interface, "an IPv6 address with its prefix length"),
}
