"""Draws ``docs/state-machine.md`` from the table that the state machine obeys. Run it when the table changes."""
# ruff: noqa: INP001 - a script beside the page that it writes

from collections import defaultdict
from pathlib import Path

from triocarp.core import TRANSITIONS, Cause, State

PAGE = Path(__file__).with_name("state-machine.md")

_HEAD = """\
# The state machine of a virtual host

Drawn from `TRANSITIONS` in `src/triocarp/core/transitions.py` by `docs/state_diagram.py`; a test holds the two
together. A transition that is not here raises `ForbiddenTransitionError`.
"""


def draw() -> str:
    """Return the page: a diagram, and the table with the words that reports carry."""
    causes: defaultdict[tuple[State, State], list[Cause]] = defaultdict(list)
    for (old, cause), new in TRANSITIONS.items():
        causes[old, new].append(cause)
    diagram = [f"    [*] --> {State.INIT.value}"]
    for (old, new), why in causes.items():
        label = "<br/>".join(cause.value for cause in why)
        diagram.append(f"    {old.value} --> {new.value}: {label}")
    rows = [
        f"| {old.value} | {new.value} | `{cause.name}` | {cause.value} |"
        for (old, cause), new in TRANSITIONS.items()
    ]
    return "\n".join(
        (
            _HEAD,
            "```mermaid",
            "stateDiagram-v2",
            *diagram,
            "```",
            "",
            "| from | to | cause | FreeBSD's words, where it has them |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )


if __name__ == "__main__":
    PAGE.write_text(draw(), encoding="utf-8")
