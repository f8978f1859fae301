"""However a driver ends, it leaves in order: addresses released, hooks ended, goodbye said, and it does end."""

import math
from collections.abc import Callable

import pytest
import trio

from carpsim import virtual_time
from carpsim.virtual_time import DrivenHost, VirtualHooks
from triocarp.core import Event, Hook, StopRequested, TimerExpired
from triocarp.core.timing import SECOND
from triocarp.daemon.driver import Source

from .journal import Journal, advertisement, config, goodbye, has_address, host

LEFT = ["INIT", "release", "goodbye", "stopped"]
MASTER_SINCE = 3 * SECOND


class FailingSource:
    """A source that fails, as one does whose socket is gone.

    Args:
        after_s: seconds until then.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s

    async def wait_readable(self) -> None:
        """Wait, and fail."""
        await trio.sleep(self._after_s)
        raise OSError("the socket is gone")

    def read(self) -> list[Event]:
        """Return nothing."""
        return []


class BrokenFromTheStart(FailingSource):
    """A source that cannot even be read once."""

    def read(self) -> list[Event]:
        """Fail."""
        raise OSError("the socket is gone")


def stop(driven: DrivenHost) -> None:
    """Do what a signal does."""
    driven.driver.feed(StopRequested())


def lead(
    driven: DrivenHost, *deeds: tuple[float, Callable[[DrivenHost, trio.CancelScope], None]]
) -> tuple[float, BaseExceptionGroup[BaseException] | None]:
    """Run a host, do some deeds at some instants, and return when and how its run ended.

    Args:
        driven: the host.
        deeds: instants in seconds, and what is done then, given the host and the scope around its run.
    """
    ended: list[float] = []
    raised: list[BaseExceptionGroup[BaseException]] = []

    async def run(scope: trio.CancelScope) -> None:
        try:
            with scope:
                await driven.driver.run()
        except* (OSError, RuntimeError) as group:
            raised.append(group)
        ended.append(trio.current_time())

    async def act(scope: trio.CancelScope) -> None:
        for instant, deed in deeds:
            await trio.sleep_until(instant)
            deed(driven, scope)

    async def main() -> None:
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(act, scope)
            await run(scope)

    virtual_time.run(driven.engine, main)
    return round(ended[0], 6), raised[0] if raised else None


def requested(driven: DrivenHost, scope: trio.CancelScope) -> None:
    """Ask the host to leave."""
    del scope
    stop(driven)


def cancelled(driven: DrivenHost, scope: trio.CancelScope) -> None:
    """Cancel its run."""
    del driven
    scope.cancel()


def nothing(driven: DrivenHost, scope: trio.CancelScope) -> None:
    """Let time pass."""
    del driven, scope


def messages(group: BaseExceptionGroup[BaseException] | None) -> list[str]:
    """Return the texts of all exceptions in a group, however deep."""
    if group is None:
        return []
    found: list[str] = []
    for error in group.exceptions:
        found += messages(error) if isinstance(error, BaseExceptionGroup) else [str(error)]
    return found


@pytest.mark.parametrize("end", [requested, cancelled])
def test_a_master_releases_says_goodbye_and_returns(
    end: Callable[[DrivenHost, trio.CancelScope], None],
) -> None:
    """All within the instant, whether the operator asked or somebody cancelled."""
    journal = Journal()
    assert lead(host(config(), journal), (3.5, end)) == (3.5, None)
    assert journal.deeds(MASTER_SINCE + 1) == LEFT


@pytest.mark.parametrize("end", [requested, cancelled])
def test_a_backup_that_leaves_says_nothing(end: Callable[[DrivenHost, trio.CancelScope], None]) -> None:
    """It holds nothing, so nothing is released and no goodbye makes anybody take over."""
    journal = Journal()
    assert lead(host(config(), journal), (1.5, end)) == (1.5, None)
    assert journal.deeds(1) == ["INIT", "stopped"]


@pytest.mark.parametrize("end", [requested, cancelled])
def test_the_goodbye_waits_for_the_down_hook(end: Callable[[DrivenHost, trio.CancelScope], None]) -> None:
    """Released at once, then the hook of 2 s, then the goodbye: a cancellation does not cut the hook short."""
    journal = Journal()
    driven = host(config(down=True), journal, hooks=VirtualHooks({Hook.DOWN: 2}))
    assert lead(driven, (3.5, end)) == (5.5, None)
    assert journal.deeds(MASTER_SINCE + 1) == ["INIT", "release", "run down", "goodbye", "stopped"]
    assert [round(5.5 * SECOND)] == journal.when("goodbye")


def test_an_operator_s_stop_waits_for_a_hook_however_long_it_takes() -> None:
    """Who runs the hooks limits them; the limit of the leaving is for a leaving that nobody asked for."""
    journal = Journal()
    driven = host(config(down=True), journal, hooks=VirtualHooks({Hook.DOWN: 40}), leaving_limit_s=1)
    assert lead(driven, (43, requested)) == (83.0, None)


def test_a_hook_that_never_ends_does_not_keep_a_cancelled_host() -> None:
    """It returns at the limit. The address is released at once; who cannot end its hook says no goodbye."""
    journal = Journal()
    driven = host(config(up=True), journal, hooks=VirtualHooks({Hook.UP: math.inf}), leaving_limit_s=7)
    assert lead(driven, (3.5, cancelled)) == (10.5, None)
    assert journal.deeds(MASTER_SINCE + 1) == ["INIT", "release"]


def test_a_cancellation_during_an_operator_s_stop_sets_the_limit() -> None:
    """The hook never ends, the operator loses patience: the limit counts from the cancellation."""
    journal = Journal()
    driven = host(config(up=True), journal, hooks=VirtualHooks({Hook.UP: math.inf}), leaving_limit_s=7)
    assert lead(driven, (3.5, requested), (100.5, cancelled)) == (107.5, None)
    assert journal.deeds(MASTER_SINCE + 1) == ["INIT", "release"]


def test_a_second_stop_and_a_second_cancellation_change_nothing() -> None:
    """The leaving that has begun goes on: one release, one hook, one goodbye."""
    journal = Journal()
    driven = host(config(down=True), journal, hooks=VirtualHooks({Hook.DOWN: 2}))
    moments = (3.5, requested), (3.6, requested), (4.0, cancelled), (4.1, cancelled), (4.2, requested)
    assert lead(driven, *moments) == (5.5, None)
    assert journal.deeds(MASTER_SINCE + 1) == ["INIT", "release", "run down", "goodbye", "stopped"]


def test_what_is_fed_after_the_end_does_nothing() -> None:
    """Late signals, packets and timers find a host that has left."""
    journal = Journal()

    async def main() -> None:
        driven = host(config(), journal)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driven.driver.run)
            await trio.sleep(3.5)
            stop(driven)
        for event in (StopRequested(), TimerExpired(), advertisement(), goodbye()):
            driven.driver.feed(event)

    virtual_time.run(journal.engine, main)
    assert journal.deeds(MASTER_SINCE + 1) == LEFT


def test_a_hook_that_ends_after_the_host_has_left_tells_nobody() -> None:
    """At the limit the hooks are ended; none feeds a host that has returned."""
    journal = Journal()
    driven = host(config(up=True), journal, hooks=VirtualHooks({Hook.UP: 6}), leaving_limit_s=1)
    assert lead(driven, (3.5, cancelled), (20, nothing)) == (4.5, None)
    assert journal.deeds(MASTER_SINCE + 1) == ["INIT", "release"]


def test_a_stop_that_comes_before_the_start_is_kept() -> None:
    """A signal may come while carpd is still starting: the host cleans up, takes no part, and returns."""
    journal = Journal()
    driven = host(config(), journal)

    async def main() -> None:
        stop(driven)
        await driven.driver.run()

    virtual_time.run(journal.engine, main)
    assert journal.deeds() == ["release", "stopped"]


def test_a_host_takes_part_when_it_says_that_it_has_started() -> None:
    """`task_status` is told after the sources were read for the first time: the link is known."""
    journal = Journal()
    driven = host(config(), journal)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.driver.run)
            assert journal.deeds() == ["release", "BACKUP"]
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)


def test_an_address_that_cannot_be_released_is_tried_three_times() -> None:
    """After that the lease must do it; whoever still answers says no goodbye."""
    journal = Journal()
    driven = host(config(), journal)

    def refuse_and_stop(driven: DrivenHost, scope: trio.CancelScope) -> None:
        journal.refuse("release")
        requested(driven, scope)

    assert lead(driven, (3.5, refuse_and_stop)) == (5.5, None)
    assert [instant / SECOND for instant in journal.when("release fails")] == [3.5, 4.5, 5.5]
    assert journal.when("goodbye") == []


@pytest.mark.parametrize("source", [FailingSource(3.5), BrokenFromTheStart(0)], ids=["later", "at the start"])
def test_a_source_that_fails_makes_the_host_leave_and_the_failure_known(source: Source) -> None:
    """In order as ever; and then the exception is there for whoever runs the driver."""
    journal = Journal()
    _, group = lead(host(config(), journal, further_sources=(source,)))
    assert messages(group) == ["the socket is gone"]
    expected = LEFT if journal.when("MASTER") else ["INIT", "stopped"]
    assert expected == journal.deeds()[-len(expected) :]


@pytest.mark.parametrize("request_that_fails", ["advertise", "hold", "announce"])
def test_a_bug_in_a_port_makes_the_host_leave_and_the_bug_known(request_that_fails: str) -> None:
    """An exception that is no `PortError` is a mistake of ours: the address goes first all the same."""
    journal = Journal(failing={request_that_fails: RuntimeError("a bug")})
    driven = host(config(), journal)
    assert messages(lead(driven)[1]) == ["a bug"]
    assert journal.deeds()[-len(LEFT) :] == LEFT
    assert not has_address(driven)


@pytest.mark.parametrize("request_that_fails", ["release", "goodbye"])
@pytest.mark.parametrize("end", [requested, cancelled])
def test_a_bug_while_leaving_does_not_keep_the_host(
    request_that_fails: str, end: Callable[[DrivenHost, trio.CancelScope], None]
) -> None:
    """The run ends with the bug, and a hook that would last for ever ends with it."""
    journal = Journal()
    driven = host(config(up=True), journal, hooks=VirtualHooks({Hook.UP: 0}), leaving_limit_s=5)

    def break_and_end(driven: DrivenHost, scope: trio.CancelScope) -> None:
        journal.failing[request_that_fails] = RuntimeError("a bug")
        try:
            end(driven, scope)
        except RuntimeError:
            scope.cancel()  # as a nursery around both tasks does

    ended, group = lead(driven, (3.5, break_and_end))
    assert ended <= 8.5
    assert end is requested or messages(group) == ["a bug"]


class BrokenHooks:
    """A hook service that fails."""

    def run(self, interface: str, vhid: int, hook: Hook) -> None:
        """Run nothing."""

    async def serve(self, feed: Callable[[Event], None]) -> None:
        """Fail after a while."""
        del feed
        await trio.sleep(3.5)
        raise RuntimeError("a bug")


def test_a_bug_in_the_hook_service_makes_the_host_leave_and_the_bug_known() -> None:
    """Whichever of its tasks fails, the driver leaves in order."""
    journal = Journal()
    driven = host(config(), journal, hooks=BrokenHooks())
    assert messages(lead(driven)[1]) == ["a bug"]
    assert journal.deeds(MASTER_SINCE + 1) == LEFT
