"""All scenes: each event, with the four pairs of a preferred host and another one."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from carpsim.faults import Crash, LinkLoss, Partition, Pause, Stop
from tests.bench.settings import Settings
from tests.validate.scene import CLIENT, Measure, Member, Scene, Start, Step
from triocarp.core.timing import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.validate.scene import Happening

DAEMONS: Final = ("carpd", "ucarp")
PAIRS: Final = tuple(itertools.product(DAEMONS, DAEMONS))

_OTHER: Final = Settings(advskew=50)
_SETTLED: Final = 5 * SECOND // 2
"""From the start of the second host to the earliest instant at which something happens to the first."""

_WATCH: Final = 6 * SECOND
"""The longest dead time of a ucarp, in effect, is 4.8 s with these settings."""

_OUTAGE: Final = (Measure.OUTAGE,)
_BOTH: Final = (Measure.TWO_HOLDERS, Measure.OUTAGE)


def _of(preferred: str, other: str) -> Iterator[Scene]:
    first = Member(name="a", daemon=preferred, number=1, settings=Settings())
    second = Member(name="b", daemon=other, number=2, settings=_OTHER)
    joins = Step(what=Start(host="b"), cue="a", wait=SECOND, phase="start")

    def to_master(
        event: str,
        what: Happening,
        measures: tuple[Measure, ...],
        *,
        lasts: int = 0,
        watch: int = _WATCH,
        from_end: bool = False,
    ) -> Scene:
        happens = Step(what=what, cue="a", wait=_SETTLED, phase="fault", end_phase="end" if lasts else "")
        return Scene(
            event=event,
            members=(first, second),
            steps=(joins, happens),
            watch=lasts + watch,
            measures=measures,
            from_end=from_end,
        )

    yield to_master("crash", Crash(at=0, host="a", power=True), _OUTAGE)
    yield to_master("stop", Stop(at=0, host="a"), _OUTAGE)
    yield to_master("kill", Crash(at=0, host="a"), _BOTH)
    preempting = Member(name="a", daemon=preferred, number=1, settings=Settings(preempt=True))
    yield Scene(
        event="return",
        members=(second, preempting),
        steps=(Step(what=Start(host="a"), cue="b", wait=_SETTLED, phase="start"),),
        watch=_WATCH,
        measures=_BOTH,
    )
    # The lab moves all parts but the first to another switch, and who is moved hears nobody for a moment.
    parts = (("b", CLIENT), ("a",))
    lasts = 6 * SECOND
    split = Partition(at=0, parts=parts, duration=lasts)
    yield to_master("split", split, _BOTH, lasts=lasts, watch=4 * SECOND, from_end=True)
    yield to_master("link", LinkLoss(at=0, host="a", duration=lasts), _OUTAGE, lasts=lasts, watch=4 * SECOND)
    frozen = Pause(at=0, host="a", duration=lasts)
    yield to_master("freeze", frozen, _BOTH, lasts=lasts, watch=4 * SECOND)


EVENTS: Final = {
    "crash": "the master's machine dies",
    "stop": "the master is stopped with SIGTERM",
    "kill": "the master's daemon is killed, and its host lives on",
    "return": "the preferred host comes back to a group that has a master (`-P`)",
    "split": "the master is cut off from the backup and the client for 6 to 7 s; measured from when that ends",
    "link": "the master loses its link for 6 to 7 s",
    "freeze": "the master's daemon stands still for 6 to 7 s (SIGSTOP)",
}
"""What happens in each."""

SCENES: Final = tuple(
    sorted((scene for pair in PAIRS for scene in _of(*pair)), key=lambda scene: list(EVENTS).index(scene.event))
)
BY_NAME: Final = {scene.name: scene for scene in SCENES}
