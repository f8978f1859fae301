"""Plays a scene with real daemons, in network namespaces."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Final, final

from carpsim.faults import Crash, LinkLoss, Partition, Pause, Stop
from tests.bench.group import ADVERTISEMENTS_AND_ARP, CARP
from tests.bench.process import Daemon
from tests.bench.settings import PREFIX_LENGTH, VIRTUAL_ADDRESS
from tests.validate.observation import Observation
from tests.validate.scene import CLIENT, PROBE_INTERVAL, PROBED_BEFORE, Start
from triocarp.core.timing import SECOND
from triocarp.lab import Holders, Lan, Probe, clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.validate.scene import Happening, Lasting, Phases, Scene
    from triocarp.lab import Capture, Host

_PATIENCE_S: Final = 20
_CLIENT_NUMBER: Final = 9


def play(scene: Scene, phases: Phases, directory: Path) -> Observation:
    """Play a scene.

    Args:
        scene: which.
        phases: of this repetition.
        directory: for the daemons' files; nobody else's.

    Raises:
        TimeoutError: it did not happen.
    """
    with contextlib.ExitStack() as stack:
        lan = stack.enter_context(Lan())
        stage = _Stage(scene, lan, directory)
        stack.callback(stage.clear)
        capture = stack.enter_context(lan.capture(ADVERTISEMENTS_AND_ARP))
        holders = stack.enter_context(Holders([lan.hosts["a"], lan.hosts["b"]], VIRTUAL_ADDRESS))
        first = scene.members[0]
        stage.happen(Start(host=first.name))
        at = _hear(capture, first.name, 0)
        probe: Probe | None = None
        happening: Happening | None = None
        for step in scene.steps:
            if step is scene.steps[-1]:
                sleep_until(at + step.wait - PROBED_BEFORE)
                probe = stack.enter_context(Probe(lan.hosts[CLIENT], VIRTUAL_ADDRESS, interval_ns=PROBE_INTERVAL))
            interval = scene.member(step.cue).interval
            sleep_until(at + step.wait)
            sleep_until(_hear(capture, step.cue, at + step.wait) + round(phases[step.phase] * interval))
            happening = step.happening(phases, interval)
            at = stage.happen(happening)
        assert probe is not None
        assert happening is not None
        until = at + scene.watch
        if isinstance(happening, LinkLoss | Partition | Pause) and happening.duration is not None:
            sleep_until(at + happening.duration)
            stage.end(happening)
        sleep_until(until)
        probe.close()
        return Observation(
            sent=probe.sent,
            replies=probe.replies,
            holdings=holders.holdings,
            since=scene.measured_from(at, happening),
            until=until,
            launches=stage.launches(),
        )


def sleep_until(instant: int) -> None:
    """Sleep until an instant of the lab's clock."""
    time.sleep(max(0, instant - clock.now()) / SECOND)


def _hear(capture: Capture, name: str, since: int) -> int:
    """Wait for an advertisement of a host, and return when it came."""
    heard = capture.wait_for(
        lambda frame: frame.ip_protocol == CARP and frame.host == name, since=since, timeout_s=_PATIENCE_S
    )
    return heard.at


@final
class _Stage:
    """The hosts of a LAN, to whom a scene's steps happen."""

    def __init__(self, scene: Scene, lan: Lan, directory: Path) -> None:
        self._scene = scene
        self._lan = lan
        self._directory = directory
        self._daemons: dict[str, Daemon] = {}
        # In the order of their names: the number of a host is the last byte of its MAC.
        for member in sorted(scene.members, key=lambda one: one.number):
            lan.add_host(member.name, f"10.0.0.{member.number}/{PREFIX_LENGTH}")
            (directory / member.name).mkdir()
        lan.add_host(CLIENT, f"10.0.0.{_CLIENT_NUMBER}/{PREFIX_LENGTH}")

    def happen(self, what: Happening) -> int:
        """Let something happen, and return when."""
        at = clock.now()
        match what:
            case Start():
                self._start(what.host)
            case Crash(power=True):
                # The cable first: from then on nobody hears of the host, however long it takes to kill its daemon.
                self._lan.hosts[what.host].lose_carrier()
                at = self._daemons[what.host].kill()
            case Crash():
                at = self._daemons[what.host].kill()
            case Stop():
                at = self._daemons[what.host].ask_to_end()
            case LinkLoss():
                self._lan.hosts[what.host].lose_carrier()
            case Partition():
                self._lan.partition(*(self._hosts(part) for part in what.parts))
            case Pause():
                self._signal(what.host, signal.SIGSTOP)
        return at

    def end(self, what: Lasting) -> None:
        """End what lasted."""
        match what:
            case LinkLoss():
                self._lan.hosts[what.host].restore_carrier()
            case Partition():
                self._lan.heal()
            case Pause():
                self._signal(what.host, signal.SIGCONT)

    def launches(self) -> dict[str, int]:
        """Return how long each daemon took from its start to when it took part."""
        return {name: daemon.wait_until_ready() - daemon.started_at for name, daemon in self._daemons.items()}

    def clear(self) -> None:
        """Kill what is left, and wait for its end."""
        for daemon in self._daemons.values():
            daemon.kill()
            daemon.wait_until_ended()

    def _start(self, name: str) -> None:
        member, host = self._scene.member(name), self._lan.hosts[name]
        commands = member.implementation.commands(host, member.settings, self._directory / name)
        self._daemons[name] = Daemon(host, commands, member.implementation.ready)

    def _signal(self, name: str, number: signal.Signals) -> None:
        for process in self._daemons[name].processes():
            with contextlib.suppress(ProcessLookupError):  # a script that has just ended
                os.kill(process, number)

    def _hosts(self, names: Sequence[str]) -> list[Host]:
        return [self._lan.hosts[name] for name in names]
