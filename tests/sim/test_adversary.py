import itertools
from ipaddress import IPv4Address, IPv6Address

import pytest

from carpsim import adversary
from carpsim.adversary import ArpSpoof, Flood, Forge, Replay
from carpsim.faults import FAULTS, Deafness, Fault
from carpsim.scenario import ClientSettings, Scenario, SegmentSettings
from carpsim.segment import Snooping
from carpsim.world import World
from tests.sim.recorder import VHID, VIP, Recorder, carpd, run, seconds, ucarp
from triocarp.core import OPENBSD, DropReason, Sealing, State
from triocarp.core.timing import SECOND

CLIENT = ClientSettings(name="client", address=IPv4Address("10.0.0.200"), target=VIP.ip)
STRANGER = IPv4Address("10.0.0.66")
INTERVAL = SECOND + 10 * SECOND // 256


def attacked(*faults: Fault, sealing: Sealing = Sealing.OFF, duration: int = 30) -> tuple[World, Recorder]:
    """Attack two carpds and a client, and return the world at its end and what was seen."""
    hosts = carpd("a", 1, advskew=10, sealing=sealing), carpd("b", 2, advskew=50, sealing=sealing)
    return run(Scenario(hosts=hosts, clients=(CLIENT,), faults=faults, duration=duration * SECOND))


def outage(world: World) -> float:
    """Return for how many seconds the client got no answer after the beginning."""
    return sum(
        seconds((outage.end or world.engine.now) - outage.begin)
        for outage in world.clients["client"].outages
        if outage.begin > 5 * SECOND
    )


def rejected(world: World, host: str, reason: DropReason) -> int:
    """Return how many packets a carpd has dropped for a reason."""
    node = world.carpd(host).node
    assert node is not None
    (virtual_host,) = node.virtual_hosts.values()
    return virtual_host.statistics.dropped[reason]


BETTER = Replay(at=10 * SECOND, vhid=VHID, advskew=0, source=STRANGER, duration=8 * SECOND)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_replay_with_a_better_skew_takes_the_address_of_an_unsealed_group(fresh: bool) -> None:
    """The master yields to nobody, the backup listens to nobody: the address is dead as long as it lasts."""
    replay = Replay(at=10 * SECOND, vhid=VHID, advskew=0, source=STRANGER, duration=8 * SECOND, fresh=fresh)
    world, recorder = attacked(replay)

    assert ("a", False) in [(name, present) for _, name, present in recorder.holdings]
    assert outage(world) > 8
    # And then all is well again.
    assert world.clients["client"].outages[-1].end is not None


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("goodbye", [False, True])
def test_a_replay_does_nothing_to_a_sealed_group(fresh: bool, goodbye: bool) -> None:
    """The same against counters that are sealed, and enforced: nobody moves, and no probe is lost."""
    replay = Replay(
        at=10 * SECOND, vhid=VHID, advskew=0, source=STRANGER, goodbye=goodbye, duration=8 * SECOND, fresh=fresh
    )
    world, recorder = attacked(replay, sealing=Sealing.ENFORCE)

    assert [(name, present) for _, name, present in recorder.holdings] == [("a", True)]
    assert outage(world) == 0


def test_a_replayed_goodbye_makes_an_unsealed_backup_master() -> None:
    """Once is enough for both to have the address for a while, until the real master is heard again."""
    replay = Replay(at=10 * SECOND + SECOND // 2, vhid=VHID, goodbye=True, duration=1)
    _, recorder = attacked(replay)

    assert ("b", True) in [(name, present) for _, name, present in recorder.holdings]
    assert recorder.holdings[-1][1:] == ("b", False)


def test_a_replay_as_it_was_keeps_a_backup_waiting() -> None:
    """Nobody but the adversary hears that the master is dead."""
    replay = Replay(at=10 * SECOND, vhid=VHID, duration=15 * SECOND)
    deaf = Deafness(at=10 * SECOND, senders=("a",), receivers=("b", "client"))
    _, recorder = attacked(replay, deaf, duration=24)

    assert not recorder.by("b")
    assert len([said for said in recorder.said if said.by == adversary.NAME]) == 29


def test_a_ucarp_believes_a_replay() -> None:
    """The real one was measured to yield as well."""
    scenario = Scenario(hosts=(ucarp("a", 1, advskew=10),), faults=(BETTER,), duration=20 * SECOND)
    _, recorder = run(scenario)

    assert (State.BACKUP, True) in [(state, at > 10 * SECOND) for at, _, state in recorder.states]


def test_a_forgery_does_nothing() -> None:
    """Without the password nobody is believed, however good they claim to be; but they are counted."""
    world, recorder = attacked(Forge(at=10 * SECOND, vhid=VHID, source=STRANGER, duration=5 * SECOND))
    forged = [said for said in recorder.said if said.by == adversary.NAME]

    assert len(forged) == 5
    assert len({said.advertisement.digest for said in forged}) == 5
    assert rejected(world, "a", DropReason.BAD_AUTHENTICATION) == 5
    assert [(name, present) for _, name, present in recorder.holdings] == [("a", True)]
    assert outage(world) == 0


def test_a_flood_does_nothing() -> None:
    """A thousand in a second, of any VHID: advertisements keep their schedule, and no probe is lost."""
    world, recorder = attacked(Flood(at=10 * SECOND, source=STRANGER, rate=1000, duration=SECOND), duration=15)
    sent = [said for said in recorder.said if said.by == adversary.NAME]

    assert len(sent) == 1000
    assert len({said.advertisement.vhid for said in sent}) > 100
    assert {later.at - earlier.at for earlier, later in itertools.pairwise(recorder.by("a"))} == {INTERVAL}
    assert outage(world) == 0


def test_spoofed_arp_leads_a_client_astray() -> None:
    """It believes the last one who announces the address; when nobody does any more, it finds the master again."""
    world, _ = attacked(ArpSpoof(at=10 * SECOND, address=VIP.ip, duration=5 * SECOND), duration=60)
    (astray,) = (outage for outage in world.clients["client"].outages if outage.begin > 5 * SECOND)

    assert 10 <= seconds(astray.begin) < 10.2
    assert astray.end is not None
    # It believes it for 5 s more, asks the wrong one three times, and then everybody.
    assert 7.9 < seconds(astray.end - astray.begin) < 15


def test_spoofed_neighbour_advertisements() -> None:
    """The same with IPv6 is one frame to all nodes."""
    world, recorder = attacked(ArpSpoof(at=10 * SECOND, address=IPv6Address("fd00::1"), duration=SECOND))

    assert world.adversary("lan").label == "adversary"
    assert recorder.announced[-1][1] == "adversary"


def test_it_hears_behind_a_snooping_switch() -> None:
    """For it has joined the group, as anybody may."""
    scenario = Scenario(
        segments=(SegmentSettings(snooping=Snooping.STRICT),),
        hosts=(carpd("a", 1, dialect=OPENBSD),),
        faults=(BETTER,),
        duration=9 * SECOND,
    )
    world, _ = run(scenario)

    assert list(world.adversary("lan").heard) == [VHID]


def test_attacks_can_be_written_in_scenario_files() -> None:
    """They are faults by name."""
    names = {kind: name for name, kind in FAULTS.items()}

    assert [names[kind] for kind in (Replay, Forge, Flood, ArpSpoof)] == ["replay", "forge", "flood", "arp-spoof"]


def test_what_was_not_heard_cannot_be_replayed() -> None:
    """Nothing is sent before a master has advertised."""
    _, recorder = attacked(Replay(at=0, vhid=VHID, interval=SECOND), duration=8)
    first = recorder.by("a")[0].at
    replayed = [said.at for said in recorder.said if said.by == adversary.NAME]

    assert replayed
    assert min(replayed) > first
