"""The command line where something from outside ends it: an interrupt, a reader that has gone, a full disk."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from carpsim.commands import list_scenarios
from carpsim.main import STATUS_INTERRUPTED, STATUS_NO_READER, STATUS_TERMINATED, main

TIMEOUT_S = 60
CARPSIM = (sys.executable, "-m", "carpsim.main")
CONFIG = """\
[[virtual_host]]
interface = "eth0"
vhid = 1
password_file = "{password}"
addresses = ["10.0.0.100/24"]
source = "10.0.0.1"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration file of carpd."""
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("secret")
    path = tmp_path / "carpd.toml"
    path.write_text(CONFIG.format(password=password))
    return path


@contextmanager
def many_stories(config: Path) -> Generator[subprocess.Popen[str]]:
    """Give a command that has begun to run worlds in other processes; what is left of it is killed."""
    command = [*CARPSIM, "whatif", "--config", str(config), "--runs", "100000"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        try:
            assert running.stdout is not None
            assert "outage, s" in running.stdout.readline()
            yield running
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)  # its session is its own


def errors_of(running: subprocess.Popen[str]) -> str:
    """Wait for the last process that has the pipes, a worker or its parent, and return what was told."""
    _, errors = running.communicate(timeout=TIMEOUT_S)
    return errors


def test_interrupt_ends_everything_at_once(config: Path) -> None:
    """What was told stays, one line says why there is no more, and no process is left at work."""
    with many_stories(config) as running:
        os.killpg(running.pid, signal.SIGINT)
        errors = errors_of(running)
    assert (running.returncode, errors) == (STATUS_INTERRUPTED, "carpsim whatif: interrupted\n")


def test_sigterm_ends_everything_at_once(config: Path) -> None:
    """It is sent to the one process that whoever sends it knows, and ends the others, too."""
    with many_stories(config) as running:
        running.terminate()
        errors = errors_of(running)
    assert (running.returncode, errors) == (STATUS_TERMINATED, "carpsim whatif: terminated\n")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux tells whose child a process is")
def test_workers_end_when_their_parent_is_killed(config: Path) -> None:
    """It cannot end them any more: they see that it has gone, and end by themselves."""
    with many_stories(config) as running:
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        deadline = time.monotonic() + TIMEOUT_S
        while not at_work(children) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert at_work(children)
        running.kill()
        errors = errors_of(running)
    assert "Traceback" not in errors  # only Python's own housekeeping has something to say


def at_work(children: Path) -> list[int]:
    """Return the children that run worlds: those with more than one thread, of which one waits for the end."""
    return [
        int(child) for child in children.read_text().split() if len([*Path(f"/proc/{child}/task").iterdir()]) > 1
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="it has no signals between processes")
def test_who_has_sigterm_ignored_is_obeyed() -> None:
    """A caller's own handling of SIGTERM is neither replaced while a command runs nor after it."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert main(["list"]) == 0
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
    assert main(["list"]) == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_reader_that_has_gone_is_no_failure() -> None:
    """As of any tool whose output is piped into ``head``: nothing is said, and the status is a broken pipe's."""
    with subprocess.Popen([*CARPSIM, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.close()
        _, errors = running.communicate(timeout=TIMEOUT_S)
    assert (running.returncode, errors) == (STATUS_NO_READER, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_full_disk_is_told_in_a_line() -> None:
    """Also if it is behind the standard output, which Python would flush once more at the end."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*CARPSIM, "list"], stdout=full, stderr=subprocess.PIPE, check=False, timeout=TIMEOUT_S
        )
    assert done.returncode == 1
    assert done.stderr == b"carpsim list: standard output: No space left on device\n"


SWEEP = """\
scenario = "split-brain-and-heal"
repetitions = 50
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has no limits of this kind")
@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (["run", "one-host", "--trace", "trace.jsonl"], "trace.jsonl"),
        (["run", "one-host", "--capture", "."], "lan.pcap"),
        (["run", "one-host", "--report", "page.html"], "page.html"),
        (["report", "one-host", "-o", "page.html"], "page.html"),
        (["sweep", "sweep.toml", "-o", "there", "--jobs", "1"], "there/runs.jsonl"),
    ],
)
def test_file_that_cannot_be_written_whole_is_named(tmp_path: Path, arguments: list[str], file: str) -> None:
    """As on a full disk: it can be opened, and fails later, when a buffer is emptied or the file is closed."""
    (tmp_path / "sweep.toml").write_text(SWEEP)
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *CARPSIM, *arguments],  # kilobytes, or half of that
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stderr) == (1, f"carpsim {arguments[0]}: {file}: File too large\n")


def test_error_without_a_name_is_not_blamed_on_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened is told alone where nobody knows to what."""

    def fail(_: object) -> int:
        raise TimeoutError("nobody answers")

    monkeypatch.setattr(list_scenarios, "run", fail)
    with pytest.raises(SystemExit) as caught:
        main(["list"])
    assert str(caught.value) == "carpsim list: nobody answers"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "one-host", "--trace", "{missing}"], "carpsim run: {missing}: No such file or directory"),
        (["run", "one-host", "--report", "{missing}"], "carpsim run: {missing}: No such file or directory"),
        (["report", "one-host", "-o", "{missing}"], "carpsim report: {missing}: No such file or directory"),
        (["whatif", "--config", "{config}", "--hosts", "300"], "carpsim whatif: --hosts 300: near 10.0.0.1 there"),
        (["whatif", "--config", "{config}", "--hosts", "253"], "not enough addresses for all hosts and a client"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    arguments: list[str], words: str, config: Path, tmp_path: Path
) -> None:
    """Each names who says so, the value, and what is wrong with it."""
    names = {"missing": str(tmp_path / "none" / "x"), "config": str(config)}
    told = [argument.format(**names) for argument in arguments]
    with pytest.raises(SystemExit) as caught:
        main(told)
    assert words.format(**names) in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "--seeds", "0"], "argument --seeds: '0': expected a whole number, 1 or more"),
        (["check", "--workers", "0"], "argument --workers: '0': expected a whole number, 1 or more"),
        (["check", "--time", "soon"], "argument --time: 'soon': expected a number of seconds, 0 or more"),
        (["check", "--first-seed", "-1"], "expected a whole number from 0 to 9223372036854775807"),
        (["run", "one-host", "--seed", str(2**63)], "expected a whole number from 0 to 9223372036854775807"),
        (["report", "one-host", "--seed", "x", "-o", "y"], "expected a whole number from 0 to"),
        (["sweep", "x", "-o", "y", "--jobs", "0"], "argument --jobs: '0': expected a whole number, 1 or more"),
        (["whatif", "--config", "x", "--max-outage", "-1"], "'-1': expected a number of seconds, 0 or more"),
    ],
)
def test_wrong_numbers_are_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything runs: the option, the value, and what would be right."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert words in capsys.readouterr().err
