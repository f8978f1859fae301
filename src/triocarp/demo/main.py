"""The command line of the demonstration, and its exit status."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

from triocarp.demo.cluster import CARPD, Cluster
from triocarp.demo.plain import PlainFace
from triocarp.demo.scenario import Scenario
from triocarp.lab import PrivateNetworkUnavailable, private_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triocarp.demo.face import Face

STATUS_FAILED: Final = 1
STATUS_USAGE: Final = 2
STATUS_INTERRUPTED: Final = 130

# The threads that stamp events must not wait for one that draws: Python's own interval is 5 ms.
_SWITCH_INTERVAL_S: Final = 0.0002


def main(argv: Sequence[str] | None = None, *, carpd: Sequence[str] = CARPD) -> int:
    """Play the demonstration and return its exit status: 0 if every step happened and nothing is left behind.

    Args:
        argv: without the program's name; the process's own if None.
        carpd: the command that starts carpd.
    """
    options = _parser().parse_args(argv)
    try:
        # Opened before this process moves: afterwards, /run is another one.
        pcap: BinaryIO | None = options.keep_pcap.open("wb") if options.keep_pcap else None
    except OSError as exc:
        return _complain(f"--keep-pcap {options.keep_pcap}: {exc.strerror}", STATUS_USAGE)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    try:
        private_network.enter()
        return _play(_face(plain=options.plain), carpd, pcap)
    except PrivateNetworkUnavailable as exc:
        return _complain(str(exc), STATUS_FAILED)
    except KeyboardInterrupt:
        return _complain("interrupted; all of it was private to this process, and is gone", STATUS_INTERRUPTED)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return STATUS_FAILED
    finally:
        if pcap is not None:
            pcap.close()


def _play(face: Face, carpd: Sequence[str], pcap: BinaryIO | None) -> int:
    scenario = Scenario(face)
    with Cluster(carpd=carpd, heard=scenario.hear, keep=pcap is not None) as cluster:
        try:
            result = scenario.play(cluster)
        finally:
            if pcap is not None and cluster.everything is not None:
                cluster.everything.write_pcap(Path(f"/proc/self/fd/{pcap.fileno()}"))
    face.finish(result)
    return 0 if result.good else STATUS_FAILED


def _face(*, plain: bool) -> Face:
    """Choose how to show it: a terminal gets a table that moves, if it can and rich is installed."""
    if plain or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return PlainFace(sys.stdout)
    try:
        from triocarp.demo.live import LiveFace  # noqa: PLC0415 - rich is an extra, and for terminals only
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] != "rich":
            raise
        print("For a live table: pip install 'triocarp[demo]'\n", flush=True)
        return PlainFace(sys.stdout)
    return LiveFace()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="carpd-demo",
        description="Three hosts and a client in private networks show what carpd does. Needs no root, and "
        "never touches the machine's own network.",
    )
    parser.add_argument("--plain", action="store_true", help="plain lines on a terminal, too")
    parser.add_argument(
        "--keep-pcap", metavar="FILE", type=Path, help="write all frames that crossed the switch, for Wireshark"
    )
    return parser


def _complain(sentence: str, status: int) -> int:
    print(f"carpd-demo: {sentence}", file=sys.stderr)
    return status


def _leave(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)
