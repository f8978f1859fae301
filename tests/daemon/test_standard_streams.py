"""What is printed may find nobody who takes it; that is told in a line at most, and by the exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import triocarp
from triocarp.daemon import standard_streams

if TYPE_CHECKING:
    from collections.abc import Sequence

UCARP: Final = ("-i", "lo", "-s", "127.0.0.2", "-v", "42", "-p", "hunter2", "-a", "10.0.0.100")
COMMANDS: Final = {
    "carpd": (),
    "carpd --help": ("--help",),
    "carpd migrate": ("migrate", "ucarp", *UCARP[:2], "-s", "10.0.0.1", *UCARP[4:]),
    "carpd doctor": ("doctor", "--json", "--listen", "0", "--config", "/nonexistent/carpd.toml"),
}
DONE: Final = {"carpd doctor": 1}
"""Exit statuses that are not 0, of an output that works."""


def run(words: Sequence[str], redirection: str) -> subprocess.CompletedProcess[bytes]:
    """Run carpd as a shell does with a redirection."""
    environment = {**os.environ, "PYTHONPATH": str(Path(triocarp.__file__).parents[1])}
    program = ("/bin/sh", "-c", f'exec "$0" -m triocarp.daemon "$@" {redirection}', sys.executable, *words)
    return subprocess.run(program, env=environment, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_told_in_a_line(command: str) -> None:
    """With a status of its own: neither all is well nor something of what was asked about is wrong."""
    done = run(COMMANDS[command], ">/dev/full")
    name = command.removesuffix(" --help")
    expected = f"{name}: standard output: No space left on device\n".encode()
    assert (done.returncode, done.stderr) == (standard_streams.STATUS_OUTPUT, expected)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_output_is_as_good_as_dev_null(command: str) -> None:
    """As it is for the daemon: who closes it wants the exit status alone."""
    done = run(COMMANDS[command], ">&-")
    assert (done.returncode, done.stdout, done.stderr) == (DONE.get(command, 0), b"", b"")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_gone_is_no_failure(command: str) -> None:
    """Nothing is said, and the status is a broken pipe's."""
    environment = {**os.environ, "PYTHONPATH": str(Path(triocarp.__file__).parents[1])}
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as output:  # noqa: PTH123 - it has no path
        done = subprocess.run(
            [sys.executable, "-m", "triocarp.daemon", *COMMANDS[command]],
            env=environment,
            stdout=output,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (standard_streams.STATUS_NO_READER, b"")


def test_a_mistake_does_not_get_into_the_output_where_standard_error_is_closed() -> None:
    """Somebody redirects it into a configuration file."""
    done = run(("migrate", "ucarp", "-v", "0"), "2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_a_closed_input_is_an_empty_one() -> None:
    """No traceback comes of it."""
    done = run(("migrate", "freebsd", "-"), "<&-")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"carpd migrate: there is no line with a vhid\n"


def test_an_interruption_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the doctor's, while it listens; a second one is ignored."""

    def interrupt() -> int:
        raise KeyboardInterrupt

    ignored: list[tuple[object, ...]] = []

    def note(*given: object) -> None:
        ignored.append(given)

    monkeypatch.setattr("signal.signal", note)
    assert standard_streams.print_with("carpd doctor", interrupt) == standard_streams.STATUS_INTERRUPTED
    assert capsys.readouterr().err == "carpd doctor: interrupted\n"
    assert ignored == [(signal.SIGINT, signal.SIG_IGN)]
