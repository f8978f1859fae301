"""What the driver does with effects: their order, ports that fail, hooks that take their time."""

import math

import pytest
import trio

from carpsim import virtual_time
from carpsim.engine import Engine
from carpsim.virtual_time import DrivenHost, VirtualHooks
from triocarp.core import Event, Hook, HookOutcome, Link
from triocarp.core.timing import SECOND

from .journal import VIP, Journal, advertisement, config, has_address, host


def run_for(seconds: float, driven: DrivenHost, engine: Engine) -> None:
    """Run a host for a while, and have it leave."""

    async def main() -> None:
        with trio.move_on_after(seconds):
            await driven.run()

    virtual_time.run(engine, main)


def test_effects_are_carried_out_in_order() -> None:
    """Start: release what a predecessor left. Takeover: advertise, hold, announce. Then advertise and renew."""
    journal = Journal()
    run_for(4.5, host(config(), journal), journal.engine)
    until_cancelled = [entry for instant, entry in journal.entries if instant < 4.5 * SECOND]
    takeover = ["MASTER", "advertise", "hold", "announce"]
    assert ["release", "BACKUP", *takeover, "advertise", "renew"] == until_cancelled


def test_each_event_is_traced_before_it_is_fed() -> None:
    """In the order in which the node learns of it, with what follows behind it."""
    journal = Journal()

    def trace(event: Event) -> None:
        journal.entries.append((journal.engine.now, type(event).__name__))

    run_for(3.5, host(config(), journal, trace=trace), journal.engine)
    beginning = ["Started", "release", "LinkChanged", "BACKUP"]
    takeover = ["TimerExpired", "MASTER", "advertise", "hold", "announce"]
    ending = ["StopRequested", "INIT", "release", "goodbye", "TimerExpired", "stopped"]
    assert [*beginning, *takeover, *ending] == journal.deeds()


@pytest.mark.parametrize("request_that_fails", ["advertise", "announce"])
def test_a_frame_that_cannot_be_sent_is_reported_and_the_next_one_is_sent(request_that_fails: str) -> None:
    """A port that fails ends nothing: the host stays master and goes on in its rhythm."""
    journal = Journal()
    driven = host(config(), journal)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            journal.refuse(request_that_fails)
            await trio.sleep(3.5)
            journal.failing.clear()
            await trio.sleep(2)
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    assert journal.when(f"{request_that_fails} fails") == [3 * SECOND]
    assert journal.when("notice: SEND_FAILED") == [3 * SECOND]
    assert 5 * SECOND in journal.when(request_that_fails)
    assert journal.when("MASTER") == [3 * SECOND]


def test_a_host_that_cannot_hold_its_address_steps_down_and_tries_again() -> None:
    """The failure becomes an event of its own: nothing is announced, the back-off of a second comes first."""
    journal = Journal()
    driven = host(config(), journal)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            journal.refuse("hold")
            await trio.sleep(3.5)
            journal.failing.clear()
            await trio.sleep(4)
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    failed = ["MASTER", "advertise", "hold fails", "BACKUP", "release", "goodbye", "notice: HOLDING_BACK"]
    assert failed == [entry for instant, entry in journal.entries if instant == 3 * SECOND]
    assert journal.when("MASTER") == [3 * SECOND, 6 * SECOND]


def test_a_slow_up_hook_delays_no_advertisement() -> None:
    """The hook takes 5 s: advertisements go on each second, and the announcement waits for its end."""
    journal = Journal()
    run_for(10.5, host(config(up=True), journal, hooks=VirtualHooks({Hook.UP: 5})), journal.engine)
    assert [number * SECOND for number in range(3, 11)] == journal.when("advertise")
    assert journal.when("run up") == [3 * SECOND]
    assert journal.when("announce")[0] == 8 * SECOND


def test_a_hook_that_fails_is_reported_and_stops_nothing() -> None:
    """The end of a hook, however it ends, is fed to the node: it announces all the same, as ucarp does."""
    journal = Journal()
    hooks = VirtualHooks({Hook.UP: 1}, {Hook.UP: HookOutcome.FAILED})
    run_for(4.5, host(config(up=True), journal, hooks=hooks), journal.engine)
    assert journal.when("notice: HOOK_FAILED") == [4 * SECOND]
    assert journal.when("announce") == [4 * SECOND]


def test_hooks_run_one_after_the_other_and_only_the_last_wish_counts() -> None:
    """Master, backup and master again while the up hook runs: it runs once, and no down hook in between."""
    journal = Journal()
    driven = host(config(up=True, down=True), journal, hooks=VirtualHooks({Hook.UP: 60}))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            await trio.sleep(4)
            driven.packets.put(advertisement(advbase_s=0, advskew=1))
            await trio.sleep(60)
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    assert journal.when("MASTER") == [3 * SECOND, 7 * SECOND]
    assert journal.when("run up") == [3 * SECOND]
    assert journal.when("announce")[0] == 63 * SECOND
    assert journal.when("run down") == [0, 64 * SECOND]


def test_a_hook_that_never_ends_stops_no_advertisement() -> None:
    """Even so the host stays master; nothing is announced, because ucarp's contract is hook first."""
    journal = Journal()
    hooks = VirtualHooks({Hook.UP: math.inf})
    run_for(30.5, host(config(up=True), journal, hooks=hooks, leaving_limit_s=1), journal.engine)
    assert [number * SECOND for number in range(3, 31)] == journal.when("advertise")
    assert journal.when("announce") == []


def test_what_others_do_to_the_interface_reaches_the_node() -> None:
    """Link down: the address is released without a goodbye. Link up: the host listens for a dead time again."""
    journal = Journal()
    driven = host(config(), journal)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            await trio.sleep(3.5)
            driven.network.set_link("eth0", Link.DOWN)
            await trio.sleep(1)
            driven.network.set_link("eth0", Link.UP)
            await trio.sleep(3.5)
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    lost = [entry for instant, entry in journal.entries if instant == round(3.5 * SECOND)]
    assert lost == ["INIT", "release"]
    assert [3 * SECOND, round(7.5 * SECOND)] == journal.when("MASTER")


def test_an_address_that_somebody_takes_away_is_put_back() -> None:
    """The change comes from the same sources as a packet, and is dealt with at the same instant."""
    journal = Journal()
    driven = host(config(), journal)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(driven.run)
            await trio.sleep(3.5)
            driven.network.take_address("eth0", VIP)
            await trio.sleep(0.1)
            assert has_address(driven)
            nursery.cancel_scope.cancel()

    virtual_time.run(journal.engine, main)
    restored = [entry for instant, entry in journal.entries if instant == round(3.5 * SECOND)]
    assert restored == ["notice: ADDRESS_RESTORED", "hold", "announce"]
