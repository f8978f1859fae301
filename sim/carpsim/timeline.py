"""A run drawn as text: a lane for each host and each client, and below it what happened."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, final

from carpsim.client import Answer, Client
from carpsim.faults import Fault
from carpsim.host import Host, Machine
from carpsim.world import World, WorldWatcher
from triocarp.core import Effect, Event, IPInterface, State, StateChanged
from triocarp.core.timing import SECOND

LEGEND: Final = (
    "# master with the address   m master without it   ! has the address, and is not master   . backup   - init\n"
    "z stands still   Z stands still with the address   (blank) no daemon   + answered   x not answered"
)

_MILLISECOND: Final = SECOND // 1000


@final
class Timeline(WorldWatcher):
    """Takes note of what is drawn afterwards."""

    def __init__(self) -> None:
        self._world: World | None = None
        self._lanes: dict[str, list[tuple[int, str]]] = {}
        self._states: dict[str, State] = {}
        self._addresses: dict[str, set[str]] = {}
        self._virtual: frozenset[str] = frozenset()
        self._lines: list[tuple[int, str]] = []

    def began(self, world: World) -> None:
        """See `carpsim.world.WorldWatcher`."""
        self._world = world
        virtual = (
            str(address.ip)
            for host in world.scenario.hosts
            for place in host.places
            for address in place.addresses
        )
        self._virtual = frozenset(virtual)
        self._lanes = {host.name: [(0, " ")] for host in world.scenario.hosts}

    def told(self, host: Host, at: int, event: Event, effects: tuple[Effect, ...]) -> None:  # noqa: ARG002 - effects
        """See `carpsim.host.Watcher`."""
        for effect in effects:
            if isinstance(effect, StateChanged):
                self._states[host.name] = effect.new
                self._note(host)
                self._line(f"{host.name}: {effect.old.value} to {effect.new.value}, {effect.cause.value}")

    def held(self, host: Machine, at: int, interface: str, address: IPInterface, *, present: bool) -> None:  # noqa: ARG002
        """See `carpsim.host.Watcher`."""
        if str(address.ip) in self._virtual:
            held = self._addresses.setdefault(host.name, set())
            (held.add if present else held.discard)(str(address.ip))
            self._note(host)

    def process_changed(self, host: Machine, at: int) -> None:  # noqa: ARG002 - the engine knows it, too
        """See `carpsim.host.Watcher`."""
        if not host.running:
            self._states.pop(host.name, None)
        self._note(host)

    def switched(self, host: Machine, at: int, old: State | None, new: State | None) -> None:  # noqa: ARG002
        """See `carpsim.host.Watcher`."""
        if new is not None:
            self._states[host.name] = new
        self._note(host)
        self._line(f"{host.name}: {'off' if old is None else old.value} to {'off' if new is None else new.value}")

    def happened(self, at: int, fault: Fault) -> None:  # noqa: ARG002 - the engine knows it, too
        """See `carpsim.world.WorldWatcher`."""
        self._line(f"* {fault}")

    def answered(self, client: Client, answer: Answer) -> None:
        """See `carpsim.world.WorldWatcher`; clients know themselves what was answered."""

    def draw(self, width: int = 100) -> str:
        """Return the lanes, and under them each fault and each change of state with its instant.

        Args:
            width: characters of a lane.
        """
        world = self._world
        if world is None:
            return ""
        end = max(world.engine.now, 1)
        names = max(len(name) for name in (*self._lanes, *world.clients))
        ruler = f"{0:<{width // 2}}{end / SECOND:>{width - width // 2}g} s"
        rows = [f"{'':{names}} {ruler}"]
        rows += [f"{name:{names}} {''.join(_cells(lane, end, width))}" for name, lane in self._lanes.items()]
        rows += [f"{name:{names}} {_answers(client, end, width)}" for name, client in world.clients.items()]
        rows += [LEGEND, ""]
        rows += [f"{at / SECOND:12.6f} {line}" for at, line in self._lines]
        return "\n".join(rows)

    def _now(self) -> int:
        return 0 if self._world is None else self._world.engine.now

    def _line(self, line: str) -> None:
        self._lines.append((self._now(), line))

    def _note(self, host: Machine) -> None:
        self._lanes[host.name].append((self._now(), self._sign(host)))

    def _sign(self, host: Machine) -> str:
        holds = bool(self._addresses.get(host.name))
        if not host.running:
            return "!" if holds else " "
        if host.paused:
            return "Z" if holds else "z"
        state = self._states.get(host.name, State.INIT)
        if state is State.MASTER:
            return "#" if holds else "m"
        if holds:
            return "!"
        return "." if state is State.BACKUP else "-"


def _cells(lane: list[tuple[int, str]], end: int, width: int) -> Iterator[str]:
    """Yield what a lane shows in each of its columns: what was so for the longest time in it."""
    changes = [*lane, (end, lane[-1][1])]
    for column in range(width):
        begin, close = end * column // width, end * (column + 1) // width
        times: dict[str, int] = {}
        for (since, sign), (until, _) in pairwise(changes):
            overlap = min(until, close) - max(since, begin)
            if overlap > 0:
                times[sign] = times.get(sign, 0) + overlap
        yield max(times, key=lambda sign: times[sign], default=" ")


def _answers(client: Client, end: int, width: int) -> str:
    """Return a lane of probes: in each column, whether one of them was not answered."""
    cells = [" "] * width
    missed = [range(outage.begin, end if outage.end is None else outage.end) for outage in client.outages]
    for sequence in range(client.sent):
        sent = client.sent_at(sequence)
        column = min(width - 1, sent * width // end)
        if any(sent in outage for outage in missed):
            cells[column] = "x"
        elif cells[column] == " ":
            cells[column] = "+"
    return "".join(cells)
