"""The trace of a world: one line of JSON for everything that happened, the same bytes for the same seed.

A line begins with the instant ``t`` of the world in nanoseconds. What a daemon was told and what it answered is a
line of its journal (see `triocarp.core.journal`) with ``t`` and ``host`` in front, so that `journal_of` gives the
journal of each host, which `triocarp.core.replay` replays. The other lines are of the world: what went wrong, who
has which address, whether a daemon runs, and who answers a client.
"""

import dataclasses
import enum
import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Final, TypeAlias, cast, final

from carpsim.client import Answer, Client
from carpsim.faults import FAULTS, Fault
from carpsim.host import Host, Machine
from carpsim.world import World
from triocarp.core import Effect, Event, IPInterface, State
from triocarp.core.journal import Entry, Header, encode

VERSION: Final = 1
"""Raised when lines change in a way that a reader of the old ones could not understand."""

RELEASE: Final = importlib.metadata.version("triocarp")
"""The version of the package: equal traces are promised for equal versions."""

CLOCK: Final = "virtual"
"""Name of the clock in the headers of the hosts' journals."""

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_NAME_OF_FAULT: Final = {kind: name for name, kind in FAULTS.items()}
_WRITER: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False)


@final
class Trace:
    """Writes the trace of one world.

    Args:
        write: takes each line with its newline.
    """

    __slots__ = ("_answers", "_entries", "_runs", "_world", "_write")

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._world: World | None = None
        self._entries: dict[str, int] = {}
        self._runs: dict[str, int] = {}
        self._answers: dict[str, tuple[int, bytes]] = {}

    def began(self, world: World) -> None:
        """Write the header; see `carpsim.world.WorldWatcher`.

        Args:
            world: whose trace it is.
        """
        self._world = world
        self._line(
            {
                "carpsim": VERSION,
                "triocarp": RELEASE,
                "scenario": world.scenario.name,
                "seed": world.seed,
                "duration": world.scenario.duration,
            }
        )

    def told(self, host: Host, at: int, event: Event, effects: tuple[Effect, ...]) -> None:
        """Write a line of a journal; see `carpsim.host.Watcher`.

        Args:
            host: whose.
            at: the node's instant.
            event: what it was told.
            effects: what it answered.
        """
        number = self._entries.get(host.name, 0) + 1
        self._entries[host.name] = number
        self._journal(host, encode(Entry(n=number, at=at, event=event, effects=effects)))

    def held(self, host: Machine, at: int, interface: str, address: IPInterface, *, present: bool) -> None:
        """Write who has which address; see `carpsim.host.Watcher`.

        Args:
            host: whose.
            at: the instant of the world.
            interface: which.
            address: which.
            present: whether it is there now.
        """
        self._line({"t": at, "holder": f"{host.name}:{interface}", "address": str(address), "present": present})

    def process_changed(self, host: Machine, at: int) -> None:
        """Write whether a daemon runs, and the header of its journal when it starts; see `carpsim.host.Watcher`.

        Args:
            host: whose.
            at: the instant of the world.
        """
        self._line({"t": at, "process": host.name, "running": host.running, "paused": host.paused})
        if isinstance(host, Host) and self._runs.get(host.name, 0) != host.runs:
            self._runs[host.name] = host.runs
            self._entries[host.name] = 0
            header = Header(
                triocarp=RELEASE,
                seed=host.node_seed,
                clock=CLOCK,
                unix_offset=host.wall_offset,
                config=host.config,
            )
            self._journal(host, encode(header))

    def switched(self, host: Machine, at: int, old: State | None, new: State | None) -> None:
        """Write the state of a daemon that has no journal; see `carpsim.host.Watcher`.

        Args:
            host: whose.
            at: the instant of the world.
            old: state before.
            new: state now.
        """
        self._line({"t": at, "daemon": host.name, "was": _plain(old), "state": _plain(new)})

    def happened(self, at: int, fault: Fault) -> None:
        """Write a fault; see `carpsim.world.WorldWatcher`.

        Args:
            at: the instant of the world.
            fault: it.
        """
        self._line({"t": at, "fault": _NAME_OF_FAULT.get(type(fault), type(fault).__name__), **_fields(fault)})

    def answered(self, client: Client, answer: Answer) -> None:
        """Write who answers a client, if that has changed or answers are missing.

        Args:
            client: whose.
            answer: it.
        """
        last = self._answers.get(client.name)
        self._answers[client.name] = (answer.sequence, answer.mac)
        if last is None or last != (answer.sequence - 1, answer.mac):
            self._line(
                {
                    "t": answer.at,
                    "client": client.name,
                    "sequence": answer.sequence,
                    "sent": answer.sent,
                    "mac": answer.mac.hex(":"),
                }
            )

    def _journal(self, host: Host, line: str) -> None:
        world = self._world
        now = 0 if world is None else world.engine.now
        self._write(f'{{"t":{now},"host":{json.dumps(host.name)},{line[1:]}')

    def _line(self, fields: dict[str, Json]) -> None:
        self._write(f"{_WRITER.encode(fields)}\n")


def journals(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return the lines of each host's journal, by the host's name.

    Args:
        lines: of a trace, with their newlines.
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        fields = cast("dict[str, Json]", json.loads(line))
        name = fields.get("host")
        if isinstance(name, str) and "fault" not in fields:  # a fault says whose it is, too
            ahead = f'{{"t":{fields["t"]},"host":{json.dumps(name)},'
            found.setdefault(name, []).append("{" + line[len(ahead) :])
    return found


@final
class Digest:
    """A `write` for `Trace` that keeps nothing but a digest: equal digests, equal runs."""

    __slots__ = ("_hash",)

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def __call__(self, line: str) -> None:
        """Take a line.

        Args:
            line: with its newline.
        """
        self._hash.update(line.encode())

    def hexdigest(self) -> str:
        """Return the SHA-256 of all lines so far, 64 hexadecimal digits."""
        return self._hash.hexdigest()


def _fields(fault: Fault) -> dict[str, Json]:
    """Return the fields of a fault that are told, by name."""
    return dict(_members(fault))


def _members(value: object) -> Iterator[tuple[str, Json]]:
    if not dataclasses.is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is nothing that a scenario is made of")
    for field in dataclasses.fields(value):
        if field.repr:  # what is not shown is a secret
            yield field.name, _plain(getattr(value, field.name))


def _plain(value: object) -> Json:
    """Return a value as JSON has it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if isinstance(value, IPv4Address | IPv6Address | IPv4Interface | IPv6Interface):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    return {"kind": type(value).__name__, **dict(_members(value))}
