"""The report of a run: one HTML page that holds everything, and needs nothing but a browser."""

import html
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Final, TypeAlias

from carpsim.checks.verdict import Verdict, span
from carpsim.recording import ClientLane, Lane, Recording, Span
from carpsim.trace import RELEASE
from triocarp.core.timing import SECOND

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_PAGE: Final = "report.html"
_TITLE: Final = "{{title}}"
_DATA: Final = "{{data}}"


def render(recording: Recording, verdicts: Sequence[Verdict] = ()) -> str:
    """Return the page of a run that has ended.

    Args:
        recording: of the run; `Recording.finish` has been called.
        verdicts: of its checks.
    """
    scenario = recording.world.scenario
    data: dict[str, Json] = {
        "title": scenario.name,
        "description": scenario.description,
        "seed": str(recording.world.seed),
        "release": RELEASE,
        "duration": scenario.duration / SECOND,
        "lanes": [_lane(lane) for lane in recording.lanes.values()],
        "clients": [_client(client) for client in recording.clients.values()],
        "faults": [[_seconds(at), words] for at, words in recording.faults],
        "verdicts": [
            {
                "check": one.check,
                "held": one.held,
                "judged": one.judged,
                "formula": one.formula,
                "margin": None if one.margin is None else span(one.margin),
                "sentence": one.sentence,
                "ucarp": "" if one.on_ucarp is None else str(one.on_ucarp),
            }
            for one in verdicts
        ],
    }
    # A script ends at the first "</script" whatever stands before it, also within a text.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    page = files("carpsim").joinpath(_PAGE).read_text(encoding="utf-8")
    return page.replace(_TITLE, html.escape(scenario.name)).replace(_DATA, text)


def _lane(lane: Lane) -> Json:
    return {
        "name": lane.name,
        "states": _spans(lane.states),
        "holds": _spans(lane.holds),
        "absences": _spans(lane.absences),
        "advertisements": [_seconds(at) for at in lane.advertisements],
        "goodbyes": [_seconds(at) for at in lane.goodbyes],
        "announcements": [_seconds(at) for at in lane.announcements],
        "sentences": [[_seconds(at), words] for at, words in lane.sentences],
    }


def _client(client: ClientLane) -> Json:
    return {
        "name": client.name,
        "target": client.target,
        "answerers": _spans(client.answerers),
        "outages": [
            [_seconds(outage.begin), None if outage.end is None else _seconds(outage.end), outage.lost]
            for outage in client.outages
        ],
    }


def _spans(spans: Sequence[Span]) -> list[Json]:
    return [[_seconds(span.begin), None if span.end is None else _seconds(span.end), span.what] for span in spans]


def _seconds(at: int) -> float:
    return at / SECOND
