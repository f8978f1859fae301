"""carpd as a program, up to where it would touch the network: help, refusals, exit statuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import triocarp
from triocarp.daemon.main import main

LEAST = ("-i", "nowhere0", "-s", "10.0.0.5", "-v", "7", "-a", "10.0.0.100")


def test_without_arguments_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """And it is no failure, as it is none for ucarp."""
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("usage: carpd")


@pytest.mark.parametrize("word", ["-h", "--help", "--he", "-Ph"])
def test_help_that_is_asked_for_is_printed(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With status 0, whatever else is missing."""
    with pytest.raises(SystemExit) as caught:
        main([word])
    assert caught.value.code == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("usage: carpd")
    assert "--advskew" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--colour",), 1),
        (("-P",), 1),
        ((*LEAST, "-p", "secret", "-v", "256"), 1),
        ((*LEAST, "-p", ""), 1),
        ((*LEAST, "-o", "/nowhere/password"), 1),
        ((*LEAST, "-p", "x" * 21), 2),
        ((*LEAST, "-p", "secret"), 2),
    ],
    ids=["unknown", "missing", "out of range", "empty", "unreadable", "too long", "no such interface"],
)
def test_a_refusal_is_told_on_standard_error_with_ucarp_s_status(
    words: tuple[str, ...], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 for a setting, 2 for a failed start and for a password that is too long; each line names the program."""
    assert main(words) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err
    assert all(line.startswith("carpd: ") for line in printed.err.splitlines())


def test_the_process_ends_with_the_status_of_main() -> None:
    """As the shell, systemd and a container see it; and bytes that are no text are told without a traceback."""
    environment = {**os.environ, "PYTHONPATH": str(Path(triocarp.__file__).parents[1])}
    process = subprocess.run(
        [sys.executable, "-m", "triocarp.daemon", *LEAST, "-o", b"/nowhere/\xff\n"],
        env=environment,
        capture_output=True,
        check=False,
    )
    expected = b"carpd: -o/--passfile '/nowhere/\\udcff\\n': cannot be read: No such file or directory\n"
    assert (process.returncode, process.stdout, process.stderr) == (1, b"", expected)
