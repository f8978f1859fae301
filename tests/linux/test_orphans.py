"""Children that somebody else has left us are asked for, and ours are left to those who wait for them."""

import ctypes
import os
import subprocess
import sys
import time
from typing import Final

import pytest
import trio

from triocarp.linux import orphans

PR_SET_CHILD_SUBREAPER: Final = 36
PATIENCE_S: Final = 10
PROGRAM: Final = """
import os
child = os.fork()
if child == 0:
    os.setsid()
    os._exit(0)
print(child, flush=True)
os._exit(0)
"""
"""Ends at once and leaves a child that has ended, too: the nearest subreaper's now, and process 1 is one."""


@pytest.mark.kernel
async def test_orphans_are_reaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the grace the entry of an orphan is gone; that of a child whose starter waits is not touched."""
    monkeypatch.setattr(orphans, "_GRACE_S", 0.05)
    prctl = ctypes.CDLL(None).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(orphans.reap_orphans)
            process = await trio.run_process([sys.executable, "-c", PROGRAM], capture_stdout=True)
            orphan = int(process.stdout)
            with trio.fail_after(PATIENCE_S):
                while os.path.exists(f"/proc/{orphan}"):  # noqa: ASYNC110, ASYNC240, PTH110 - nobody tells
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        assert process.returncode == 0
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def test_ended_children() -> None:
    """Only children that have ended, and only ours."""
    with subprocess.Popen(["/bin/true"]) as process:
        deadline = time.monotonic() + PATIENCE_S
        while process.pid not in orphans.ended_children():
            assert time.monotonic() < deadline
        process.wait()
    assert process.pid not in orphans.ended_children()
