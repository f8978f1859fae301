"""The operator's scripts, as real processes: how they are run, how each end is told, and that they do end."""

import os
import select
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from triocarp.core import Event, Hook, HookFinished, HookOutcome
from triocarp.daemon.scripts import ScriptRunner, run_script
from triocarp.daemon.settings import Script

Written = Callable[..., Script]
FASTER = 50
"""How much faster trio's clock runs where a grace of two seconds would be waited for."""


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Give a function that writes a script for the shell, and returns how to run it."""

    def write(*lines: str, timeout_s: float = 30, mode: int = 0o755, shebang: str = "#!/bin/sh") -> Script:
        path = tmp_path / "script"
        path.write_text("\n".join((shebang, *lines, "")), encoding="utf-8")
        path.chmod(mode)
        return Script(path=path, arguments=("eth0", "10.0.0.100", "a  b"), timeout_s=timeout_s)

    return write


def run(script: Script) -> tuple[HookOutcome, str]:
    """Run a script to its end."""
    return trio.run(run_script, script)


def gone(process: int) -> bool:
    """Return whether a process has ended, after waiting for it a little."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor) as file:
        return bool(select.select([file], [], [], 5)[0])


def test_a_script_gets_its_arguments_no_input_and_our_environment(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Directly, without a shell in between: a parameter with spaces stays one."""
    monkeypatch.setenv("OF_OURS", "here")
    script = written(f'printf "%s|" "$@" "$OF_OURS" "$(cat)" > {tmp_path}/told')
    assert run(script) == (HookOutcome.SUCCEEDED, "")
    assert (tmp_path / "told").read_text(encoding="utf-8") == "eth0|10.0.0.100|a  b|here||"


def test_a_failing_script_tells_its_status(written: Written) -> None:
    """With the whole command, so that the operator can try it."""
    script = written("exit 3")
    assert run(script) == (HookOutcome.FAILED, f"{script.path} eth0 10.0.0.100 a  b: exit status 3")


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGRTMIN + 3, f"signal {signal.SIGRTMIN + 3}")]
)
def test_a_killed_script_tells_the_signal(written: Written, number: int, name: str) -> None:
    """By its name; a real-time signal has none."""
    outcome, detail = run(written(f"kill -{number} $$"))
    assert (outcome, detail.partition(": ")[2]) == (HookOutcome.FAILED, f"killed by {name}")


def test_a_script_that_cannot_be_started_tells_why(written: Written, tmp_path: Path) -> None:
    """No such file, not executable, no program that could run it."""
    missing = Script(path=tmp_path / "missing", arguments=(), timeout_s=1)
    assert run(missing) == (HookOutcome.NOT_STARTED, f"{missing.path}: No such file or directory")
    outcome, detail = run(written(mode=0o644))
    assert (outcome, detail.partition("b: ")[2]) == (HookOutcome.NOT_STARTED, "Permission denied")
    outcome, detail = run(written("exit 0", shebang=""))
    assert (outcome, detail.partition("b: ")[2]) == (HookOutcome.NOT_STARTED, "Exec format error")


def test_a_script_that_takes_too_long_is_ended(written: Written) -> None:
    """It is asked to end, and does."""
    outcome, detail = run(written("exec sleep 60", timeout_s=0.02))
    assert (outcome, detail.partition("b: ")[2]) == (HookOutcome.TIMED_OUT, "ended after 0.02 s")


def test_what_a_script_started_ends_with_it(written: Written, tmp_path: Path) -> None:
    """Also a grandchild that does not listen: after the grace all of them are killed."""
    os.mkfifo(tmp_path / "ready")
    script = written(
        "trap '' TERM",
        f"(sleep 60 & echo $! > {tmp_path}/grandchild; echo $$ > {tmp_path}/ready; wait) &",
        "wait",
    )
    outcomes: list[HookOutcome] = []
    processes: list[int] = []
    clock = trio.testing.MockClock()

    async def run() -> None:
        outcomes.append((await run_script(script))[0])

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            processes.append(int(await trio.Path(tmp_path / "ready").read_text(encoding="utf-8")))
            clock.jump(script.timeout_s)
            clock.rate = FASTER  # for the grace

    trio.run(main, clock=clock)
    processes.append(int((tmp_path / "grandchild").read_text(encoding="utf-8")))
    assert outcomes == [HookOutcome.TIMED_OUT]
    assert [gone(process) for process in processes] == [True, True]


def test_a_cancelled_script_is_ended(written: Written, tmp_path: Path) -> None:
    """Who cancels waits until it has ended: nothing is left behind."""
    os.mkfifo(tmp_path / "ready")
    script = written(f"echo $$ > {tmp_path}/ready", "exec sleep 60")
    processes: list[int] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_script, script)
            processes.append(int(await trio.Path(tmp_path / "ready").read_text(encoding="utf-8")))
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert gone(processes[0])


def test_the_runner_tells_the_log_before_and_the_node_after(written: Written) -> None:
    """Each hook runs its own script; the log has the command before it starts."""
    spawned: list[Script] = []
    fed: list[Event] = []
    up = written("exit 0")
    down = Script(path=Path("/nowhere"), arguments=(), timeout_s=1)

    async def main() -> None:
        runner = ScriptRunner({("eth0", 7): {Hook.UP: up, Hook.DOWN: down}}, spawning=spawned.append)
        done = trio.Event()

        def feed(event: Event) -> None:
            fed.append(event)
            done.set()

        async with trio.open_nursery() as nursery:
            runner.run("eth0", 7, Hook.UP)  # before anybody serves
            nursery.start_soon(runner.serve, feed)
            await done.wait()
            done = trio.Event()
            runner.run("eth0", 7, Hook.DOWN)
            await done.wait()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert spawned == [up, down]
    failure = "/nowhere: No such file or directory"
    assert fed == [
        HookFinished(interface="eth0", vhid=7, hook=Hook.UP, outcome=HookOutcome.SUCCEEDED),
        HookFinished(interface="eth0", vhid=7, hook=Hook.DOWN, outcome=HookOutcome.NOT_STARTED, detail=failure),
    ]


def test_a_cancelled_runner_ends_its_scripts_and_feeds_nothing(written: Written, tmp_path: Path) -> None:
    """The host has left by then."""
    os.mkfifo(tmp_path / "ready")
    script = written(f"echo $$ > {tmp_path}/ready", "exec sleep 60")
    fed: list[Event] = []
    processes: list[int] = []

    async def main() -> None:
        runner = ScriptRunner({("eth0", 7): {Hook.UP: script}}, spawning=lambda _: None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runner.serve, fed.append)
            runner.run("eth0", 7, Hook.UP)
            processes.append(int(await trio.Path(tmp_path / "ready").read_text(encoding="utf-8")))
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert gone(processes[0])
    assert fed == []


def test_processes_that_are_not_ours_are_left_alone(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a script runs as another user cannot be ended by us, and that must not end carpd."""

    def refuse(_group: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", refuse)
    script = written("exec sleep 0.1", timeout_s=0.01)
    assert run(script)[0] is HookOutcome.TIMED_OUT
