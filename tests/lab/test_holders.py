from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from triocarp.lab import Holders, Holding, clock
from triocarp.lab.holders import overlap_ns

if TYPE_CHECKING:
    from tests.lab.conftest import Network

VIP = "10.0.0.100"


@pytest.mark.kernel
def test_holders_come_and_go_with_the_address(network: Network) -> None:
    """Adding and removing are seen with their instants, whatever the prefix length."""
    with Holders([network.one, network.two], VIP) as holders:
        before = clock.now()
        network.one.add_address(f"{VIP}/24", valid_s=100)
        holders.wait_until_holder(network.one)
        assert holders.holders_now() == {"one"}
        network.one.add_address(f"{VIP}/24", valid_s=200)  # a renewal is not news
        network.one.remove_address(f"{VIP}/24")
        network.two.add_address(f"{VIP}/32")
        holders.wait_until_holder(network.two)
        first, second = holders.holdings
    after = clock.now()

    assert (first.host, second.host, second.until) == ("one", "two", None)
    assert first.until is not None
    assert before < first.since < first.until <= second.since < after


@pytest.mark.kernel
def test_what_was_held_before_counts_from_the_start(network: Network) -> None:
    """An address that is there when the watch begins is known, and other addresses don't matter."""
    network.one.add_address(f"{VIP}/24")
    network.two.add_address("10.0.0.101/24")
    with Holders([network.one, network.two], VIP) as holders:
        assert holders.holders_now() == {"one"}


@pytest.mark.kernel
def test_an_address_held_twice_is_held_until_the_last_one_goes(network: Network) -> None:
    """The same address with two prefix lengths is one holding."""
    with Holders([network.one], VIP) as holders:
        network.one.add_address(f"{VIP}/24")
        network.one.add_address(f"{VIP}/32")
        network.one.remove_address(f"{VIP}/24")
        holders.wait_until_holder(network.one)
        network.one.remove_address(f"{VIP}/32")
        holders.wait_until_holder()

        assert len(holders.holdings) == 1


@pytest.mark.kernel
def test_an_interface_that_goes_takes_the_address_along(network: Network) -> None:
    """The address of a removed interface is held no longer."""
    with Holders([network.one], VIP) as holders:
        network.one.add_address(f"{VIP}/24")
        holders.wait_until_holder(network.one)
        network.one.remove_interface()
        holders.wait_until_holder()


@pytest.mark.kernel
def test_the_overlap_is_the_time_with_two_holders(network: Network) -> None:
    """It is as long as the second address was there beside the first, unless a host does not count."""
    with Holders([network.one, network.two], VIP) as holders:
        begin = clock.now()
        network.one.add_address(f"{VIP}/24")
        holders.wait_until_holder(network.one)
        network.two.add_address(f"{VIP}/24")
        both = holders.wait_until_holder(network.one, network.two)
        network.one.remove_address(f"{VIP}/24")
        alone = holders.wait_until_holder(network.two)
        end = clock.now()

        assert begin < both < alone < end
        assert alone - both == holders.overlap_ns(begin, end)
        assert holders.overlap_ns(begin, end, excluding={"one"}) == 0


@pytest.mark.kernel
def test_a_crashed_host_can_be_left_out(network: Network) -> None:
    """A dead host's kernel still has the address, which is no reason to wait."""
    with Holders([network.one, network.two], VIP) as holders:
        network.one.add_address(f"{VIP}/24")
        holders.wait_until_holder(network.one)
        died = network.one.crash()
        assert holders.wait_until_holder(excluding=["one"]) < died
        network.two.add_address(f"{VIP}/24")
        assert holders.wait_until_holder(network.two, excluding=["one"]) > died
        assert holders.holders_now() == {"one", "two"}


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (0, 100, 30),  # 20 to 40, 50 to 60
        (0, 20, 0),
        (25, 30, 5),
        (55, 100, 5),
        (60, 100, 0),
        (40, 50, 0),
    ],
)
def test_overlaps_are_added_up(since: int, until: int, expected: int) -> None:
    """Three holders at once count once, an open end lasts, and what lies outside the span does not count."""
    holdings = [
        Holding(host="one", since=10, until=40),
        Holding(host="two", since=20, until=None),
        Holding(host="three", since=30, until=40),
        Holding(host="three", since=50, until=60),
    ]

    assert expected == overlap_ns(holdings, since, until)
    assert expected == overlap_ns(reversed(holdings), since, until)


@pytest.mark.kernel
def test_waiting_for_a_holder_is_bounded(network: Network) -> None:
    """The error says who holds the address and who should."""
    with Holders([network.one, network.two], VIP) as holders:
        network.one.add_address(f"{VIP}/24")
        holders.wait_until_holder(network.one)
        with pytest.raises(TimeoutError, match=r"held by \['one'\] after 0.01 s, not by \['two'\]"):
            holders.wait_until_holder(network.two, timeout_s=0.01)


@pytest.mark.kernel
def test_lost_notifications_are_made_up_for(network: Network) -> None:
    """When more is told than fits into the socket, the watch asks for the whole truth and ends up right."""
    with Holders([network.one], VIP) as holders:
        notifications = holders._notifications  # pyright: ignore[reportPrivateUsage]
        notifications.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        network.one.add_address(f"{VIP}/32")
        # The watching thread stops here, at its next change, while the socket overflows.
        with holders._changed:  # pyright: ignore[reportPrivateUsage]
            network.one.remove_address(f"{VIP}/32")
            for number in range(2, 40):
                network.one.add_address(f"10.0.2.{number}/32")
            network.one.add_address(f"{VIP}/24")
        holders.wait_until_holder(network.one)
        network.one.remove_address(f"{VIP}/24")
        holders.wait_until_holder()
