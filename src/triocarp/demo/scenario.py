"""The whole play: all steps in order, what is told meanwhile, and how it ends."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING, Final

from triocarp.demo.cast import MEMBERS
from triocarp.demo.face import Failure, Outcome, Result
from triocarp.demo.steps import STEPS, check_nothing_left
from triocarp.demo.takeover import StepFailed
from triocarp.demo.wording import facts
from triocarp.lab import clock

if TYPE_CHECKING:
    from triocarp.demo.cluster import Cluster
    from triocarp.demo.daemon_process import LogLine
    from triocarp.demo.face import Face
    from triocarp.demo.steps import Step

_QUIET_LEVELS: Final = frozenset({"INFO", "DEBUG"})
_STOP_S: Final = 5.0


class Scenario:
    """Plays the steps on a cluster and tells a face about them.

    Attributes:
        began: when it began, in nanoseconds of the lab's clock.
    """

    def __init__(self, face: Face) -> None:
        """Begin.

        Args:
            face: is told.
        """
        self._face = face
        self.began = clock.now()

    def hear(self, line: LogLine) -> None:
        """Tell of a line of a daemon's log, unless it is small talk.

        Args:
            line: as written.
        """
        if line.level not in _QUIET_LEVELS or line.text.endswith("leaving"):
            # Called in a thread of its own; if nobody reads any more, the main one will find out.
            with contextlib.suppress(BrokenPipeError):
                self._face.tell(line.host, f"carpd: {line.text}", self._elapsed())

    def play(self, cluster: Cluster) -> Result:
        """Play all steps, up to one that does not happen.

        Args:
            cluster: on which nothing runs yet.
        """
        outcomes: list[Outcome] = []
        failure: Failure | None = None
        with self._face.watch(cluster.view):
            for step in STEPS:
                self._face.begin_step(step, self._elapsed())
                try:
                    outcome = Outcome(step=step, measurement=step.play(cluster))
                except StepFailed as exc:
                    failure = _failure(cluster, step, exc)
                    break
                if outcome.measurement is not None:
                    for topic, text in facts(outcome.measurement, self.began):
                        self._face.tell(topic, text, self._elapsed())
                outcomes.append(outcome)
                self._face.end_step(outcome)
            left_behind = _stop_what_runs(cluster) if failure is not None else ""
        return Result(outcomes=tuple(outcomes), failure=failure, left_behind=left_behind, duration=self._elapsed())

    def _elapsed(self) -> int:
        return clock.now() - self.began


def _failure(cluster: Cluster, step: Step, failed: StepFailed) -> Failure:
    logs = tuple((one.name, cluster.daemons[one.name].tail) for one in MEMBERS if one.name in cluster.daemons)
    return Failure(step=step, expected=failed.expected, seen=failed.seen, logs=logs)


def _stop_what_runs(cluster: Cluster) -> str:
    """Stop the remaining daemons after a failure, and return what is left behind."""
    for member in cluster.running():
        with contextlib.suppress(subprocess.TimeoutExpired):
            cluster.stop(member, timeout_s=_STOP_S)
    try:
        check_nothing_left(cluster)
    except StepFailed as exc:
        return exc.seen
    return ""
