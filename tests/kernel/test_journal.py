"""The journal of a real carpd: it can be rotated under it, and replayed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.daemons import PROGRAM, wait_until
from tests.kernel.wire import PASSWORD
from triocarp.core.journal import Gap, Header, decode
from triocarp.core.replay import replay

if TYPE_CHECKING:
    from tests.kernel.daemons import Site

pytestmark = pytest.mark.kernel

_WITH_A_SMALL_DISK = 'mount -t tmpfs -o size=8k none "$1" && shift && exec "$@"'


def test_a_journal_that_is_renamed_twice_replays_from_its_files(site: Site) -> None:
    """A carpd goes on in a new file without being told, and the files together are the run, entry by entry."""
    journal = site.directory / "carp.journal"
    master = site.master(site.one, "--journal", journal)
    for number in (2, 1):
        journal.rename(f"{journal}.{number}")
        wait_until(lambda: journal.exists() and journal.stat().st_size > 0, "a new journal")
    assert master.stop() == 0

    files = [Path(f"{journal}.2"), Path(f"{journal}.1"), journal]
    texts = [file.read_text(encoding="ascii").splitlines(keepends=True) for file in files]
    header, *later = [decode(lines[0]) for lines in texts]
    assert isinstance(header, Header)
    assert all(isinstance(head, Header) and head.first > 1 and head.continues(header) for head in later)
    hosts = tuple(replace(host, password=PASSWORD.encode()) for host in header.config.virtual_hosts)
    replayed = replay([line for lines in texts for line in lines], replace(header.config, virtual_hosts=hosts))
    assert replayed.runs == 1
    assert replayed.node.stopped
    assert "journal" not in master.log, "something went wrong with it"


def test_each_time_the_disk_is_full_is_told_and_at_the_exit_how_many_entries_are_lost(site: Site) -> None:
    """Also where room was made between: the file says what is missing before it, and the log all the rest."""
    small = site.directory / "small"
    small.mkdir()
    in_a_namespace = ("unshare", "--mount", "/bin/sh", "-c", _WITH_A_SMALL_DISK, "sh", str(small), *PROGRAM)
    daemon = site.carpd(site.one, "--journal", small / "journal", program=in_a_namespace)
    told = r"cannot be written, and goes on later: No space left on device"
    daemon.wait_for_log(told)
    Path(f"/proc/{daemon.process.pid}/root{small}/journal").unlink()
    between = daemon.wait_for_log(r"journal: (\d+) entries could not be written: No space left on device")
    daemon.wait_for_log(told, count=2)
    lines = (
        Path(f"/proc/{daemon.process.pid}/root{small}/journal")
        .read_text(encoding="ascii")
        .splitlines(keepends=True)
    )
    gap = decode(lines[1])
    assert daemon.stop() == 0

    assert isinstance(gap, Gap)
    assert gap.gap == int(between[1])
    in_all = re.findall(r"journal: (\d+) entries of this run could not be written: No space left", daemon.log)
    assert [int(number) > gap.gap for number in in_all] == [True]
