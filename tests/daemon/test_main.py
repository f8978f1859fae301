"""carpd as a program, up to where it would touch the network: help, refusals, exit statuses."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import triocarp
from triocarp.daemon.command_line import read
from triocarp.daemon.main import facility_of, main

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


def test_syslog_is_told_unless_the_lines_would_come_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ucarp tells it; but systemd has standard error already, unless we leave that, and a file wants none."""

    def facility(*words: str) -> str:
        return facility_of(read((*LEAST, "-p", "secret", *words), first_interface=lambda: None))

    stderr = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{stderr.st_dev}:{stderr.st_ino}")
    assert [facility(), facility("-B"), facility("-f", "user")] == ["none", "daemon", "user"]
    monkeypatch.setenv("JOURNAL_STREAM", f"{stderr.st_dev}:{stderr.st_ino + 1}")
    assert [facility(), facility("-B"), facility("-f", "none")] == ["daemon", "daemon", "none"]
    monkeypatch.delenv("JOURNAL_STREAM")
    assert facility() == "daemon"
    from_file = replace(read((*LEAST, "-p", "secret"), first_interface=lambda: None), config=Path("carpd.toml"))
    assert [facility_of(from_file), facility_of(replace(from_file, daemonize=True))] == ["none", "daemon"]


@pytest.mark.parametrize(
    ("name", "program"), [("/usr/sbin/ucarp", "ucarp"), ("carpd", "carpd"), ("x.py", "carpd")]
)
def test_help_and_refusals_have_the_name_that_was_typed(
    name: str, program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where carpd is installed as ucarp, it answers as ucarp."""
    monkeypatch.setattr(sys, "argv", [name])
    assert main([]) == 0
    assert main(["--colour"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"usage: {program} ")
    assert printed.err.startswith(f"{program}: option --colour not recognized")
