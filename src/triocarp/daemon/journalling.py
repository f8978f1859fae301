"""Begins the journal of a running carpd: what only the whole program knows about it."""

import contextlib
import importlib.metadata
import time
from pathlib import Path

import trio

from triocarp.core import NodeConfig
from triocarp.core.journal import Header
from triocarp.daemon.event_log import EventLog, Level
from triocarp.daemon.journal_file import JournalFile
from triocarp.linux.clock import boottime


def begin(path: Path, node: NodeConfig, seed: int, log: EventLog) -> JournalFile:
    """Open a journal, from which a run can be replayed.

    Args:
        path: of the file.
        node: what runs; its passwords do not get into the journal.
        seed: of the node's random numbers.
        log: is told what goes wrong with the file.

    Raises:
        OSError: the file cannot be opened, or another process writes to it.
    """
    token = trio.lowlevel.current_trio_token()
    version = importlib.metadata.version("triocarp")

    def notice(sentence: str) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            token.run_sync_soon(log.line, Level.ERROR, sentence)

    def header(first: int) -> Header:
        offset = time.time_ns() - boottime()
        return Header(
            triocarp=version,
            first=first,
            seed=seed,
            clock="CLOCK_BOOTTIME",
            unix_offset=offset,
            config=node,
        )

    return JournalFile(path, header, notice=notice)
