"""Runs the operator's scripts: ucarp's contract, without its wait.

``script INTERFACE ADDRESS [XPARAM]``, run directly without a shell, with our environment and output. ucarp
waits for a script and is silent meanwhile; here it runs beside the protocol, has a time limit, and its failure
is reported.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from typing import Final, final

import trio

from triocarp.core import Event, Hook, HookFinished, HookOutcome
from triocarp.daemon.settings import Script

GRACE_S: Final = 2
"""Seconds between asking a script that took too long to end, and killing it."""

_WAITING_MAX: Final = 512
"""The core runs at most one hook of each of its virtual hosts at a time, and there are at most 255 of them."""


@final
class ScriptRunner:
    """The real `HookPort`.

    Args:
        scripts: by interface and VHID, and then by hook.
        spawning: is told each command before it starts, for the log.
    """

    def __init__(
        self, scripts: Mapping[tuple[str, int], Mapping[Hook, Script]], *, spawning: Callable[[Script], None]
    ) -> None:
        self._scripts = scripts
        self._spawning = spawning
        self._send, self._receive = trio.open_memory_channel[tuple[str, int, Hook]](_WAITING_MAX)

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Start a script without waiting for it; see `triocarp.core.ports.HookPort`.

        Args:
            interface: of the virtual host.
            vhid: of the virtual host.
            hook: which script.
        """
        self._send.send_nowait((interface, vhid, hook))

    async def serve(self, feed: Callable[[Event], None]) -> None:
        """Run what was asked for, until cancelled; scripts that run then are ended.

        Args:
            feed: takes the `HookFinished` events.
        """
        async with trio.open_nursery() as nursery:
            async for interface, vhid, hook in self._receive:
                nursery.start_soon(self._run, interface, vhid, hook, feed)

    async def _run(self, interface: str, vhid: int, hook: Hook, feed: Callable[[Event], None]) -> None:
        script = self._scripts[interface, vhid][hook]
        self._spawning(script)
        outcome, detail = await run_script(script)
        feed(HookFinished(interface=interface, vhid=vhid, hook=hook, outcome=outcome, detail=detail))


async def run_script(script: Script) -> tuple[HookOutcome, str]:
    """Run a script to its end, and return how it ended and a few words about it.

    When cancelled, or after the script's time limit, it is ended with all that it started in its session.

    Args:
        script: what to run.
    """
    command = " ".join(script.argv)
    try:
        process = await trio.lowlevel.open_process(script.argv, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        return HookOutcome.NOT_STARTED, f"{command}: {error.strerror}"
    try:
        with trio.move_on_after(script.timeout_s):
            await process.wait()
    finally:
        timed_out = process.returncode is None
        if timed_out:
            await _end(process)
    if timed_out:
        return HookOutcome.TIMED_OUT, f"{command}: ended after {script.timeout_s:g} s"
    if process.returncode:
        return HookOutcome.FAILED, f"{command}: {_describe(process.returncode)}"
    return HookOutcome.SUCCEEDED, ""


def _describe(status: int) -> str:
    if status > 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal has no name
        return f"killed by signal {-status}"


async def _end(process: trio.Process) -> None:
    """Ask a script and all that it started in its session to end, and after a grace kill them."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_session(process, number)
        # Even a kill may take for ever: a script that waits for a dead file server does not notice it.
        with trio.move_on_after(GRACE_S, shield=True):
            await process.wait()


def _signal_session(process: trio.Process, number: signal.Signals) -> None:
    # What runs as another user, by sudo, may not be ours to end.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
