"""The journal of a real carpd: it can be rotated under it, and replayed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.daemons import wait_until
from tests.kernel.wire import PASSWORD
from triocarp.core.journal import Header, decode
from triocarp.core.replay import replay

if TYPE_CHECKING:
    from tests.kernel.daemons import Site

pytestmark = pytest.mark.kernel


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
