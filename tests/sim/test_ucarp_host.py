import itertools
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from carpsim.distribution import Constant
from carpsim.faults import (
    AddressTaken,
    Crash,
    Demotion,
    KernelErrors,
    LinkLoss,
    Partition,
    Pause,
    Stop,
    SwitchOver,
    WallClockStep,
)
from carpsim.host import Script
from carpsim.scenario import ClientSettings, Scenario
from carpsim.trace import Digest, Trace
from carpsim.ucarp_host import MILLISECOND, UcarpHost, UcarpOptions
from carpsim.world import World
from tests.sim.recorder import PASSWORD, VHID, VIP, Recorder, carpd, run, seconds, ucarp
from triocarp.core import Authenticator, Hook, Link, NodeConfig, State, covered_addresses
from triocarp.core.timing import SECOND


def alone(*faults: object, duration: float = 12, **options: object) -> Recorder:
    """Run a ucarp alone, and return what was seen."""
    host = ucarp("a", 1, **options)  # type: ignore[arg-type] # as given
    scenario = Scenario(hosts=(host,), faults=faults, duration=round(duration * SECOND))  # type: ignore[arg-type]
    return run(scenario)[1]


def starts_at(recorder: Recorder) -> float:
    """Return when the first advertisement came, in seconds."""
    return seconds(recorder.by("a")[0].at)


def gaps(recorder: Recorder) -> list[float]:
    """Return the seconds from each advertisement to the next."""
    ats = [said.at for said in recorder.by("a")]
    return [round(seconds(later - earlier), 2) for earlier, later in itertools.pairwise(ats)]


@pytest.mark.parametrize(
    ("advbase_s", "advskew", "dead_ratio", "measured"),
    [(1, 0, 3, 3.04), (1, 100, 3, 4.21), (2, 128, 3, 7.55), (0, 64, 3, 0.29), (1, 254, 3, 6.02), (1, 100, 1, 2.8)],
)
def test_it_starts_when_the_real_one_does(advbase_s: int, advskew: int, dead_ratio: int, measured: float) -> None:
    """The dead time is rounded up to whole intervals: from its start to its first frame as was measured."""
    recorder = alone(advbase_s=advbase_s, advskew=advskew, dead_ratio=dead_ratio)

    assert measured - 0.04 < starts_at(recorder) < measured + 0.03


@pytest.mark.parametrize(("late_ms", "starts"), [(3, 6.03), (5, 4.04)])
def test_it_starts_a_sleep_earlier_when_its_sleeps_are_late(late_ms: float, starts: float) -> None:
    """With advskew 254 two sleeps end 8.2 ms before the dead timer; if they are late, it has expired then."""
    late = Constant(round(late_ms * MILLISECOND))
    host = replace(ucarp("a", 1, advskew=254), wake_up=late)
    _, recorder = run(Scenario(hosts=(host,), duration=8 * SECOND))

    assert starts - 0.04 < starts_at(recorder) < starts + 0.03


def test_what_it_says_is_what_the_real_one_says() -> None:
    """A random counter in each advertisement while it is alone, signed; from its odd MAC; TOS 0x10; TTL 255."""
    recorder = alone()
    first, second, *_ = recorder.by("a")
    authenticator = Authenticator(PASSWORD, VHID, covered_addresses((VIP.ip,)))
    data = first.frame.data

    assert authenticator.verifies(first.advertisement.counter, first.advertisement.digest)
    assert second.advertisement.counter != first.advertisement.counter + 1
    assert data[:14] == bytes.fromhex("01005e000012 00005e000007 0800")
    # Version 4, TOS 0x10, 56 bytes; not to be fragmented, TTL 255, protocol 112.
    assert data[14:18] + data[20:24] == bytes.fromhex("45100038 4000ff70")
    assert data[26:34] == IPv4Address("10.0.0.1").packed + IPv4Address("224.0.0.18").packed


def test_it_announces_before_it_advertises_and_after_the_third() -> None:
    """On takeover the script, the gratuitous ARP, the advertisement; and one ARP more after two intervals."""
    recorder = alone()
    first, second = recorder.announcements("a")
    taken = recorder.holdings[0][0]

    assert taken < first <= recorder.by("a")[0].at
    assert second == recorder.by("a")[2].at


def test_its_fork_announces_after_each_of_the_next() -> None:
    """With ``--garp-timeout=2``: at once, and after the second and the third advertisement."""
    recorder = alone(garp_timeout=2)

    assert recorder.announcements("a") == [said.at for said in recorder.by("a")[:3]]


def test_a_slow_up_script_holds_up_everything() -> None:
    """No frame until it ends; and as the timer counts from before it, two advertisements back to back then."""
    recorder = alone(scripts={Hook.UP: Script(duration=Constant(1_500_000_000))})

    assert 4.5 < starts_at(recorder) < 4.6
    assert gaps(recorder)[:3] == [0.0, 1.0, 1.0]


def test_a_shorter_up_script_shortens_the_first_interval() -> None:
    """Measured: a script of half a second, and then half a second to the next advertisement."""
    recorder = alone(scripts={Hook.UP: Script(duration=Constant(500_000_000))})

    assert gaps(recorder)[:3] == [0.5, 1.0, 1.0]


def test_the_down_script_runs_at_the_start_unless_it_is_neutral() -> None:
    """A slow one delays the dead timer, and takes an address away that was left there."""
    slow = {Hook.DOWN: Script(duration=Constant(1_500_000_000))}

    assert 4.5 < starts_at(alone(scripts=slow)) < 4.6
    assert 3.0 < starts_at(alone(scripts=slow, neutral=True)) < 3.1


def test_a_failing_script_does_not_stop_it() -> None:
    """It does not look at the exit status: it is master, advertises and announces, without the address."""
    recorder = alone(scripts={Hook.UP: Script(failure=1.0)})

    assert not recorder.holdings
    assert recorder.by("a")
    assert recorder.announcements("a")


def test_a_killed_master_is_replaced_late() -> None:
    """The backup reads late and counts in whole intervals: 3 to 4 s after the last advertisement, at any seed."""
    lateness: list[float] = []
    for seed in range(40):
        hosts = ucarp("a", 1), ucarp("b", 2, start=4 * SECOND + seed * SECOND // 40)
        world, recorder = run(Scenario(hosts=hosts, faults=(Crash(at=11 * SECOND, host="a"),)), seed=seed)
        last, first = recorder.by("a")[-1], recorder.by("b")[0]
        lateness.append(seconds(first.at - last.at))
        assert first.advertisement.counter == (last.advertisement.counter + 1) % 2**64
        # The killed one's kernel still has the address: both answer, for ever.
        interfaces = [host.network.interface("eth0") for host in world.hosts.values()]
        assert all(interface is not None and interface.variants_of(VIP.ip) for interface in interfaces)

    assert min(lateness) > 3.0
    assert max(lateness) < 4.1
    assert 3.4 < sum(lateness) / len(lateness) < 3.6


def test_a_stopped_master_says_no_goodbye() -> None:
    """With -z the address goes at once, nothing is said, and the backup waits for its dead time."""
    hosts = ucarp("a", 1), ucarp("b", 2, start=4 * SECOND)
    _, recorder = run(Scenario(hosts=hosts, faults=(Stop(at=round(9.5 * SECOND), host="a"),)))
    (released,) = (at for at, name, present in recorder.holdings if name == "a" and not present)

    assert seconds(released) < 9.52
    assert not any(said.advertisement.is_goodbye for said in recorder.said)
    assert recorder.by("b")[0].at - recorder.by("a")[-1].at > 3 * SECOND
    assert recorder.states[-2][1:] == ("b", State.MASTER) or recorder.states[-1][1:] == ("b", State.MASTER)


def test_without_z_it_leaves_the_address_there() -> None:
    """SIGTERM ends it on the spot."""
    recorder = alone(Stop(at=8 * SECOND, host="a"), shutdown=False)

    assert [present for _, _, present in recorder.holdings] == [True]
    assert recorder.states[-1] == (8 * SECOND, "a", None)


def test_a_preferred_one_preempts_and_both_answer_until_the_other_reads_it() -> None:
    """With -P it takes over at the first advertisement that it reads; the other one has the last word."""
    hosts = ucarp("a", 1, advskew=100), ucarp("b", 2, preempt=True, start=round(8.3 * SECOND))
    _, recorder = run(Scenario(hosts=hosts, duration=20 * SECOND))
    first = recorder.by("b")[0]
    last_word = recorder.by("a")[-1]

    assert seconds(first.at) < 8.3 + 2.6
    assert first.at < last_word.at < first.at + 1.1 * SECOND
    assert not recorder.by("a", since=last_word.at + 1)
    assert recorder.holdings[-1][1:] == ("a", False)


def test_a_better_one_without_preempt_stays_backup() -> None:
    """Nothing changes."""
    hosts = ucarp("a", 1, advskew=100), ucarp("b", 2, start=8 * SECOND)
    _, recorder = run(Scenario(hosts=hosts, duration=30 * SECOND))

    assert not recorder.by("b")


def test_a_goodbye_makes_it_master_when_it_reads_it() -> None:
    """A carpd leaves in order: the ucarp has it within the second of its reading."""
    hosts = carpd("a", 1), ucarp("b", 2, start=4 * SECOND)
    _, recorder = run(
        Scenario(hosts=hosts, faults=(Stop(at=round(9.5 * SECOND), host="a"),), duration=15 * SECOND)
    )
    goodbye = recorder.by("a")[-1]

    assert goodbye.advertisement.is_goodbye
    assert recorder.by("b")[0].at - goodbye.at < 1.1 * SECOND


@pytest.mark.parametrize(("ours", "theirs", "winner"), [(1, 2, "a"), (2, 1, "b")])
def test_ties_go_to_the_lower_last_octet(ours: int, theirs: int, winner: str) -> None:
    """Split and healed: two equal ones agree on who stays, and it announces again."""
    split = Partition(at=0, parts=(("a",), ("b",)), duration=10 * SECOND)
    hosts = ucarp("a", ours), ucarp("b", theirs)
    _, recorder = run(Scenario(hosts=hosts, faults=(split,), duration=20 * SECOND))
    holding = {name: present for _, name, present in recorder.holdings}

    assert holding == {name: name == winner for name in ("a", "b")}
    assert recorder.announcements(winner, since=10 * SECOND)


def test_switch_over() -> None:
    """SIGUSR2, measured: at 5.3 s; it stands still for 3 s and then counts its dead time."""
    recorder = alone(SwitchOver(at=round(5.325 * SECOND), host="a"), duration=15)
    again = [seconds(said.at) for said in recorder.by("a", since=round(5.4 * SECOND))]

    assert 11.32 < again[0] < 11.36
    with pytest.raises(ValueError, match="knows nothing of DemotionRequested"):
        alone(Demotion(at=1, host="a", amount=1))


def test_a_lost_carrier_is_noticed_late_and_long() -> None:
    """Measured: lost at 5.33 s, back at 8.33 s; noticed at 6.07 s, slept until 16.07 s, master at 19.08 s."""
    recorder = alone(LinkLoss(at=round(5.33 * SECOND), host="a", duration=3 * SECOND), duration=22)
    backup = next(at for at, _, state in recorder.states if state is State.BACKUP and at > SECOND)
    master = recorder.states[-1][0]

    assert 6.0 < seconds(backup) < 6.1
    assert 19.0 < seconds(master) < 19.1


def test_signals_end_sleeps_but_not_scripts() -> None:
    """Measured: asked to end in the 3 s after SIGUSR2, it does at once; in a script, after it."""
    switched = SwitchOver(at=5 * SECOND, host="a")
    ended = alone(switched, Stop(at=6 * SECOND, host="a")).states[-1]
    slow = {Hook.UP: Script(duration=Constant(1_500_000_000))}
    in_script = alone(Stop(at=round(3.6 * SECOND), host="a"), scripts=slow)

    assert ended == (6 * SECOND, "a", None)
    assert 4.5 < seconds(in_script.states[-1][0]) < 4.6
    assert [present for _, _, present in in_script.holdings] == [True, False]


def test_without_a_carrier_it_does_not_end() -> None:
    """Measured: SIGTERM has it look again, and as there is no carrier it sleeps again; with it, it ends."""
    lost = LinkLoss(at=4 * SECOND, host="a", duration=20 * SECOND)
    recorder = alone(lost, Stop(at=7 * SECOND, host="a"), duration=40)
    looked = alone(LinkLoss(at=4 * SECOND, host="a", duration=2 * SECOND), SwitchOver(at=6 * SECOND + 1, host="a"))

    assert 24 < seconds(recorder.states[-1][0]) < 34.1
    assert recorder.states[-1][2] is None
    assert 9 < seconds(looked.by("a", since=5 * SECOND)[0].at) < 9.1


def test_an_interface_that_goes_down_ends_it() -> None:
    """At once; with -z without its address, without -z with it."""
    down = LinkLoss(at=8 * SECOND, host="a", link=Link.DOWN)

    assert alone(down).holdings[-1][2] is False
    assert alone(down, shutdown=False).holdings[-1][2] is True
    assert seconds(alone(down).states[-1][0]) < 8.02


def test_its_timers_are_on_the_wall_clock() -> None:
    """A step of an hour makes a backup master at once, though the master is there."""
    hosts = ucarp("a", 1), ucarp("b", 2, start=4 * SECOND)
    step = WallClockStep(at=9 * SECOND, host="b", by=3600 * SECOND)
    _, recorder = run(Scenario(hosts=hosts, faults=(step,), duration=12 * SECOND))

    assert recorder.by("b")
    assert recorder.by("b")[0].at < 10.1 * SECOND


def test_a_master_that_slept_reasserts_itself() -> None:
    """Measured: it announces and advertises as if nothing had been, and the other one yields a second late."""
    hosts = ucarp("a", 1), ucarp("b", 2, advskew=20, start=round(4.1 * SECOND))
    pause = Pause(at=round(7.484 * SECOND), host="a", duration=round(6.2 * SECOND))
    _, recorder = run(Scenario(hosts=hosts, faults=(pause,), duration=20 * SECOND))
    gone_on = round(13.684 * SECOND)

    assert recorder.by("b")
    assert recorder.by("a", since=gone_on)[0].at < gone_on + SECOND // 10
    assert recorder.states[-1][1:] == ("b", State.BACKUP)
    assert gone_on < recorder.states[-1][0] < gone_on + 1.1 * SECOND


def test_a_backup_that_slept_reads_first() -> None:
    """Measured: stopped for longer than its dead time, it does not take over, for frames waited for it."""
    hosts = ucarp("a", 1), ucarp("b", 2, advskew=20, start=round(4.1 * SECOND))
    pause = Pause(at=round(7.484 * SECOND), host="b", duration=round(6.2 * SECOND))
    _, recorder = run(Scenario(hosts=hosts, faults=(pause,), duration=20 * SECOND))

    assert not recorder.by("b")


def test_a_frozen_machine_reads_nothing_and_goes_on() -> None:
    """What was sent meanwhile is lost; its timer is due, and it takes over beside the master for a while."""
    hosts = ucarp("a", 1), ucarp("b", 2, advskew=20, start=round(4.1 * SECOND))
    pause = Pause(at=round(7.484 * SECOND), host="b", duration=round(6.2 * SECOND), kernel=True)
    _, recorder = run(Scenario(hosts=hosts, faults=(pause,), duration=20 * SECOND))

    assert recorder.by("b")
    assert recorder.states[-1][1:] == ("b", State.BACKUP)


def test_it_counts_as_worse_while_it_cannot_send() -> None:
    """After three errors in a row it says 240, and after three successes its own advskew again."""
    recorder = alone(KernelErrors(at=6 * SECOND, host="a", call="send", count=3), advskew=10, duration=20)
    skews = [said.advertisement.advskew for said in recorder.by("a")]

    assert skews.count(240) in {3, 4}
    assert skews[0] == skews[-1] == 10


def test_power_loss_and_return() -> None:
    """The machine loses the address with its power, and starts again as backup."""
    crash = Crash(at=8 * SECOND, host="a", power=True, restart_after=2 * SECOND)
    recorder = alone(crash, duration=20)

    assert [(round(seconds(at)), present) for at, _, present in recorder.holdings] == [
        (3, True),
        (8, False),
        (13, True),
    ]


def test_mixed_with_carpd_there_is_one_master_and_a_client_is_served() -> None:
    """One carpd, two ucarps: the best is master, dies, and the next one serves the client."""
    hosts = ucarp("a", 1), carpd("b", 2, advskew=20), ucarp("c", 3, advskew=100)
    client = ClientSettings(name="client", address=IPv4Address("10.0.0.200"), target=VIP.ip)
    crash = Crash(at=round(10.2 * SECOND), host="a", power=True)
    world, recorder = run(Scenario(hosts=hosts, clients=(client,), faults=(crash,), duration=30 * SECOND))
    last = world.clients["client"].outages[-1]

    assert not recorder.by("c")
    assert recorder.by("b")
    assert last.end is not None
    assert 2.0 < seconds(last.end - last.begin) < 3.3


def test_the_same_seed_gives_the_same_trace() -> None:
    """Twice the same lines, with a ucarp's states among them; another seed, others."""
    hosts = ucarp("a", 1), carpd("b", 2, advskew=20), ucarp("c", 3, advskew=100)
    scenario = Scenario(hosts=hosts, faults=(Crash(at=10 * SECOND, host="a"),), duration=20 * SECOND)

    def trace(seed: int) -> tuple[str, str]:
        digest, lines = Digest(), list[str]()
        World(scenario, seed=seed, watchers=(Trace(digest), Trace(lines.append))).run()
        return digest.hexdigest(), "".join(lines)

    assert trace(1) == trace(1)
    assert trace(1)[0] != trace(2)[0]
    assert '"daemon":"a","was":"BACKUP","state":"MASTER"' in trace(1)[1]


def test_what_only_carpd_can_do() -> None:
    """A ucarp has no configuration of ours to change, and that is said."""
    hosts = (ucarp("a", 1),)
    config = carpd("b", 2).config
    assert isinstance(config, NodeConfig)
    scenario = Scenario(hosts=hosts, faults=(Stop(at=1, host="a", config=config),), duration=2)

    with pytest.raises(ValueError, match="does not run carpd"):
        run(scenario)


def test_it_is_a_machine_like_others() -> None:
    """Faults of the machine, such as an address that somebody takes, are felt: it does not notice."""
    taken = AddressTaken(at=8 * SECOND, host="a", address=VIP)
    world, recorder = run(Scenario(hosts=(ucarp("a", 1),), faults=(taken,), duration=12 * SECOND))
    host = world.hosts["a"]

    assert isinstance(host, UcarpHost)
    assert host.state is State.MASTER
    assert recorder.holdings[-1] == (8 * SECOND, "a", False)
    with pytest.raises(ValueError, match="runs already"):
        host.start()


@pytest.mark.parametrize(
    ("vhid", "password", "advbase_s", "dead_ratio", "message"),
    [
        (0, PASSWORD, 1, 3, "vhid"),
        (1, b"", 1, 3, "password"),
        (1, b"x" * 20, 1, 3, "password"),
        (1, PASSWORD, 0, 3, "advbase"),
        (1, PASSWORD, 1, 0, "dead ratio"),
    ],
)
def test_what_it_refuses(vhid: int, password: bytes, advbase_s: int, dead_ratio: int, message: str) -> None:
    """The settings that the real one refuses, with the value."""
    with pytest.raises(ValueError, match=message):
        UcarpOptions(
            vhid=vhid,
            password=password,
            address=VIP.ip,
            source=IPv4Address("10.0.0.1"),
            advbase_s=advbase_s,
            dead_ratio=dead_ratio,
        )
