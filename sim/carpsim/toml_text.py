"""TOML beyond what `tomllib` does: on which line a key stands, and values as text.

`tomllib` tells no lines, and no library that is kept up does (TOML Kit keeps them for itself).
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, final

Json: TypeAlias = Any  # what TOML gives, looked at before it is used

Place: TypeAlias = tuple[str | int, ...]
"""Way to a value: keys of tables, and numbers in lists."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'", re.DOTALL
)
_SCALAR: Final = re.compile(r"[^\s,\]}#]+(?: \d[^\s,\]}#]*)?")  # a date may have one blank


def path_text(place: Place) -> str:
    """Return a place as people write it: ``fault[0].duration``.

    Args:
        place: any.
    """
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + key_text(part)
    return text


def key_text(key: str) -> str:
    """Return a key as TOML has it.

    Args:
        key: any text.
    """
    return key if _BARE.fullmatch(key) else _string(key)


def value_text(value: Json) -> str:
    """Return a value as TOML has it, on one line.

    Args:
        value: a text, number, truth value, list or table.
    """
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _string(value)
        case Mapping():
            table = value
            inside = ", ".join(f"{key_text(key)} = {value_text(item)}" for key, item in table.items())
            return f"{{ {inside} }}" if inside else "{}"
        case Sequence():
            return f"[{', '.join(map(value_text, value))}]"
        case _:
            return str(value)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def lines_of(text: str) -> dict[Place, int]:
    """Return the line, from 1, of each key, table and element of a list.

    Args:
        text: TOML that `tomllib` has read: nothing is checked here.
    """
    return _Scanner(text).lines


@final
class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.lines: dict[Place, int] = {}
        self._counts: dict[Place, int] = {}
        self._table: Place = ()
        self._blank()
        while self._at < len(text):
            if text[self._at] == "[":
                self._header()
            else:
                self._pair(self._table)
            self._blank()

    def _header(self) -> None:
        is_list = self._text.startswith("[[", self._at)
        begin = self._at
        self._at += 1 + is_list
        keys = self._key()
        self._at = self._text.index("]", self._at) + 1 + is_list
        place: Place = ()
        for key in keys[:-1]:
            place = self._last((*place, key))
        place = (*place, keys[-1])
        if is_list:
            self._note(place, begin)
            number = self._counts.get(place, -1) + 1
            self._counts[place] = number
            place = (*place, number)
        self._note(place, begin)
        self._table = place

    def _last(self, place: Place) -> Place:
        """Return the place of the last table of a list of tables, if there is such a list."""
        return (*place, self._counts[place]) if place in self._counts else place

    def _pair(self, table: Place) -> None:
        begin = self._at
        keys = self._key()
        place = table
        for key in keys:
            place = (*place, key)
            self._note(place, begin)
        self._at = self._text.index("=", self._at) + 1
        self._value(place)

    def _key(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._spaces()
            quoted = _STRING.match(self._text, self._at)
            found = quoted or _BARE.match(self._text, self._at)
            if found is None:
                return keys
            keys.append(_unquoted(found[0]) if quoted else found[0])
            self._at = found.end()
            self._spaces()
            if not self._text.startswith(".", self._at):
                return keys
            self._at += 1

    def _value(self, place: Place) -> None:
        self._blank()
        string = _STRING.match(self._text, self._at)
        if string is not None:
            self._at = string.end()
        elif self._text[self._at] == "[":
            self._elements(place)
        elif self._text[self._at] == "{":
            self._inline_table(place)
        else:
            scalar = _SCALAR.match(self._text, self._at)
            self._at = self._at + 1 if scalar is None else scalar.end()

    def _elements(self, place: Place) -> None:
        number = 0
        while self._more("]"):
            self._note((*place, number), self._at)
            self._value((*place, number))
            number += 1

    def _inline_table(self, place: Place) -> None:
        while self._more("}"):
            self._pair(place)

    def _more(self, end: str) -> bool:
        """Go past the opening bracket or a comma, and tell whether the end has not come."""
        self._blank()
        if self._text[self._at] != end:
            self._at += 1
            self._blank()
        if self._text[self._at] == end:
            self._at += 1
            return False
        return True

    def _note(self, place: Place, at: int) -> None:
        self.lines.setdefault(place, self._text.count("\n", 0, at) + 1)

    def _spaces(self) -> None:
        while self._text[self._at : self._at + 1] in {" ", "\t"}:
            self._at += 1

    def _blank(self) -> None:
        found = _BLANK.match(self._text, self._at)
        self._at = self._at if found is None else found.end()


def _unquoted(key: str) -> str:
    if key.startswith("'"):
        return key[1:-1]
    return str(tomllib.loads(f"key = {key}")["key"])
