"""What runs a node: the order of the daemon's sources, and its timer."""

from ipaddress import IPv4Address

from carpsim.clock import HostClock
from carpsim.engine import Engine
from carpsim.loop import HostTimer, source_of
from triocarp.core import (
    DemotionRequested,
    DropReason,
    EffectFailed,
    Event,
    Link,
    LinkChanged,
    PacketReceived,
    PacketUnreadable,
    PortFailure,
    ReleaseAddresses,
    StopRequested,
    WallClockChanged,
)

PACKET = PacketReceived(
    interface="eth0", source=IPv4Address("10.0.0.9"), destination=IPv4Address("224.0.0.18"), ttl=255, payload=b""
)


def test_sources_are_read_in_the_order_of_the_daemon() -> None:
    """Clocks, packets, changes of the network, failed renewals; what comes from no source stands behind them."""
    failed = EffectFailed(
        effect=ReleaseAddresses(interface="eth0", vhid=7, addresses=()), failure=PortFailure.OTHER, detail=""
    )
    ordered: list[Event] = [
        WallClockChanged(offset=0),
        PACKET,
        PacketUnreadable(interface="eth0", reason=DropReason.SHORT_HEADER),
        LinkChanged(interface="eth0", link=Link.ABSENT),
        failed,
        StopRequested(),
        DemotionRequested(amount=1),
    ]
    assert [source_of(event) for event in ordered] == [0, 1, 1, 2, 3, 4, 4]


def test_a_timer_that_is_moved_while_it_is_late_does_not_ring() -> None:
    """It waits for its new deadline, and is late again."""
    engine = Engine()
    rung: list[int] = []
    timer = HostTimer(engine, HostClock(), lambda: rung.append(engine.now), lambda: 5)
    timer.set(10)
    engine.run_until(12)
    timer.set(20)
    engine.run_until(30)
    assert rung == [25]


def test_a_timer_that_is_set_to_the_past_rings_as_late_as_ever() -> None:
    """Once, however often it is set."""
    engine = Engine()
    rung: list[int] = []
    timer = HostTimer(engine, HostClock(), lambda: rung.append(engine.now), lambda: 5)
    engine.run_until(100)
    timer.set(10)
    engine.run_until(102)
    timer.set(11)
    engine.run_until(200)
    assert rung == [105]


def test_a_paused_timer_rings_when_it_goes_on() -> None:
    """Also when it was late already."""
    engine = Engine()
    rung: list[int] = []
    timer = HostTimer(engine, HostClock(), lambda: rung.append(engine.now), lambda: 5)
    timer.set(10)
    engine.run_until(12)
    timer.pause()
    engine.run_until(40)
    timer.resume()
    engine.run_until(60)
    assert rung == [45]
