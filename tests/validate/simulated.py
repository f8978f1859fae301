"""Plays a scene in the simulator."""

from __future__ import annotations

import itertools
from ipaddress import IPv4Address
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final

from carpsim.conditions import PERFECT, Conditions
from carpsim.distribution import Constant, Uniform
from carpsim.host import Script
from carpsim.scenario import ClientSettings, HostSettings, Scenario, SegmentSettings, UcarpSettings
from carpsim.ucarp_host import LAUNCH, SETUP, UcarpOptions
from carpsim.world import World, WorldWatcher
from tests.bench.carpd import ucarp_options
from tests.bench.settings import PREFIX_LENGTH, VHID, VIRTUAL_ADDRESS
from tests.validate.observation import Observation
from tests.validate.scene import CLIENT, PROBE_INTERVAL, PROBED_BEFORE, Start
from triocarp.core import Hook, PacketReceived
from triocarp.core.timing import SECOND
from triocarp.daemon import command_line
from triocarp.lab import Holding, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from carpsim.client import Answer, Client
    from carpsim.faults import Fault
    from carpsim.frame import Frame
    from carpsim.host import Host, Machine
    from carpsim.segment import Segment
    from tests.validate.scene import Happening, Member, Phases, Scene, Step
    from triocarp.core import Effect, Event, IPInterface, State

LATENCY: Final = Conditions(latency=Constant(10_000))
"""From one host to another: half of a probe's round trip on the lab's LAN, which each campaign measures."""

WAKE_UP: Final = Uniform(50_000, 250_000)
"""How late carpd's timer is: from the dead timer's due instant to the frame, as the benchmark measures it."""

SCRIPT: Final = Script(duration=Uniform(3_000_000, 9_000_000))
"""How long a script takes that has not run for a second: measured with the benchmark's scripts, 10 % to 90 %."""

_KNOWN_LAUNCH: Final = {"carpd": 0, "ucarp": (LAUNCH.least + LAUNCH.most + SETUP.least + SETUP.most) // 2}
"""What the simulator knows itself of how long a daemon takes to start; only the rest is waited for."""

_PATIENCE: Final = 120 * SECOND
_NEVER: Final = 2 * _PATIENCE


def play(
    scene: Scene, phases: Phases, *, seed: int, directory: Path, launches: Mapping[str, int] = MappingProxyType({})
) -> Observation:
    """Play a scene.

    Args:
        scene: which.
        phases: of this repetition.
        seed: of what else is left to chance.
        directory: for the password, which the daemons' options name.
        launches: how long each daemon takes from its start to when it takes part, nanoseconds: that of the real
            ones of the same repetition, for how long Python takes to start is not what is compared.

    Raises:
        TimeoutError: it did not happen.
    """
    director = _Director(scene, phases, launches)
    world = World(_scenario(scene, directory), seed=seed, watchers=(director,))
    while director.until is None or world.engine.now < director.until:
        if world.engine.now > _PATIENCE:
            raise TimeoutError(f"{scene.name}: waited in vain for step {director.done + 1}, for {_PATIENCE} ns")
        world.run(min(world.engine.now + SECOND, director.until or _PATIENCE + SECOND))
    client = world.clients[CLIENT]
    return Observation(
        sent=[client.sent_at(sequence) for sequence in range(client.sent)],
        replies=director.replies,
        holdings=director.holdings,
        since=director.since,
        until=director.until,
        launches=launches,
    )


def _scenario(scene: Scene, directory: Path) -> Scenario:
    first = scene.members[0]
    hosts = tuple(_host(member, 0 if member is first else _NEVER, directory) for member in scene.members)
    client = ClientSettings(
        name=CLIENT,
        address=IPv4Address("10.0.0.9"),
        target=IPv4Address(VIRTUAL_ADDRESS),
        interval=PROBE_INTERVAL,
        start=first.dead_time + scene.before_last_step - PROBED_BEFORE,
    )
    return Scenario(
        name=scene.name,
        hosts=hosts,
        clients=(client,),
        segments=(SegmentSettings(inward=PERFECT, outward=LATENCY),),
        duration=_PATIENCE,
    )


def _host(member: Member, start: int, directory: Path) -> HostSettings | UcarpSettings:
    """Return a host that is told what the real one is told: the same command line."""
    source = IPv4Address(f"10.0.0.{member.number}")
    told = [*ucarp_options(source, member.settings, directory, VHID), f"--prefix-length={PREFIX_LENGTH}"]
    settings = command_line.read(told, first_interface=lambda: None)
    if member.daemon == "carpd":
        return HostSettings(name=member.name, config=settings.node, start=start, wake_up=WAKE_UP)
    (virtual_host,) = settings.node.virtual_hosts
    options = UcarpOptions(
        vhid=virtual_host.vhid,
        password=virtual_host.password,
        address=IPv4Address(VIRTUAL_ADDRESS),
        source=source,
        prefix_length=PREFIX_LENGTH,
        interface=virtual_host.interface,
        advbase_s=virtual_host.advbase_s,
        advskew=virtual_host.advskew,
        dead_ratio=virtual_host.dead_ratio,
        preempt=virtual_host.preempt,
        shutdown=True,
    )
    scripts = {Hook.UP: SCRIPT, Hook.DOWN: SCRIPT}
    return UcarpSettings(name=member.name, options=options, start=start, scripts=scripts)


@final
class _Director(WorldWatcher):
    """Lets the steps happen at their cues, and takes note of what is measured.

    Attributes:
        done: number of steps that have happened.
        replies: that the client got.
        since: the instant from which on is measured.
        until: the end; None while the last step has not happened.
    """

    def __init__(self, scene: Scene, phases: Phases, launches: Mapping[str, int]) -> None:
        self.done = 0
        self.replies: list[Reply] = []
        self.since = 0
        self.until: int | None = None
        self._scene = scene
        self._phases = phases
        self._launches = launches
        self._past: list[Holding] = []
        self._present: dict[str, int] = {}
        self._world: World | None = None
        self._begun = False
        self._listens_from = 0
        self._is_under_way = False

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """Who held the address when."""
        present = (Holding(host=name, since=since, until=None) for name, since in self._present.items())
        return tuple(itertools.chain(self._past, present))

    def began(self, world: World) -> None:
        """Listen at the segment."""
        self._world = world
        segment: Segment
        for segment in world.segments.values():
            segment.add_tap(self._tap)

    def _tap(self, at: int, station: str, frame: Frame) -> None:
        if not isinstance(frame.advertisement("eth0"), PacketReceived) or self._is_under_way:
            return
        name = station.partition(":")[0]
        if not self._begun and name == self._scene.members[0].name:
            self._begun = True
            self._listens_from = at + self._scene.steps[0].wait
        elif self._begun and self.done < len(self._scene.steps):
            step = self._scene.steps[self.done]
            if name == step.cue and at >= self._listens_from and self._world is not None:
                self._is_under_way = True
                interval = self._scene.member(name).interval
                self._world.engine.after(
                    round(self._phases[step.phase] * interval), self._let_happen, step, interval
                )

    def _let_happen(self, step: Step, interval: int) -> None:
        assert self._world is not None
        now = self._world.engine.now
        happening = step.happening(self._phases, interval)
        self._world.engine.after(self._launch(happening), self._world.let_happen, happening)
        self._is_under_way = False
        self.done += 1
        if self.done < len(self._scene.steps):
            self._listens_from = now + self._scene.steps[self.done].wait
        else:
            self.since = self._scene.measured_from(now, happening)
            self.until = now + self._scene.watch

    def _launch(self, happening: Happening) -> int:
        """Return how much later a daemon starts, so that it takes part when the real one does."""
        if not isinstance(happening, Start):
            return 0
        known = _KNOWN_LAUNCH[self._scene.member(happening.host).daemon]
        return max(0, self._launches.get(happening.host, 0) - known)

    def held(self, host: Machine, at: int, interface: str, address: IPInterface, *, present: bool) -> None:  # noqa: ARG002
        """Take note of who has the virtual address."""
        if str(address.ip) != VIRTUAL_ADDRESS:
            return
        if present:
            self._present.setdefault(host.name, at)
        elif host.name in self._present:
            self._past.append(Holding(host=host.name, since=self._present.pop(host.name), until=at))

    def answered(self, client: Client, answer: Answer) -> None:  # noqa: ARG002
        """Take note of a reply."""
        self.replies.append(Reply(sequence=answer.sequence, at=answer.at, mac=answer.mac.hex(":")))

    def told(self, host: Host, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Take note of nothing."""

    def process_changed(self, host: Machine, at: int) -> None:
        """Take note of nothing."""

    def happened(self, at: int, fault: Fault) -> None:
        """Take note of nothing."""

    def switched(self, host: Machine, at: int, old: State | None, new: State | None) -> None:
        """Take note of nothing."""
