"""An orderly stop: release, scripts, goodbye, and then, exactly once, `Stopped`."""

from dataclasses import replace

import pytest

from triocarp.core import Link, Started, State, StopRequested, TimerExpired
from triocarp.core.timing import SECOND

from .hosts import PLAIN, Machine, Peer

BOTH = replace(PLAIN, up_hook=True, down_hook=True)
LEAVES = "MASTER -> INIT: stopped by the operator"


def test_master_says_goodbye() -> None:
    """The address goes before the goodbye, and then the host has stopped (9.4 row 4)."""
    machine = Machine.master()
    assert machine.stop() == [LEAVES, "release", "goodbye", "stopped"]
    assert (machine.holds, machine.node.deadline, machine.node.stopped) == (False, None, True)


def test_stopped_is_told_at_the_next_timer() -> None:
    """Only when the effects of the leaving have not failed is it certain; the timer for that is due at once."""
    machine = Machine.master()
    assert machine.feed(StopRequested())[-1] == "goodbye"
    assert (machine.now, False) == (machine.node.deadline, machine.node.stopped)
    assert machine.feed(TimerExpired()) == ["stopped"]


def test_backup_leaves_in_silence() -> None:
    """A backup has nothing to say."""
    machine = Machine.listening(PLAIN)
    assert machine.stop() == ["BACKUP -> INIT: stopped by the operator", "stopped"]


def test_backup_about_to_take_over_does_not() -> None:
    """Neither a goodbye that was heard nor the silence brings a stopping host to life."""
    machine = Machine.listening(replace(PLAIN, advskew=100))
    machine.feed(Peer().leaves())
    machine.stop()
    assert machine.run_for(10 * SECOND) == []


@pytest.mark.parametrize("started", [True, False])
def test_host_without_link_leaves_in_silence(started: bool) -> None:
    """A host in INIT has stopped at once, even before it has started."""
    machine = Machine(PLAIN)
    if started:
        machine.feed(Started())
    assert machine.stop() == ["stopped"]


def test_stopping_twice_is_stopping_once() -> None:
    """A further request, while leaving or after it, changes nothing; `Stopped` is told once."""
    machine = Machine.master(BOTH)
    machine.feed(StopRequested())
    assert machine.stop() == []
    assert machine.end_hooks() + machine.run_for(0) == ["goodbye", "stopped"]
    assert machine.stop() == []


def test_waits_for_the_down_script() -> None:
    """The goodbye comes when the script has ended, and so does the end."""
    machine = Machine.master(BOTH)
    assert machine.stop() == [LEAVES, "release", "run down"]
    assert machine.node.deadline is None
    assert machine.end_hook(after=SECOND) == ["goodbye"]
    assert machine.run_for(0) == ["stopped"]


def test_waits_for_both_scripts() -> None:
    """A stop while the up script runs: that ends, the down script runs, and then comes the goodbye."""
    machine = Machine.listening(BOTH)
    machine.run_until(3 * SECOND)
    assert machine.stop() == [LEAVES, "release"]
    assert machine.end_hook() == ["run down"]
    assert machine.run_for(0) == []
    assert machine.end_hook() + machine.run_for(0) == ["goodbye", "stopped"]


def test_waits_for_the_first_down_script() -> None:
    """A stop right after the start waits for the script that runs."""
    machine = Machine(BOTH)
    machine.feed(Started())
    assert machine.stop() == []
    assert machine.end_hook() + machine.run_for(0) == ["stopped"]


def test_late_goodbye_is_not_said_to_another_master() -> None:
    """When a backup has taken over while the down script ran, a goodbye would make a third host take over too."""
    machine = Machine.master(BOTH)
    machine.stop()
    assert machine.feed(Peer(advskew=9).advertises(), after=4 * SECOND) == []
    assert machine.end_hook() + machine.run_for(0) == ["stopped"]


def test_lost_link_leaves_nobody_to_say_goodbye_to() -> None:
    """The link goes down while the script runs: no goodbye."""
    machine = Machine.master(BOTH)
    machine.stop()
    assert machine.link(Link.DOWN) == []
    assert machine.end_hook() + machine.run_for(0) == ["stopped"]


def test_link_does_not_bring_a_stopping_host_back() -> None:
    """A link that comes up while the host leaves, or after it, is none of its business."""
    machine = Machine.master(BOTH)
    machine.link(Link.DOWN)
    machine.stop()
    assert machine.link(Link.UP) == []
    assert machine.end_hook() + machine.run_for(0) == ["stopped"]
    assert machine.link(Link.UP) == []


def test_failing_release_is_tried_three_times() -> None:
    """After that the kernel lease has to do it: no goodbye is said, for the address may still answer."""
    machine = Machine.master()
    machine.record.failing = {"release"}
    failed = ["release failed", "notice: RELEASE_FAILED"]
    assert machine.stop() == [LEAVES, *failed]
    assert machine.run_for(SECOND) == failed
    assert machine.run_for(SECOND - 1) == []
    assert machine.run_for(1) == [*failed, "stopped"]
    assert machine.statistics.advertisements_sent == 1


def test_release_that_works_at_last_is_followed_by_the_goodbye() -> None:
    """The second try works: goodbye, and only then `Stopped`."""
    machine = Machine.master()
    machine.record.failing = {"release"}
    machine.stop()
    machine.record.failing = set()
    assert machine.run_for(SECOND) == ["release", "goodbye", "stopped"]
    assert machine.statistics.advertisements_sent == 2


def test_no_goodbye_after_the_release_was_given_up() -> None:
    """A slow script ends after the last try: the address may still answer, so nothing is said."""
    machine = Machine.master(BOTH)
    machine.record.failing = {"release"}
    machine.stop()
    machine.run_for(5 * SECOND)
    assert machine.end_hook() + machine.run_for(0) == ["stopped"]


def test_no_goodbye_is_made_up_for_after_the_release_was_given_up() -> None:
    """Long afterwards somebody puts the address on, and it is removed: that is no occasion for a goodbye."""
    machine = Machine.master()
    machine.record.failing = {"release"}
    machine.stop()
    machine.run_for(5 * SECOND)
    machine.record.failing = set()
    assert machine.add_address(after=SECOND) == ["notice: ADDRESS_REMOVED", "release"]
    assert machine.statistics.advertisements_sent == 1


def test_failures_before_the_stop_do_not_count() -> None:
    """A backup whose release has failed for minutes still tries three times when it is stopped."""
    machine = Machine.listening(PLAIN)
    machine.record.failing = {"release"}
    machine.add_address(after=SECOND)
    machine.feed(Peer().advertises())
    machine.run_for(2 * SECOND)
    done = machine.stop() + machine.run_for(10 * SECOND)
    assert done.count("release failed") == 3
    assert done[-1] == "stopped"


def test_address_that_appears_while_leaving_is_removed_first() -> None:
    """`Stopped` means that nothing is held, also what others have put there."""
    machine = Machine.master(BOTH)
    machine.stop()
    assert machine.add_address(after=1) == ["notice: ADDRESS_REMOVED"]
    assert machine.end_hook() + machine.run_for(0) == []
    assert machine.run_for(SECOND) == ["release", "goodbye", "stopped"]


def test_address_that_appears_afterwards_is_removed() -> None:
    """As long as events are fed, a stopped host lets no address appear; `Stopped` is told once."""
    machine = Machine.master()
    machine.stop()
    assert machine.add_address(after=SECOND) == ["notice: ADDRESS_REMOVED", "release"]
    assert machine.run_for(SECOND) == []


def test_oversleeping_master_does_not_say_goodbye() -> None:
    """A stop that reaches a host after a long sleep: somebody else is master, to whom a goodbye would be harm."""
    machine = Machine.master()
    machine.now += 3 * SECOND
    done = machine.stop()
    assert done == [
        "MASTER -> BACKUP: slept past the dead time",
        "release",
        "BACKUP -> INIT: stopped by the operator",
        "stopped",
    ]


def test_stopped_host_is_deaf() -> None:
    """After `Stopped` nothing that is heard brings it back."""
    machine = Machine.master()
    machine.stop()
    assert machine.feed(Peer(advskew=9).advertises()) == []
    assert (machine.state, machine.node.deadline) == (State.INIT, None)
