"""Draws the state machine as a picture, from the table that it obeys: the built pages have no mermaid."""
# ruff: noqa: INP001 - a script beside the pages

from collections import defaultdict
from collections.abc import Iterator
from html import escape
from typing import Final

from triocarp.core import TRANSITIONS, Cause, State

_WIDTH, _BOX_WIDTH, _BOX_HEIGHT, _LINE = 860, 100, 60, 15
_LEFT: Final = {State.INIT: 10, State.BACKUP: 330, State.MASTER: 750}
"""Where the boxes begin; each state is right of those before it."""


def draw() -> str:
    """Return an SVG image, in the colour of the text around it."""
    causes: defaultdict[tuple[State, State], list[Cause]] = defaultdict(list)
    for (old, cause), new in TRANSITIONS.items():
        causes[old, new].append(cause)
    above = max(len(why) for (old, new), why in causes.items() if _LEFT[old] < _LEFT[new])
    below = max(len(why) for (old, new), why in causes.items() if _LEFT[old] > _LEFT[new])
    top = above * _LINE + 10
    height = top + _BOX_HEIGHT + below * _LINE + 70
    parts = [part for edge, why in causes.items() for part in _edge(*edge, why, top, height)]
    parts += [part for state in State for part in _box(state, top)]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"',
            ' fill="currentColor" font-family="sans-serif" style="width: 100%">',
            "<title>The states INIT, BACKUP and MASTER, and what leads from one to another</title>",
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8"',
            ' orient="auto"><path d="M0 0 10 5 0 10z"/></marker></defs>',
            *parts,
            "</svg>",
        )
    )


def _box(state: State, top: int) -> Iterator[str]:
    left = _LEFT[state]
    yield (
        f'<rect x="{left}" y="{top}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="8" fill="none"'
        ' stroke="currentColor" stroke-width="2"/>'
    )
    yield _text(state.value, left + _BOX_WIDTH // 2, top + _BOX_HEIGHT // 2 + 5, size=16)


def _edge(old: State, new: State, why: list[Cause], top: int, height: int) -> Iterator[str]:
    """Yield an arrow and its causes: rightwards above, leftwards below, and past a state in a bow."""
    begin, end = _LEFT[old], _LEFT[new]
    rightwards = begin < end
    middle = (begin + end + _BOX_WIDTH) // 2
    if abs(list(State).index(old) - list(State).index(new)) > 1:
        foot, bottom, side = top + _BOX_HEIGHT, height - 25, _BOX_WIDTH // 2
        yield _arrow(f"M{begin + side} {foot}V{bottom}H{end + side}V{foot}")
        yield from _lines(why, middle, bottom - 6 - (len(why) - 1) * _LINE)
        return
    y = top + (20 if rightwards else _BOX_HEIGHT - 20)
    yield _arrow(f"M{begin + _BOX_WIDTH} {y}H{end}" if rightwards else f"M{begin} {y}H{end + _BOX_WIDTH}")
    yield from _lines(why, middle, y - 6 - (len(why) - 1) * _LINE if rightwards else y + _LINE)


def _arrow(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.5" marker-end="url(#tip)"/>'


def _lines(why: list[Cause], x: int, y: int) -> Iterator[str]:
    for number, cause in enumerate(why):
        yield _text(cause.value, x, y + number * _LINE)


def _text(words: str, x: int, y: int, *, size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" font-size="{size}">{escape(words)}</text>'
