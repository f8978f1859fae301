"""When the addresses of a master are announced: at the takeover, after it, against others, and never else."""

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface

import pytest

from triocarp.core import CARPD, Hook, State
from triocarp.core.ethernet import gratuitous_arp
from triocarp.core.neighbour_discovery import unsolicited_neighbour_advertisement
from triocarp.core.timing import SECOND

from .hosts import DUAL, MAC, PLAIN, Machine, Peer

ADDRESSES = (
    IPv4Interface("10.0.0.100/24"),
    IPv6Interface("2001:db8::100/64"),
    IPv4Interface("10.0.0.101/24"),
    IPv6Interface("fe80::100/64"),
)
MANY = replace(DUAL, addresses=ADDRESSES, dialect=CARPD)
WORSE = Peer.of(PLAIN, Peer().source, advskew=9)


def announced_after(machine: Machine, advertisements: int) -> list[int]:
    """Return after which of the next advertisements an announcement came; 0 is the takeover's own."""
    done = machine.run_for(advertisements * SECOND)
    number, after = 0, list[int]()
    for deed in done:
        number += deed == "advertise"
        if deed == "announce":
            after.append(number - 1)
    return after


def test_every_address_is_announced_in_the_order_of_the_configuration() -> None:
    """A gratuitous ARP for each IPv4 address, a neighbour advertisement for each IPv6 address."""
    machine = Machine.master(MANY)
    frames = [frame for _, frame in machine.record.frames[2:]]
    expected = [
        gratuitous_arp(MAC, ADDRESSES[0].ip),
        unsolicited_neighbour_advertisement(MAC, ADDRESSES[1].ip, router=False),
        gratuitous_arp(MAC, ADDRESSES[2].ip),
        unsolicited_neighbour_advertisement(MAC, ADDRESSES[3].ip, router=False),
    ]
    assert frames == expected
    assert machine.statistics.announcements_sent == 4


@pytest.mark.parametrize(
    ("announce_after", "expected"),
    [
        pytest.param((2,), [0, 2], id="ucarp and OpenBSD"),
        pytest.param((), [0], id="once, as FreeBSD; the fork with 0"),
        pytest.param((1, 2), [0, 1, 2], id="the fork with 2"),
        pytest.param((1, 2, 3, 4, 5), [0, 1, 2, 3, 4, 5], id="the fork's default"),
    ],
)
def test_announcements_are_repeated_as_configured(announce_after: tuple[int, ...], expected: list[int]) -> None:
    """After as many advertisements as the configuration says, and not once more."""
    machine = Machine.listening(replace(PLAIN, announce_after=announce_after))
    assert announced_after(machine, 20) == expected


def test_all_addresses_are_repeated() -> None:
    """A repetition is of every address."""
    machine = Machine.master(MANY)
    machine.run_for(2 * SECOND)
    assert machine.statistics.announcements_sent == 8


def test_refresh_comes_with_an_advertisement() -> None:
    """A refresh comes with the first advertisement after its time, counted from the announcement before."""
    machine = Machine.listening(replace(PLAIN, announce_after=(2,), announce_refresh=3 * SECOND + 1))
    assert announced_after(machine, 20) == [0, 2, 6, 10, 14]


def test_a_worse_master_is_announced_against_at_most_once_a_second() -> None:
    """A hundred advertisements of a worse master in a second bring one announcement, and its repetition."""
    machine = Machine.master(replace(PLAIN, announce_after=()))
    done = [deed for _ in range(100) for deed in machine.feed(WORSE.advertises(), after=SECOND // 100)]
    assert done.count("announce") == 1
    assert machine.feed(WORSE.advertises(), after=SECOND // 100).count("announce") == 1


def test_defence_begins_the_repetitions_anew() -> None:
    """The fork's five repetitions are counted from the last worse advertisement (4.3)."""
    machine = Machine.master(replace(PLAIN, announce_after=(1, 2)))
    machine.run_for(10 * SECOND)
    machine.feed(WORSE.advertises())
    assert machine.run_for(4 * SECOND).count("announce") == 2


def test_nothing_is_announced_while_leaving() -> None:
    """A backup announces nothing, whatever it was about to: neither a repetition nor a refresh (quirk 5)."""
    machine = Machine.master(replace(PLAIN, announce_after=(1, 2, 3), announce_refresh=1, advskew=9))
    done = machine.feed(Peer().advertises(), after=SECOND // 2)
    for _ in range(5):
        done += machine.feed(Peer().advertises(), after=SECOND)
    assert "announce" not in done
    assert machine.state is State.BACKUP


def test_refresh_waits_for_the_up_script() -> None:
    """As long as the script runs the addresses have not been announced, and so nothing is refreshed."""
    machine = Machine.listening(replace(PLAIN, up_hook=True, announce_refresh=SECOND))
    assert "announce" not in machine.run_for(10 * SECOND)
    assert machine.running() == [Hook.UP]
    assert machine.end_hook() == ["announce"]
    assert machine.run_for(3 * SECOND).count("announce") == 3


def test_refresh_is_counted_from_the_last_announcement() -> None:
    """An address that was put back, and announced with that, is not announced again before its time."""
    machine = Machine.master(replace(PLAIN, announce_after=(), announce_refresh=3 * SECOND))
    machine.run_for(2 * SECOND)
    assert machine.remove_address()[-1] == "announce"
    assert "announce" not in machine.run_for(3 * SECOND - 1)
    assert "announce" in machine.run_for(1)


def test_only_what_vanished_is_announced_again() -> None:
    """One of several addresses is taken away: that one is put back and announced; the others are left alone."""
    machine = Machine.master(MANY)
    begin = len(machine.record.deeds)
    assert machine.remove_address() == ["notice: ADDRESS_RESTORED", "hold", "announce"]
    assert {deed.about for deed in machine.record.deeds[begin + 1 :]} == {(ADDRESSES[0].ip,)}
