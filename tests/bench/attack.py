"""Somebody on the segment who has no password, and hears and sends what he likes.

What he sends has the same form for CARP and for VRRP, for both have at the same places what counts.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench import flood_client
from tests.bench.figures import Figure
from tests.bench.group import ATTACKER, Group, longest_outage_ms
from tests.bench.load import evaluate
from tests.bench.settings import DEFAULT, SKEWED, SKEWED_SEALED, Settings
from triocarp.core.advertisement import LENGTH, internet_checksum
from triocarp.lab import INTERFACE, clock
from triocarp.lab.clock import MILLISECOND

if TYPE_CHECKING:
    import random

    from tests.bench.implementation import Implementation
    from tests.bench.lane import Lane
    from triocarp.lab import Host

FLOOD_S_PER_REPETITION: Final = 1
REPLAY_S: Final = 8
RATE: Final = 50_000
"""Forged advertisements a second."""

_DIFFERENT: Final = 256
_REPLAY_STEP_S: Final = 0.5
_PROBE_INTERVAL: Final = 2 * MILLISECOND
_CLIENT_PATIENCE_S: Final = 30
_GRACE_S: Final = 20

_SOURCE: Final = IPv4Address("10.0.0.66").packed
_HEADER: Final = 14  # of IPv4, without options
_PAYLOAD: Final = _HEADER + 20
_PREFERENCE: Final = 2  # advskew in CARP, priority in VRRP
_SIGNED: Final = 8  # CARP's counter and digest begin here; VRRP's addresses do
_BEST_ADVSKEW: Final = 0
_BEST_PRIORITY: Final = 255


def flood(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """A master and a backup hear forged advertisements without end, for a second a repetition."""
    name = implementation.name
    with Group(lane, (implementation, DEFAULT), (implementation, DEFAULT)) as group:
        group.begin()
        heard = group.hear(group.servers[0])
        frames = [forged(heard.data, lane.random) for _ in range(_DIFFERENT)]
        seconds = FLOOD_S_PER_REPETITION * repetitions
        daemons = [server.daemon for server in group.servers]
        logged = [daemon.logged for daemon in daemons]
        used = [daemon.processor_time() for daemon in daemons]
        begin = clock.now()
        sent = _send_flood(group.client, frames, seconds)
        end = clock.now()
        roles = (Figure.PROCESSOR_MASTER, Figure.PROCESSOR_BACKUP)
        for daemon, before, role in zip(daemons, used, roles, strict=True):
            lane.record(name, role, 100 * (daemon.processor_time() - before) / (end - begin))
        more = max(daemon.logged - before for daemon, before in zip(daemons, logged, strict=True))
        lane.record(name, Figure.LOGGED, more / 1024)
        lane.record(name, Figure.RATE, sent / seconds)
        losses = [one for one in group.holders.holdings if one.until is not None and begin <= one.until < end]
        lane.record(name, Figure.LOSSES, len(losses))
        evaluate(lane, group, begin, end)


def replay(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """One captured advertisement is sent again and again, with a better advskew, for 8 s."""
    _replay(lane, implementation, repetitions, SKEWED)


def replay_sealed(lane: Lane, implementation: Implementation, repetitions: int) -> None:
    """The same among hosts that seal their counters."""
    _replay(lane, implementation, repetitions, SKEWED_SEALED)


def _replay(lane: Lane, implementation: Implementation, repetitions: int, settings: Settings) -> None:
    with Group(lane, (implementation, settings), (implementation, settings)) as group:
        group.begin()
        for _ in range(repetitions):
            master = group.sole_holder(group.servers)
            frame = raised(group.hear(master).data)
            with group.probe(_PROBE_INTERVAL) as probe, group.client.call(_open_sender) as attacker:
                probe.wait_for_reply()
                begun = clock.now()
                for _ in range(round(REPLAY_S / _REPLAY_STEP_S)):
                    attacker.send(frame)
                    time.sleep(_REPLAY_STEP_S)
                probe.wait_for_reply(since=clock.now(), timeout_s=_CLIENT_PATIENCE_S)
            outage_s = longest_outage_ms(probe, since=begun) / 1000
            lane.record(implementation.name, Figure.LONG_OUTAGE, outage_s)


def raised(frame: bytes) -> bytes:
    """Return a captured advertisement as from somebody who is preferred to its sender; its signature holds."""
    header, payload = bytearray(frame[_HEADER:_PAYLOAD]), bytearray(frame[_PAYLOAD:])
    payload[_PREFERENCE] = _BEST_ADVSKEW if len(payload) == LENGTH else _BEST_PRIORITY
    header[12:16] = _SOURCE
    return frame[:6] + ATTACKER + frame[12:_HEADER] + _summed(header, 10) + _summed(payload, 6)


def forged(frame: bytes, rng: random.Random) -> bytes:
    """Return what looks like an advertisement from somebody who is preferred to the sender of a captured one.

    What is signed in CARP is random; in VRRP nothing is signed.
    """
    better = raised(frame)
    payload = bytearray(better[_PAYLOAD:])
    if len(payload) == LENGTH:
        payload[_SIGNED:] = rng.randbytes(LENGTH - _SIGNED)
    return better[:_PAYLOAD] + _summed(payload, 6)


def _summed(data: bytearray, place: int) -> bytes:
    """Return data with its Internet checksum at a place."""
    data[place : place + 2] = bytes(2)
    data[place : place + 2] = internet_checksum(bytes(data)).to_bytes(2, "big")
    return bytes(data)


def _send_flood(host: Host, frames: list[bytes], seconds: float) -> int:
    """Send frames at `RATE` for some time, and return how many it were."""
    with host.call(_open_sender) as sender:
        argv = [sys.executable, "-I", "-S", str(Path(flood_client.__file__))]
        values = (sender.fileno(), len(frames[0]), RATE, seconds)
        process = host.popen(
            [*argv, *map(str, values)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(sender.fileno(),),
        )
    sent, _ = process.communicate(b"".join(frames), timeout=seconds + _GRACE_S)
    return int(sent)


def _open_sender() -> socket.socket:
    """Open a packet socket in this thread's namespace that sends, and receives nothing."""
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sender.bind((INTERFACE, 0))
    return sender
