"""Whether the fields of a configuration have the types that they are declared to have.

Files and command lines are read into the right types. A program that builds a configuration itself, and has no
type checker, makes mistakes that would show much later and elsewhere: a text for bytes, a list for a tuple, an
address with its prefix length for one without (in Python the one is the other).
"""

import dataclasses
import enum
import types
import typing
from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any, Final

from triocarp.core.problem import Problem

_SECRETS: Final = frozenset({"password", "other_password"})
_SHOWN: Final = 60  # characters of a value

_IN_WORDS: Final = {
    bytes: "bytes",
    str: "a str",
    int: "an int",
    bool: "True or False",
    type(None): "None",
    IPv4Address: "an ipaddress.IPv4Address",
    IPv6Address: "an ipaddress.IPv6Address",
    IPv4Interface: "an ipaddress.IPv4Interface",
    IPv6Interface: "an ipaddress.IPv6Interface",
}


def type_problems(config: Any) -> Iterator[Problem]:  # noqa: ANN401 - any dataclass
    """Yield the fields of a dataclass, or the elements of a field, that are of another type than they should be.

    Args:
        config: any dataclass whose fields are scalars, enumerations, dataclasses, or tuples of them.
    """
    for name, (several, kinds) in _declared(config.__class__).items():
        value = getattr(config, name)
        if not several:
            yield from _wrong(name, name, value, kinds)
        elif type(value) is not tuple:
            yield _problem(name, name, value, f"a tuple, each {_words(kinds)}")
        else:
            for index, element in enumerate(value):
                yield from _wrong(f"{name}[{index}]", name, element, kinds)


@cache
def _declared(cls: type[Any]) -> dict[str, tuple[bool, tuple[type[Any], ...]]]:
    """Return whether each field has several values, and the types that each of them may have."""
    hints = typing.get_type_hints(cls)
    found: dict[str, tuple[bool, tuple[type[Any], ...]]] = {}
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        several = typing.get_origin(hint) is tuple
        found[field.name] = several, _alternatives(typing.get_args(hint)[0] if several else hint)
    return found


def _alternatives(hint: Any) -> tuple[type[Any], ...]:  # noqa: ANN401 - a type as the typing module has it
    is_union = typing.get_origin(hint) in {types.UnionType, typing.Union}
    return typing.get_args(hint) if is_union else (hint,)


def _wrong(setting: str, name: str, value: object, kinds: tuple[type[Any], ...]) -> Iterator[Problem]:
    # Exactly: a bool is an int, and an interface address an address, and neither is meant.
    if type(value) not in kinds:
        yield _problem(setting, name, value, _words(kinds))


def _problem(setting: str, name: str, value: object, accepted: str) -> Problem:
    what = type(value).__name__
    text = repr(value)
    shown = f"of type {what}" if name in _SECRETS else text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    return Problem(setting=setting, value=shown, accepted=accepted)


def _words(kinds: tuple[type[Any], ...]) -> str:
    return " or ".join(_IN_WORDS.get(kind) or _example(kind) for kind in kinds)


def _example(kind: type[Any]) -> str:
    if issubclass(kind, enum.Enum):
        return f"one of {', '.join(str(member) for member in kind)}"
    return f"a {kind.__name__} of triocarp.core"
