"""carpd as a program, up to where it would touch the network: help, refusals, exit statuses."""

import errno
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import triocarp
from triocarp.daemon import starting
from triocarp.daemon.command_line import read
from triocarp.daemon.main import facility_of, main
from triocarp.linux.interface_table import InterfaceTable

LEAST = ("-i", "nowhere0", "-s", "10.0.0.5", "-v", "7", "-a", "10.0.0.100")


def test_without_arguments_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """And it is no failure, as it is none for ucarp."""
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("usage: carpd")


@pytest.mark.parametrize("word", ["-h", "--help", "--he", "-Ph"])
def test_help_that_is_asked_for_is_printed(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With status 0, whatever else is missing."""
    assert main([word]) == 0
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


def refusal(words: tuple[str, ...], status: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what carpd says where it does not start, without the names of this machine's interfaces."""
    assert main(words) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    return [re.sub(r"there are: [^)]*|which has .*", "...", line) for line in printed.err.splitlines()]


NO_NOWHERE0 = "carpd: Unable to find MAC address of [nowhere0] (-i/--interface nowhere0: no such interface; ...)"
NO_SOURCE = "carpd: -s/--srcip 192.0.2.5 is not an address of lo, ..."
NO_JOURNAL = "carpd: journal /nowhere/j: No such file or directory"
ON_LO = ("-i", "lo", "-s", "192.0.2.5", "-v", "7", "-a", "10.0.0.100")


@pytest.mark.parametrize(
    ("words", "status", "lines"),
    [
        ((*LEAST, "-p", "love", "--journal=/nowhere/j"), 2, [NO_NOWHERE0, NO_JOURNAL]),
        ((*ON_LO, "-p", "love", "--journal=/nowhere/j"), 2, [NO_SOURCE, NO_JOURNAL]),
        ((*ON_LO, "-p", "love", "-M", "--journal=/nowhere/j"), 2, [NO_JOURNAL]),
        ((*LEAST, "-v", "0", "-p", "love", "--journal=/nowhere/j"), 1, ["-v/--vhid", NO_NOWHERE0, NO_JOURNAL]),
        ((*ON_LO, "-o", "/nowhere/password"), 1, ["-o/--passfile", NO_SOURCE]),
        ((*ON_LO, "-M", "-o", "/nowhere/password"), 1, ["-o/--passfile"]),
        ((*LEAST, "-p", "x" * 21), 2, ["-p/--pass", NO_NOWHERE0]),
        # Of what is wrong already nothing more is said.
        ((*ON_LO, "-p", "love", "-a", "192.0.2.5"), 1, ["-s/--srcip"]),
        ((*ON_LO, "-p", "love", "-s", "here"), 1, ["-s/--srcip"]),
        ((*LEAST, "-p", "love", "-s", "here"), 1, ["-s/--srcip", NO_NOWHERE0]),
    ],
)
def test_what_this_host_lacks_is_told_with_the_mistakes(
    words: tuple[str, ...], status: int, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Interface, source and journal, so that nobody mends one after the other; 1 is the status of any mistake."""
    found = refusal(words, status, capsys)
    assert len(found) == len(lines)
    assert all(expected in line for line, expected in zip(found, lines, strict=True)), found


FILE = """
journal = "/nowhere/j"
[[virtual_host]]
interface = "nowhere0"
source = "192.0.2.5"
vhid = 7
password_file = "{password}"
addresses = ["10.0.0.100/24"]
[[virtual_host]]
interface = "lo"
source = "192.0.2.5"
vhid = 8
password_file = "{password}"
addresses = ["10.0.0.101/24"]
[[virtual_host]]
interface = "nowhere1"
vhid = 9
password_file = "{password}"
addresses = ["10.0.0.102/24"]
"""


@pytest.mark.parametrize(("further", "status", "first"), [("", 2, []), ("advskew = 300", 1, ["[2].advskew: 300"])])
def test_what_this_host_lacks_is_told_with_the_mistakes_of_a_file(
    further: str, status: int, first: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its place, and each once; the journal of the command line goes before the file's."""
    (tmp_path / "password").write_bytes(b"love")
    file = tmp_path / "f.toml"
    file.write_text(FILE.replace("{password}", str(tmp_path / "password")) + further, encoding="utf-8")
    expected = [
        *first,
        "[2].interface: nowhere1: no such interface; ...",
        "[0].interface: nowhere0: no such interface; ...",
        "[1].source: 192.0.2.5 is not an address of lo, ...",
    ]
    for words, journal in (
        ((), NO_JOURNAL),
        (("--journal", "/none/k"), NO_JOURNAL.replace("nowhere/j", "none/k")),
    ):
        found = refusal(("--config", str(file), *words), status, capsys)
        assert [
            line.startswith(f"carpd: {file}: virtual_host{start}")
            for line, start in zip(found[:-1], expected, strict=True)
        ] == [True] * len(expected), found
        assert found[len(expected) :] == [journal]


def test_what_this_host_lacks_is_told_with_the_mistakes_of_an_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under the names of the variables; the status is that of the first mistake in the image's order."""
    variables = {"INTERFACE": "nowhere0", "SRCIP": "192.0.2.5", "ADDR": "10.0.0.100", "VHID": "0"}
    for name, value in variables.items():
        monkeypatch.setenv(f"UCARP_{name}", value)
    words = ("--environment", "--journal=/nowhere/j")
    assert refusal(words, 1, capsys) == [
        "carpd: UCARP_VHID 0: expected a number from 1 to 255",
        NO_NOWHERE0.replace("-i/--interface", "UCARP_INTERFACE"),
        NO_JOURNAL,
    ]
    monkeypatch.setenv("UCARP_INTERFACE", "lo")
    monkeypatch.setenv("UCARP_PASS_FILE", "/nowhere/password")
    assert refusal(words, 4, capsys)[2:] == [NO_SOURCE.replace("-s/--srcip", "UCARP_SRCIP"), NO_JOURNAL]
    monkeypatch.delenv("UCARP_SRCIP")
    monkeypatch.setenv("UCARP_INTERFACE", "nowhere0")
    told = [line for line in refusal(words, 4, capsys) if "nowhere0" in line]
    assert told == ["carpd: UCARP_INTERFACE nowhere0: no such interface; ..."]


def test_mistakes_are_told_also_where_the_kernel_does_not_tell_its_interfaces(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are enough to begin with."""

    def fail() -> InterfaceTable:
        raise OSError(errno.ENOBUFS, "test")

    monkeypatch.setattr(starting, "read_interfaces", fail)
    assert len(refusal((*LEAST, "-p", "love", "-v", "0"), 1, capsys)) == 1


def test_the_process_ends_with_the_status_of_main() -> None:
    """As the shell, systemd and a container see it; and bytes that are no text are told without a traceback."""
    environment = {**os.environ, "PYTHONPATH": str(Path(triocarp.__file__).parents[1])}
    process = subprocess.run(
        [sys.executable, "-m", "triocarp.daemon", *LEAST, "-o", b"/nowhere/\xff\n"],
        env=environment,
        capture_output=True,
        check=False,
    )
    expected = b"carpd: -o/--passfile '/nowhere/\\udcff\\n': cannot be read: No such file or directory"
    assert (process.returncode, process.stdout, process.stderr.splitlines()[0]) == (1, b"", expected)


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
