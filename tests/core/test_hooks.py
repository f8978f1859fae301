"""An operator's scripts: they hold up announcements and goodbyes, never the protocol."""

from dataclasses import replace

import pytest

from triocarp.core import Hook, HookFinished, HookOutcome, Link, Noticed, Started, VirtualHostConfig
from triocarp.core.timing import SECOND

from .hosts import PLAIN, Machine, Peer

BOTH = replace(PLAIN, up_hook=True, down_hook=True)
ONLY_UP = replace(PLAIN, up_hook=True)
ONLY_DOWN = replace(PLAIN, down_hook=True)
TIMED_OUT = "BACKUP -> MASTER: master timed out"
YIELDS = "MASTER -> BACKUP: more frequent advertisement received"
BETTER = Peer(advbase_s=0, advskew=9)


def fail_to_hold(machine: Machine) -> list[str]:
    """Let a master lose its address for good."""
    machine.record.failing = {"hold"}
    done = machine.remove_address()
    machine.record.failing = set()
    return done


def test_slow_up_script_delays_only_the_announcement() -> None:
    """Advertisements keep their schedule while the script runs; its end brings the announcement (9.4 row 18)."""
    machine = Machine.listening(ONLY_UP)
    regular = ["advertise", "hold"]
    assert machine.run_until(3 * SECOND) == [TIMED_OUT, *regular, "run up"]
    assert machine.run_until(8 * SECOND) == regular * 5
    assert machine.end_hook() == ["announce"]
    assert machine.run_until(11 * SECOND) == [*regular, *regular, "announce", *regular]


def test_nothing_is_announced_while_the_up_script_runs() -> None:
    """Neither a worse master, nor a vanished address, nor a new MAC makes the host announce too early."""
    machine = Machine.listening(ONLY_UP)
    machine.run_until(3 * SECOND)
    assert machine.feed(Peer(advskew=9).advertises()) == ["notice: WORSE_MASTER"]
    assert machine.remove_address() == ["notice: ADDRESS_RESTORED", "hold"]
    assert machine.link(Link.UP, b"\x02" * 6) == []


def test_announcement_waits_for_the_up_script_each_time() -> None:
    """What was announced as an earlier master does not count: the second time the script is waited for too."""
    machine = Machine.master(BOTH)
    machine.feed(BETTER.advertises())
    machine.end_hooks()
    machine.run_for(3 * SECOND)
    assert machine.running() == [Hook.UP]
    assert "announce" not in machine.run_for(5 * SECOND)
    assert machine.end_hook() == ["announce"]


def test_down_script_runs_at_the_start() -> None:
    """Ucarp's contract: the down script brings the host into a known condition."""
    assert Machine(BOTH).feed(Started()) == ["release", "run down"]


def test_neutral_host_runs_no_script_at_the_start() -> None:
    """With ``-n`` the first script is the up script, and the down script runs on leaving."""
    machine = Machine(replace(BOTH, neutral=True))
    assert machine.feed(Started()) == []
    machine.link(Link.UP)
    assert machine.run_until(3 * SECOND)[-1] == "run up"
    machine.end_hook()
    assert machine.feed(BETTER.advertises()) == [YIELDS, "release", "run down"]


def test_takeover_waits_for_the_down_script() -> None:
    """One script at a time: a takeover during the first down script runs the up script after it."""
    machine = Machine(BOTH)
    machine.feed(Started())
    machine.link(Link.UP)
    assert machine.run_until(3 * SECOND) == [TIMED_OUT, "advertise", "hold"]
    assert machine.end_hook() == ["run up"]
    assert machine.end_hook() == ["announce"]


def test_announcement_waits_for_a_down_script_though_there_is_no_up_script() -> None:
    """A down script that still runs may be about to take the address away."""
    machine = Machine(ONLY_DOWN)
    machine.feed(Started())
    machine.link(Link.UP)
    assert machine.run_until(3 * SECOND) == [TIMED_OUT, "advertise", "hold"]
    assert machine.end_hook() == ["announce"]


def test_down_script_comes_before_the_last_advertisement() -> None:
    """What the loser has to say waits until its script has ended: only then nothing of it answers."""
    machine = Machine.master(BOTH)
    assert machine.feed(BETTER.advertises()) == [YIELDS, "release", "run down"]
    assert machine.end_hook(after=SECOND // 2) == ["advertise"]


def test_down_script_comes_before_the_goodbye() -> None:
    """The address is released, the script runs, and then comes the goodbye."""
    machine = Machine.master(BOTH)
    done = fail_to_hold(machine)
    assert done[-3:] == ["release", "run down", "notice: HOLDING_BACK"]
    assert machine.end_hook(after=SECOND // 2) == ["goodbye"]


def test_goodbye_waits_for_script_and_release() -> None:
    """Both must have ended: the script, and a release that had to be repeated."""
    machine = Machine.master(BOTH)
    machine.record.failing = {"hold", "release"}
    machine.remove_address()
    machine.record.failing = set()
    assert machine.end_hook(after=SECOND // 2) == []
    assert machine.run_for(SECOND // 2) == ["release", "goodbye"]


def test_late_goodbye_is_not_said_to_another_master() -> None:
    """When somebody else is master by the time that the script ends, a goodbye would unseat that one."""
    machine = Machine.master(BOTH)
    fail_to_hold(machine)
    machine.feed(Peer(advskew=9).advertises(), after=SECOND)
    assert machine.end_hook() == []


def test_late_last_advertisement_is_said_only_to_a_better_master() -> None:
    """It shall make the winner announce; a worse master, who came after the winner, it would make yield."""
    machine = Machine.master(BOTH)
    machine.feed(BETTER.advertises())
    machine.feed(BETTER.advertises())
    machine.feed(Peer(advskew=9).advertises())
    assert machine.end_hook() == []


def test_coming_back_forgets_what_was_to_be_said() -> None:
    """A host that is master again says neither goodbye nor last advertisement when its script ends."""
    machine = Machine.master(BOTH)
    machine.feed(BETTER.advertises())
    assert machine.run_for(3 * SECOND) == [TIMED_OUT, "advertise", "hold"]
    assert machine.end_hook() == ["run up"]
    assert machine.end_hook() == ["announce"]


def test_up_down_up_while_the_up_script_runs_is_one_run() -> None:
    """What counts is the last wish: a script that is running and is wished for again is not run twice."""
    machine = Machine.listening(BOTH)
    machine.run_until(3 * SECOND)
    assert machine.running() == [Hook.UP]
    assert machine.feed(BETTER.advertises()) == [YIELDS, "release"]
    assert machine.run_for(3 * SECOND) == [TIMED_OUT, "advertise", "hold"]
    assert machine.end_hook() == ["announce"]
    assert machine.running() == []


def test_down_follows_an_up_script_that_has_become_pointless() -> None:
    """A running up script ends first; then the down script runs, and then the last advertisement is sent."""
    machine = Machine.listening(BOTH)
    machine.run_until(3 * SECOND)
    assert machine.feed(BETTER.advertises()) == [YIELDS, "release"]
    assert machine.end_hook() == ["run down"]
    assert machine.end_hook() == ["advertise"]


@pytest.mark.parametrize("outcome", [HookOutcome.FAILED, HookOutcome.TIMED_OUT, HookOutcome.NOT_STARTED])
def test_failed_script_is_reported_and_the_protocol_goes_on(outcome: HookOutcome) -> None:
    """A script's failure is told and changes nothing, as with ucarp."""
    machine = Machine.listening(ONLY_UP)
    machine.run_until(3 * SECOND)
    assert machine.end_hook(outcome) == ["notice: HOOK_FAILED", "announce"]
    assert isinstance(machine.record.reports[-1], Noticed)
    assert machine.record.reports[-1].detail == "up hook: exit status 0"


def test_script_that_cannot_be_started_counts_as_ended() -> None:
    """A port that fails to start a script holds up neither the announcement nor the next script."""
    machine = Machine.listening(BOTH)
    machine.record.failing = {"run"}
    done = machine.run_until(3 * SECOND)
    assert done == [TIMED_OUT, "advertise", "hold", "run up failed", "notice: HOOK_FAILED", "announce"]
    done = machine.feed(BETTER.advertises())
    assert done == [YIELDS, "release", "run down failed", "notice: HOOK_FAILED", "advertise"]


@pytest.mark.parametrize("config", [PLAIN, BOTH], ids=["without hooks", "with hooks"])
@pytest.mark.parametrize("hook", Hook)
def test_end_of_a_script_that_does_not_run_changes_nothing(hook: Hook, config: VirtualHostConfig) -> None:
    """A stray or repeated report starts no second script and announces nothing."""
    machine = Machine.master(config)
    stray = HookFinished(interface="eth0", vhid=PLAIN.vhid, hook=hook, outcome=HookOutcome.SUCCEEDED)
    assert machine.feed(stray) == []
    assert machine.running() == []


def test_repeated_end_does_not_end_the_next_script() -> None:
    """The end of the down script, told twice, is not taken for the end of the up script."""
    machine = Machine(BOTH)
    machine.feed(Started())
    machine.link(Link.UP)
    machine.run_until(3 * SECOND)
    machine.end_hook()
    twice = HookFinished(interface="eth0", vhid=PLAIN.vhid, hook=Hook.DOWN, outcome=HookOutcome.SUCCEEDED)
    assert machine.feed(twice) == []
    assert machine.end_hook() == ["announce"]
