"""What each check means for hosts with ucarp: it judges them with their own bound, or says why it does not."""

# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false
# ruff: noqa: ARG005 - what stands in for a method has its signature

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface

import pytest

from carpsim.checks import CHECKS, Verdict, violated
from carpsim.distribution import Constant
from carpsim.faults import AddressTaken, Crash, Fault, LinkLoss, Partition, Pause, Stop, SwitchOver
from carpsim.host import Script
from carpsim.library import load_scenario
from carpsim.outcome import run_scenario
from carpsim.scenario import ClientSettings, HostSettings, Scenario, UcarpSettings
from carpsim.ucarp_host import UcarpHost, UcarpOptions
from triocarp.core import UCARP, Hook, NodeConfig, State, VirtualHostConfig
from triocarp.core.timing import SECOND

from .small_worlds import QUICK, VIRTUAL_ADDRESS, verdicts_of

SPLIT = Partition(at=8 * SECOND, parts=(("a",), ("b", "client")), duration=8 * SECOND)
Broken = Callable[[pytest.MonkeyPatch], None]


def mixed(*faults: Fault, better: str = "a", scripts: dict[Hook, Script] | None = None) -> Scenario:
    """Return a scenario with a carpd a and a ucarp b."""
    config = VirtualHostConfig(
        interface="eth0",
        vhid=1,
        password=b"secret",
        addresses=(VIRTUAL_ADDRESS,),
        source=IPv4Address("10.0.0.1"),
        preempt=True,
        advskew=0 if better == "a" else 40,
        dialect=UCARP,
    )
    options = UcarpOptions(
        vhid=1,
        password=b"secret",
        address=IPv4Interface(VIRTUAL_ADDRESS).ip,
        source=IPv4Address("10.0.0.2"),
        prefix_length=24,
        advskew=20,
        preempt=True,
        shutdown=True,
    )
    return Scenario(
        duration=60 * SECOND,
        hosts=(
            HostSettings(name="a", config=NodeConfig(virtual_hosts=(config,))),
            UcarpSettings(name="b", options=options, scripts=scripts or {}),
        ),
        clients=(
            ClientSettings(
                name="client",
                address=IPv4Address("10.0.0.200"),
                target=IPv4Address("10.0.0.100"),
                neighbours=QUICK,
            ),
        ),
        faults=faults,
    )


@pytest.mark.parametrize("better", ["a", "b"])
@pytest.mark.parametrize(
    "fault",
    [
        SPLIT,
        Crash(at=8 * SECOND, host="b", restart_after=8 * SECOND),
        Crash(at=8 * SECOND, host="b"),
        Crash(at=8 * SECOND, host="b", power=True, restart_after=8 * SECOND),
        Stop(at=8 * SECOND, host="b", restart_after=8 * SECOND),
        Pause(at=8 * SECOND, host="b", duration=8 * SECOND),
        Pause(at=8 * SECOND, host="b", duration=8 * SECOND, kernel=True),
        LinkLoss(at=8 * SECOND, host="b", duration=SECOND),
        SwitchOver(at=8 * SECOND, host="b"),
        AddressTaken(at=8 * SECOND, host="b", address=VIRTUAL_ADDRESS),
        Stop(at=8 * SECOND, host="a", restart_after=8 * SECOND),
        Crash(at=8 * SECOND, host="a", restart_after=8 * SECOND),
    ],
    ids=lambda fault: f"{type(fault).__name__}-{fault.host if hasattr(fault, 'host') else ''}",
)
def test_sound_hosts_pass(better: str, fault: Fault) -> None:
    """A ucarp as it is, slow and without a lease, violates nothing beside a carpd."""
    assert violated(verdicts_of(mixed(fault, better=better)).values()) == ()


@pytest.mark.parametrize("hook", Hook)
def test_slow_scripts_are_part_of_the_bound(hook: Hook) -> None:
    """A ucarp stands still while its script runs."""
    scripts = {hook: Script(duration=Constant(SECOND // 2))}
    verdicts = verdicts_of(mixed(SPLIT, better="b", scripts=scripts))
    assert violated(verdicts.values()) == ()
    assert "ucarp's slowness" in verdicts["one-master"].formula


def deaf(patch: pytest.MonkeyPatch) -> None:
    """It hears nobody."""
    patch.setattr(UcarpHost, "_read", lambda self, packet: None)


def advertises_as_backup(patch: pytest.MonkeyPatch) -> None:
    """It goes on advertising."""
    become_backup = UcarpHost._become_backup

    def changed(self: UcarpHost) -> object:
        yield from become_backup(self)
        self._advertise(self._wall)

    patch.setattr(UcarpHost, "_become_backup", changed)


def keeps_its_address(patch: pytest.MonkeyPatch) -> None:
    """Its down script does nothing."""
    finish = UcarpHost._finish_script

    def changed(self: UcarpHost, boot: int, hook: Hook) -> None:
        if hook is Hook.UP:
            finish(self, boot, hook)

    patch.setattr(UcarpHost, "_finish_script", changed)


def never_announces(patch: pytest.MonkeyPatch) -> None:
    """It sends no gratuitous ARP."""
    patch.setattr(UcarpHost, "_announce", lambda self: None)


def never_waits(patch: pytest.MonkeyPatch) -> None:
    """It becomes master with each look at its timers."""

    def changed(self: UcarpHost) -> object:
        if self.state is State.BACKUP:
            yield from self._become_master()

    patch.setattr(UcarpHost, "_look_at_timers", changed)


def never_times_out(patch: pytest.MonkeyPatch) -> None:
    """It waits for a dead master for ever."""
    patch.setattr(UcarpHost, "_start_dead_timer", lambda self: None)


def does_not_preempt(patch: pytest.MonkeyPatch) -> None:
    """It takes every master for a better one."""
    read = UcarpHost._read

    def changed(self: UcarpHost, packet: object) -> object:
        heard = read(self, packet)  # type: ignore[arg-type]  # whatever it was given
        if heard is not None and self.state is State.BACKUP:
            self._start_dead_timer()
            return None
        return heard

    patch.setattr(UcarpHost, "_read", changed)


DEAD_MASTER = Crash(at=8 * SECOND, host="a", power=True)
BETTER_RETURNS = Crash(at=8 * SECOND, host="b", power=True, restart_after=8 * SECOND)
CASES: tuple[tuple[str, Broken, Scenario], ...] = (
    ("one-holder", deaf, mixed(SPLIT)),
    ("silent-outside-master", advertises_as_backup, mixed(SPLIT)),
    ("no-orphan", keeps_its_address, mixed(SPLIT)),
    ("announces-in-time", never_announces, mixed(DEAD_MASTER)),
    ("no-flapping", never_waits, mixed()),
    ("one-master", never_times_out, mixed(DEAD_MASTER)),
    ("preferred-master", does_not_preempt, mixed(BETTER_RETURNS, better="b")),
    ("clients-served", never_times_out, mixed(DEAD_MASTER)),
)


@pytest.mark.parametrize(("check", "broken", "what"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_check_catches_a_broken_ucarp(
    check: str, broken: Broken, what: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model as it is passes all checks, with something to judge; the broken one violates the check."""
    sound = verdicts_of(what)
    assert violated(sound.values()) == ()
    assert sound[check].judged
    broken(monkeypatch)
    assert not verdicts_of(what)[check].held


def test_every_check_judges_a_ucarp_or_says_why_not() -> None:
    """Those that judge have a case above; the others name their reason."""
    judging = {name for name, check in CHECKS.items() if check.ON_UCARP.judges}
    assert {check for check, _, _ in CASES} == judging
    assert set(CHECKS) - judging == {"release-before-goodbye", "lease-honoured"}
    assert all(check.ON_UCARP.sentence for check in CHECKS.values())


def test_a_verdict_says_what_it_means_for_ucarp_where_there_is_one() -> None:
    """Elsewhere it has nothing to say."""
    with_ucarp = run_scenario(load_scenario("mixed-ucarp-and-carpd")).verdicts
    assert {verdict.check: str(verdict.on_ucarp) for verdict in with_ucarp}["lease-honoured"] == (
        "not applicable: its address has no lease"
    )
    without: tuple[Verdict, ...] = run_scenario(load_scenario("master-killed")).verdicts
    assert all(verdict.on_ucarp is None for verdict in without)
