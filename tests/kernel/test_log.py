from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from triocarp.lab import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernel.daemons import Carpd, Site

pytestmark = pytest.mark.kernel


class Pipe:
    """A small pipe that a daemon logs into.

    Attributes:
        reader: what the daemon wrote.
        writer: for the daemon.
    """

    def __init__(self) -> None:
        """Open it."""
        self.reader, self.writer = os.pipe2(os.O_CLOEXEC)
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)

    def close_reader(self) -> None:
        """Let the reader end, as when a logger was killed."""
        os.close(self.reader)
        self.reader = -1

    def fill(self) -> None:
        """Fill it, as when a logger hangs."""
        # Opened anew: whether writing waits is a matter of the opening, which the daemon shares.
        filler = os.open(f"/proc/self/fd/{self.writer}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(filler, b"x")
        os.close(filler)

    def close(self) -> None:
        """Close it."""
        for descriptor in (self.reader, self.writer):
            if descriptor >= 0:
                os.close(descriptor)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Give a pipe."""
    with contextlib.closing(Pipe()) as one:
        yield one


def leaves_in_order(site: Site, daemon: Carpd) -> None:
    """Expect that a master goes on advertising, and leaves when it is asked to."""
    site.wire.wait_for_advertisement(site.one, since=clock.now(), count=5)
    asked = clock.now()
    assert daemon.stop() == 0
    assert clock.now() - asked < 5 * clock.SECOND
    site.holders.wait_until_holder()
    site.wire.wait_for_goodbye(site.one, since=asked)


@pytest.mark.parametrize("flags", [(), ("-D",)], ids=["quiet", "with -D"])
def test_a_log_that_nobody_reads_any_more_is_no_reason_to_end(
    site: Site, pipe: Pipe, flags: tuple[str, ...]
) -> None:
    """The reader of our standard error has ended: carpd goes on, and its exit status tells of its own matters."""
    daemon = site.carpd(site.one, *flags, stderr=pipe.writer)
    site.wire.wait_for_announcement(site.one, timeout_s=20)
    pipe.close_reader()
    leaves_in_order(site, daemon)


@pytest.mark.parametrize("flags", [(), ("-D",)], ids=["quiet", "with -D"])
def test_a_log_that_blocks_does_not_block_the_protocol(site: Site, pipe: Pipe, flags: tuple[str, ...]) -> None:
    """The reader of our standard error hangs and the pipe is full: carpd goes on, and leaves in order."""
    daemon = site.carpd(site.one, *flags, stderr=pipe.writer)
    site.wire.wait_for_announcement(site.one, timeout_s=20)
    pipe.fill()
    leaves_in_order(site, daemon)


def test_a_log_that_is_full_from_the_start_does_not_block_the_start(site: Site, pipe: Pipe) -> None:
    """Not a line can be written, and the host takes over all the same."""
    pipe.fill()
    daemon = site.carpd(site.one, stderr=pipe.writer)
    site.wire.wait_for_announcement(site.one, timeout_s=20)
    leaves_in_order(site, daemon)


def test_a_log_on_a_full_device_is_no_reason_to_end(site: Site) -> None:
    """The disk is full: lines are lost, and nothing else."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        daemon = site.carpd(site.one, "-D", stderr=full.fileno())
    site.wire.wait_for_announcement(site.one, timeout_s=20)
    leaves_in_order(site, daemon)


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 1>&- 2>&-"], ids=["stderr", "all"])
def test_missing_standard_streams_are_no_reason_to_end(site: Site, closed: str) -> None:
    """Nothing that carpd opens takes their place, where a stray message or a script would write into it."""
    program = ("/bin/sh", "-c", f'exec "$0" -m triocarp.daemon "$@" {closed}', sys.executable)
    daemon = site.carpd(site.one, program=program)
    site.wire.wait_for_announcement(site.one, timeout_s=20)
    streams = [str(Path(f"/proc/{daemon.process.pid}/fd/{number}").readlink()) for number in range(3)]

    assert streams[2] == os.devnull
    assert not any(stream.startswith(("socket:", "anon_inode:")) for stream in streams)
    leaves_in_order(site, daemon)
