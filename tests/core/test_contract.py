"""Who breaks the contract with a node is told how, and the node is as it was."""

import random
from typing import Any

import pytest

from triocarp.core import Link, LinkChanged, Node, NodeConfig, Started, State, StopRequested, TimerExpired
from triocarp.core.reports import Stopped

from .hosts import PLAIN, Machine, Peer


def new() -> Node:
    """Return a node that has been told nothing."""
    return Node(NodeConfig(virtual_hosts=(PLAIN,)), rng=random.Random(1))  # noqa: S311 - of no matter


@pytest.mark.parametrize(
    ("event", "now", "error", "words"),
    [
        (TimerExpired(), 1.5, TypeError, "now 1.5: expected nanoseconds, an int"),
        (TimerExpired(), "0", TypeError, "now '0': expected nanoseconds, an int"),
        (TimerExpired(), True, TypeError, "now True: expected nanoseconds, an int"),
        (TimerExpired(), -1, ValueError, "now -1 is before "),
        ("x", 10**12, TypeError, "'x': expected an event of triocarp.core, such as TimerExpired()"),
        (None, 10**12, TypeError, "None: expected an event of triocarp.core, such as TimerExpired()"),
        (TimerExpired, 10**12, TypeError, "the class TimerExpired: expected an event of triocarp.core"),
        (Started(), 10**12, ValueError, "Started a second time: expected a new Node for a host that starts again"),
        (
            LinkChanged(interface="eth0", link=Link.UP, hardware_address=b"02:00:00:00:00:01"),
            10**12,
            ValueError,
            "hardware_address b'02:00:00:00:00:01': expected the MAC of eth0, 6 bytes",
        ),
    ],
)
def test_what_is_no_event_changes_nothing(event: Any, now: Any, error: type[Exception], words: str) -> None:  # noqa: ANN401 - of wrong types
    """A master stays master, and its deadline what it was."""
    machine = Machine.master()
    deadline = machine.node.deadline
    with pytest.raises(error) as caught:
        machine.node.handle(event, now)
    assert str(caught.value).startswith(words)
    assert (machine.state, machine.node.deadline) == (State.MASTER, deadline)
    assert machine.feed(TimerExpired()) == []


@pytest.mark.parametrize(
    ("event", "error", "words"),
    [
        (TimerExpired(), ValueError, "TimerExpired() before Started: expected Started() first, then the links"),
        (Peer().advertises(), ValueError, " before Started: expected Started() first, then the links"),
        (Started, TypeError, "the class Started: expected an event of triocarp.core"),
    ],
    ids=["timer", "packet", "class"],
)
def test_nothing_comes_before_the_start(event: Any, error: type[Exception], words: str) -> None:  # noqa: ANN401 - of wrong types
    """And a node that was told something too early can start after all."""
    node = new()
    with pytest.raises(error) as caught:
        node.handle(event, 0)
    assert words in str(caught.value)
    assert node.handle(Started(), 0)


def test_who_is_stopped_before_the_start_has_stopped() -> None:
    """An embedder that is cancelled while it still makes its ports ready need not start the node to end it."""
    node = new()
    assert node.handle(StopRequested(), 5) == ()
    assert node.deadline == 5
    assert node.handle(TimerExpired(), 5) == (Stopped(),)
