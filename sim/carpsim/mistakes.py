"""What is wrong with a scenario file: every mistake at once, each with its place."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from carpsim.toml_text import Json, Place, path_text, value_text

_SHOWN = 60  # characters of a value


@final
class ScenarioError(ValueError):
    """Raised for what is no scenario.

    Args:
        lines: one for each mistake.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """One for each mistake."""
        return self.args

    def __str__(self) -> str:
        return "\n".join(self.lines)


@final
class UnreadableError(Exception):
    """Raised when a value cannot be read; the mistakes say why."""


@final
@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        place: way to the value.
        sentence: what is wrong with it.
    """

    place: Place
    sentence: str


@final
class Mistakes:
    """All that is wrong with a file; the same thing is told once."""

    def __init__(self) -> None:
        self._found: dict[Mistake, None] = {}
        self._noted = 0

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def noted(self) -> int:
        """How often something was taken note of, also if it was the same thing: grows when there is a mistake."""
        return self._noted

    def add(self, place: Place, sentence: str) -> None:
        """Take note.

        Args:
            place: way to the value.
            sentence: what is wrong with it.
        """
        self._found[Mistake(place, sentence)] = None
        self._noted += 1

    def wrong(self, place: Place, told: Json, accepted: str) -> UnreadableError:
        """Take note of a value, and return what can be raised.

        Args:
            place: way to the value.
            told: it.
            accepted: what would be right; a text that is near to one of several words is asked about.
        """
        self.add(place, f"{shown(told)}: expected {accepted}")
        return UnreadableError()

    def wrong_word(self, place: Place, told: Json, known: Iterable[str]) -> UnreadableError:
        """Take note of a value that is none of several words, and return what can be raised.

        Args:
            place: way to the value.
            told: it.
            known: the words.
        """
        words = list(known)
        accepted = f"one of {', '.join(words)}" if words else "nothing: there is none"
        return self.wrong(place, told, accepted + _asked(told, words))

    def unknown(self, place: Place, known: Iterable[str]) -> None:
        """Take note of a key that nobody knows.

        Args:
            place: way to it.
            known: those that there are.
        """
        words = list(known)
        hint = _asked(place[-1], words) or f"; known are {', '.join(words)}"
        self.add(place, f"there is no such key{hint}")

    def told(self, file: str = "", lines: Mapping[Place, int] | None = None) -> ScenarioError:
        """Return the error that tells them all.

        Args:
            file: its name.
            lines: of the values.
        """
        where = lines or {}
        found = sorted(self._found, key=lambda mistake: _line(mistake.place, where)) if where else self._found
        return ScenarioError(*(_sentence(mistake, file, where) for mistake in found))


def shown(told: Json) -> str:
    """Return a value as TOML has it, shortened.

    Args:
        told: it.
    """
    text = value_text(told)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _sentence(mistake: Mistake, file: str, lines: Mapping[Place, int]) -> str:
    line = _line(mistake.place, lines)
    ahead = [f"{file}:{line}" if line else file] if file else []
    return ": ".join([*ahead, *filter(None, [path_text(mistake.place)]), mistake.sentence])


def _line(place: Place, lines: Mapping[Place, int]) -> int:
    """Return the line of a value, or of what is around it; 0 if there is none."""
    ways = (place[:length] for length in range(len(place), 0, -1))
    return next((lines[way] for way in ways if way in lines), 0)


def _asked(told: Json, words: Sequence[str]) -> str:
    close = difflib.get_close_matches(told, words, 1) if isinstance(told, str) else []
    return f"; did you mean {close[0]}?" if close else ""
