"""What carpd asks of the kernel, from its start to its end, is what its systemd unit lets it ask."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.conftest import find_program
from tests.kernel.daemons import PROGRAM, wait_until

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage

UNIT: Final = Path(__file__).parents[2] / "deploy" / "systemd" / "carpd@.service"

pytestmark = [pytest.mark.kernel, pytest.mark.programs("strace", "systemd-analyze")]


def lines_of(key: str) -> list[list[str]]:
    """Return the words of each line of the unit with this key."""
    found = re.findall(rf"(?m)^{key}=(.*)$", UNIT.read_text(encoding="utf-8"))
    return [line.split() for line in found]


def calls_in(name: str) -> set[str]:
    """Return the system calls of one of systemd's sets, such as ``@system-service``; of a call itself."""
    if not name.startswith("@"):
        return {name}
    listing = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", name], capture_output=True, text=True, check=True
    ).stdout
    words = [
        line.strip() for line in listing.splitlines()[1:] if line.strip() and not line.strip().startswith("#")
    ]
    return {call for word in words for call in calls_in(word)}


def allowed_calls() -> set[str]:
    """Return what the unit's filters leave: a line with a tilde takes away (systemd.exec(5))."""
    allowed = calls_in("@default")
    for words in lines_of("SystemCallFilter"):
        takes_away = words[0].startswith("~")
        calls = {call for word in words for call in calls_in(word.removeprefix("~"))}
        allowed = allowed - calls if takes_away else allowed | calls
    return allowed


def test_the_unit_forbids_nothing_that_carpd_does(stage: ConfiguredStage, tmp_path: Path) -> None:
    """No system call, no kind of socket, no memory that can be written and executed.

    The daemon has all that asks the kernel for something: both families, a peer over the system's routes, sealed
    counters, for which it asks about the clock, and a journal.
    """
    one, _two = stage.hosts("one", "two")
    strace = find_program("strace")
    assert strace is not None
    (tmp_path / "password").write_text("love\n", encoding="ascii")
    usual = f'interface = "eth0"\npassword_file = "{tmp_path / "password"}"\nadvbase = 0\nadvskew = 26\n'
    (tmp_path / "carpd.toml").write_text(
        f'journal = "{tmp_path / "journal"}"\n'
        f'[[virtual_host]]\nvhid = 1\naddresses = ["10.0.0.100/24", "2001:db8::100/64"]\n{usual}'
        'sealing = "enforce"\nseal_window_s = 0.1\n'
        f'[[virtual_host]]\nvhid = 2\naddresses = ["10.0.0.101/24"]\n{usual}'
        'transport = "unicast"\npeers = ["10.0.0.2"]\nrouting_table = 7\n',
        encoding="utf-8",
    )
    file = tmp_path / "calls"
    # With -D it is the daemon that is our child, and gets the signal.
    program = (strace, "-D", "-f", "-q", "-o", str(file), *PROGRAM)
    daemon = stage.run_carpd(one, ["--config", str(tmp_path / "carpd.toml")], program=program)
    daemon.wait_for_log("Switching to state: MASTER", count=2)
    assert daemon.stop() == 0
    number = daemon.process.pid
    wait_until(lambda: f"{number} +++ exited" in re.sub(" +", " ", file.read_text()), "the last call was written")

    text = file.read_text(encoding="utf-8", errors="replace")
    made = set(re.findall(r"(?m)^\d+ +([a-z_0-9]+)\(", text))
    assert {"sendto", "setsockopt", "clock_adjtime"} <= made
    assert made <= allowed_calls()
    (families,) = lines_of("RestrictAddressFamilies")
    assert set(re.findall(r"\bsocket\((AF_\w+)", text)) <= set(families)
    assert "PROT_WRITE|PROT_EXEC" not in text
