"""Each check holds for the sound core, and catches a core that is broken in the way that it is about."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from carpsim.adversary import Replay
from carpsim.checks import CHECKS, Bound, Checks, Verdict, violated
from carpsim.conditions import Conditions, IndependentLoss
from carpsim.distribution import Constant
from carpsim.faults import (
    AddressPut,
    CableConditions,
    Crash,
    Deafness,
    Demotion,
    Fault,
    Illness,
    LinkLoss,
    Maintenance,
    Partition,
    Pause,
    Stop,
    SwitchOver,
)
from carpsim.host import Script
from carpsim.neighbour_cache import LINUX
from carpsim.scenario import HostSettings, Scenario
from carpsim.trace import Digest, Trace
from carpsim.world import World
from triocarp.core import FREEBSD, NETBSD, OPENBSD, UCARP, Dialect, Hook, NodeConfig, Transport
from triocarp.core.timing import SECOND

from . import mutants
from .small_worlds import PLAIN, VIRTUAL_ADDRESS, scenario, verdicts_of

MILLISECOND = SECOND // 1000
PEERS = tuple(IPv4Address(f"10.0.0.{number}") for number in range(1, 4))
SPLIT = Partition(at=8 * SECOND, parts=(("a",), ("b", "client-1")), duration=8 * SECOND + 300 * MILLISECOND)
KILL = Crash(at=8 * SECOND, host="a")
STOP = Stop(at=8 * SECOND, host="a", restart_after=8 * SECOND)
FREEZE = Pause(at=8 * SECOND, host="a", duration=8 * SECOND)


def unicast(host: HostSettings) -> HostSettings:
    """Return a host that speaks to each of its `PEERS`, at an interval that is no whole second."""
    (config,) = host.config.virtual_hosts
    others = tuple(peer for peer in PEERS if peer != config.source)
    config = replace(config, transport=Transport.UNICAST, peers=others, advskew=config.advskew + 79)
    return replace(host, config=NodeConfig(virtual_hosts=(config,)))


CASES: tuple[tuple[str, mutants.Mutant, Scenario], ...] = (
    ("one-holder", mutants.never_yields, scenario(SPLIT)),
    ("one-holder", mutants.yields_late, scenario(SPLIT)),
    ("one-holder", mutants.yields_late, scenario(Stop(at=8 * SECOND, host="a", restart_after=SECOND))),
    ("one-holder", mutants.never_releases, scenario(STOP)),
    ("one-holder", mutants.leases_for_ever, scenario(KILL)),
    ("silent-outside-master", mutants.announces_as_backup, scenario()),
    ("silent-outside-master", mutants.advertises_as_backup, scenario()),
    ("silent-outside-master", mutants.holds_as_backup, scenario()),
    ("release-before-goodbye", mutants.goodbye_before_release, scenario(STOP)),
    ("release-before-goodbye", mutants.never_releases, scenario(SwitchOver(at=8 * SECOND, host="a"))),
    ("release-before-goodbye", mutants.goodbye_before_release, scenario(STOP, change=unicast)),
    ("lease-honoured", mutants.leases_for_ever, scenario(KILL)),
    ("lease-honoured", mutants.kernel_keeps_leases, scenario(KILL)),
    ("lease-honoured", mutants.leases_for_ever, scenario(FREEZE)),
    ("lease-honoured", mutants.never_renews, scenario()),
    ("no-orphan", mutants.never_releases, scenario(SPLIT)),
    ("no-orphan", mutants.never_releases, scenario(STOP)),
    ("announces-in-time", mutants.never_announces, scenario()),
    ("no-flapping", mutants.preempts_its_better, scenario()),
    ("no-flapping", mutants.impatient, scenario(config=replace(PLAIN, preempt=False))),
    ("one-master", mutants.never_times_out, scenario(KILL)),
    ("one-master", mutants.never_yields, scenario(SPLIT)),
    ("preferred-master", mutants.never_preempts, scenario(STOP)),
    ("clients-served", mutants.announces_another_mac, scenario(STOP, neighbours=LINUX)),
    ("clients-served", mutants.never_times_out, scenario(KILL)),
)
"""A check, a mutant that it must catch, and the scenario in which it shows."""


def name_of(value: object) -> str:
    """Return how a parameter is called."""
    return getattr(value, "__name__", None) or (value if isinstance(value, str) else "")


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (
            ("one-master", mutants.never_yields, scenario(SPLIT)),
            "among a, b: a and b are masters, and nothing has",
        ),
        (("one-master", mutants.never_times_out, scenario(KILL)), ": there is no master, and nothing has"),
        (("no-flapping", mutants.preempts_its_better, scenario()), " changes its state for the "),
    ],
)
def test_violation_is_a_sentence(
    case: tuple[str, mutants.Mutant, Scenario], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is meant stands before a colon, so that no two names run together."""
    check, mutant, what = case
    mutant(monkeypatch)
    assert sentence in verdicts_of(what)[check].sentence


@pytest.mark.parametrize(("check", "mutant", "what"), CASES, ids=name_of)
def test_check_catches_its_mutant(
    check: str, mutant: mutants.Mutant, what: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sound core passes all checks, with something to judge; the broken one violates the check."""
    sound = verdicts_of(what)
    assert violated(sound.values()) == ()
    assert sound[check].judged
    mutant(monkeypatch)
    broken = verdicts_of(what)[check]
    assert not broken.held
    assert broken.sentence
    assert broken.formula


def test_every_check_has_a_mutant() -> None:
    """No check is without a proof that it can fail."""
    assert {check for check, _, _ in CASES} == set(CHECKS)


def test_bound_is_a_sum_of_named_terms() -> None:
    """A bound shows its formula with its numbers, and what they make."""
    bound = Bound((("interval", SECOND), ("latency", 50_000)))
    assert bound.value == SECOND + 50_000
    assert str(bound) == "interval 1 s + latency 50 us = 1.00005 s"
    assert str(bound.plus(("lateness", 0))).endswith("lateness 0 = 1.00005 s")


def test_verdict_says_what_where_and_when() -> None:
    """A violation names its check, its instant, what happened, and the bound that did not hold."""
    verdict = Verdict(
        check="one-holder", held=False, judged=1, formula="latency 50 us", at=SECOND, sentence="a and b have it"
    )
    assert str(verdict) == "one-holder: violated at 1.000000000 s: a and b have it (bound: latency 50 us)"
    assert violated([verdict]) == (verdict,)


@pytest.mark.parametrize(
    "fault",
    [
        Deafness(at=8 * SECOND, senders=("a",), receivers=("b",)),
        CableConditions(at=8 * SECOND, outward=Conditions(loss=IndependentLoss(0.5))),
    ],
    ids=["deaf", "lossy"],
)
def test_what_loses_frames_for_good_is_not_judged(fault: Fault) -> None:
    """Two masters that do not hear each other, or lose frames, are nobody's broken promise."""
    assert violated(verdicts_of(scenario(fault, hosts=3)).values()) == ()


def test_what_another_program_puts_there_is_taken_off() -> None:
    """A backup has a second for that, which begins when it can learn of it."""
    put = AddressPut(at=9 * SECOND, host="b", address=VIRTUAL_ADDRESS)
    asleep = Pause(at=8 * SECOND, host="b", duration=3 * SECOND)
    for what in (scenario(put), scenario(put, asleep)):
        assert violated(verdicts_of(what).values()) == ()


@pytest.mark.parametrize("hook", Hook)
def test_scripts_are_part_of_the_bound(hook: Hook) -> None:
    """A slow script delays announcements and goodbyes, and the bound grows by it."""
    slow = Script(duration=Constant(2 * SECOND))
    what = scenario(
        STOP,
        config=replace(PLAIN, up_hook=True, down_hook=True),
        change=lambda host: replace(host, scripts={hook: slow}),
    )
    verdicts = verdicts_of(what)
    assert violated(verdicts.values()) == ()
    assert f"{hook.value} script 2 s" in verdicts["announces-in-time"].formula


@pytest.mark.parametrize("fault", [SPLIT, KILL, STOP, FREEZE, LinkLoss(at=8 * SECOND, host="a", duration=SECOND)])
@pytest.mark.parametrize("dialect", [PLAIN.dialect, FREEBSD], ids=lambda dialect: dialect.name)
def test_sound_core_passes(fault: Fault, dialect: Dialect) -> None:
    """Three hosts and two clients keep all promises through each fault."""
    config = replace(PLAIN, dialect=dialect)
    assert violated(verdicts_of(scenario(fault, hosts=3, clients=2, config=config)).values()) == ()


@pytest.mark.parametrize(
    ("dialect", "told"),
    [
        (UCARP, SwitchOver(at=8 * SECOND, host="a", hold_down=SECOND)),
        (OPENBSD, Maintenance(at=8 * SECOND, host="a", duration=SECOND)),
        (OPENBSD, Illness(at=8 * SECOND, host="a", duration=SECOND)),
    ],
    ids=["switch-over", "maintenance", "illness"],
)
def test_what_a_frozen_daemon_is_told_counts_from_when_it_reads_it(dialect: Dialect, told: Fault) -> None:
    """It wakes up, takes over, reads that it shall not, and comes back: causes, and no flapping."""
    frozen = Pause(at=7 * SECOND, host="a", duration=8 * SECOND)
    config = replace(PLAIN, dialect=dialect)
    assert violated(verdicts_of(scenario(frozen, told, config=config)).values()) == ()


def test_switch_misled_by_a_replay_is_a_disturbance() -> None:
    """It sends elsewhere what is for the host whose frame that was, until that speaks again (seed 20011891)."""
    what = scenario(
        Crash(at=7 * SECOND, host="a", power=True, restart_after=4 * SECOND),
        Replay(at=17 * SECOND, vhid=1, interval=300 * MILLISECOND, duration=SECOND, goodbye=True),
        config=replace(PLAIN, dialect=UCARP),
        change=unicast,
    )
    assert violated(verdicts_of(what).values()) == ()


@pytest.mark.parametrize("duration", range(13_000, 14_000, 250))
def test_unicast_heals_when_the_kernel_has_asked_for_the_mac_again(duration: int) -> None:
    """Frames wait for the next question, up to a second after the end of a partition (seed 30011110)."""
    split = Partition(at=12 * SECOND, parts=(("a", "client-1"), ("b",)), duration=duration * MILLISECOND)
    late = Crash(at=4 * SECOND, host="a", power=True, restart_after=4 * SECOND)
    config = replace(PLAIN, dialect=OPENBSD, preempt=False)
    assert violated(verdicts_of(scenario(late, split, config=config, change=unicast)).values()) == ()


def test_goodbye_may_wait_for_a_peer_that_is_away() -> None:
    """The kernel keeps it until the peer answers an ARP request; the host has the address again by then."""
    slow = Script(duration=Constant(2_200 * MILLISECOND))
    what = scenario(
        LinkLoss(at=14 * SECOND, host="a", duration=12 * SECOND),
        Maintenance(at=23 * SECOND, host="b", duration=SECOND),
        config=replace(PLAIN, dialect=NETBSD, preempt=False, down_hook=True),
        change=lambda host: replace(unicast(host), scripts={Hook.DOWN: slow}),
    )
    assert violated(verdicts_of(what).values()) == ()


def test_client_is_not_judged_by_what_it_hears_later() -> None:
    """A BSD that loses says nothing: until the refresh a client asks the wrong host, and nobody promised more."""
    split = Partition(at=2 * SECOND, parts=(("b", "client-1"), ("a",)), duration=14_500 * MILLISECOND)
    config = replace(PLAIN, dialect=FREEBSD, announce_refresh=10 * SECOND)
    what = scenario(split, config=config, neighbours=LINUX)
    assert violated(verdicts_of(what).values()) == ()


def test_former_masters_last_word_makes_no_second_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two preempting hosts, and the last word of a third: only the better one has the address."""
    slow = {Hook.DOWN: Script(duration=Constant(2 * SECOND))}
    what = scenario(
        Demotion(at=8 * SECOND, host="a", amount=100),
        hosts=3,
        config=replace(PLAIN, dialect=UCARP, down_hook=True),
        change=lambda host: replace(host, scripts=slow),
    )
    assert violated(verdicts_of(what).values()) == ()
    mutants.believes_everybody(monkeypatch)
    assert not verdicts_of(what)["one-holder"].held


def test_checks_change_nothing() -> None:
    """A world that is checked has the same trace as one that is not."""
    what = scenario(SPLIT, hosts=3)
    digests: list[str] = []
    for watchers in ((), (Checks(),)):
        digest = Digest()
        World(what, watchers=(Trace(digest), *watchers)).run()
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1]


def test_unknown_check_is_refused() -> None:
    """A name that is no check's is a mistake."""
    with pytest.raises(KeyError, match="one-hodler"):
        Checks(["one-hodler"])
