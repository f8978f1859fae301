from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.kernel.daemons import SLOW, traces
from triocarp.lab import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernel.daemons import Site

pytestmark = pytest.mark.kernel

ENDING = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]


@pytest.mark.parametrize("flags", [(), ("-z",)], ids=["plain", "with -z"])
@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_every_signal_that_ends_a_daemon_makes_it_leave_in_order(
    site: Site, number: signal.Signals, flags: tuple[str, ...]
) -> None:
    """Released, goodbye, status 0, nothing left; the backup takes over at once and not after its dead time."""
    before = traces(site.one)
    master = site.master(site.one, *flags)
    site.backup(site.two)
    leaving = clock.now()
    status = master.stop(number)
    taken = site.holders.wait_until_holder(site.two)
    goodbye = site.wire.wait_for_goodbye(site.one)
    by_one = [holding for holding in site.holders.holdings if holding.host == "one"]

    assert status == 0
    assert before == traces(site.one)
    assert site.wire.advertisements(site.one)[-1] == goodbye
    # Much less than the dead time of 0.6 s, and all that a user sees of it.
    assert site.wire.wait_for_advertisement(site.two).at - goodbye.at < 4 * clock.SECOND // 10
    assert taken - leaving < clock.SECOND
    assert [holding.until is not None for holding in by_one] == [True]
    assert site.holders.overlap_ns(0, clock.now()) == 0


def test_the_address_is_released_before_the_goodbye(site: Site) -> None:
    """There is never a moment at which two hosts answer."""
    leaving = site.carpd(site.one, program=SLOW)
    site.wire.wait_for_announcement(site.one, timeout_s=20)
    assert leaving.stop() == 0
    released = site.holders.wait_until_holder()
    goodbye = site.wire.wait_for_goodbye(site.one)

    assert released < goodbye.at


def test_a_backup_leaves_without_a_word(site: Site) -> None:
    """Nobody waits for it, and a goodbye would make other backups take over from a living master."""
    before = traces(site.two)
    _master, backup = site.pair()

    assert backup.stop() == 0
    assert before == traces(site.two)
    site.wire.wait_for_advertisement(site.one, since=clock.now(), count=2)
    assert not site.wire.advertisements(site.two)
    assert site.holders.holders_now() == {"one"}


def test_several_signals_are_one_wish(site: Site) -> None:
    """Whatever comes while it leaves, up to the last moment, does not keep carpd from leaving in order."""
    for _ in range(5):
        leaving = site.master(site.one)
        since = clock.now()
        while leaving.process.poll() is None:
            for number in ENDING:
                leaving.process.send_signal(number)
                time.sleep(0.001)  # a burst, not a flood

        assert leaving.wait() == 0, leaving.log
        site.holders.wait_until_holder()
        assert len(site.wire.advertisements(site.one, since=since)) >= 1
        site.wire.wait_for_goodbye(site.one, since=since)


@pytest.fixture
def heeded() -> Iterator[None]:
    """Let children heed SIGHUP, which they do not under nohup, until the test ends."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.usefixtures("heeded")
def test_a_signal_while_starting_leaves_nothing(site: Site, number: signal.Signals) -> None:
    """Whenever it comes, carpd ends: in order or, before it has begun, by the signal; and it says nothing odd."""
    before = traces(site.one)
    for milliseconds in range(20, 600, 60):
        starting = site.carpd(site.one)
        # Not a wait for something: the moment of the signal is what is varied.
        time.sleep(milliseconds / 1000)
        status = starting.stop(number)

        assert status in (0, -number), starting.log
        assert "Traceback" not in starting.log
        assert before == traces(site.one)


def test_the_state_is_told_on_request(site: Site) -> None:
    """SIGUSR1 logs the state, as ucarp does, and ends nothing."""
    master, backup = site.pair()
    for daemon, state in ((master, "MASTER"), (backup, "BACKUP")):
        daemon.process.send_signal(signal.SIGUSR1)
        daemon.wait_for_log(rf"\[INFO\] {state} on eth0 id 7")

    assert site.holders.holders_now() == {"one"}
