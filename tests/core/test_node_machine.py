"""Whatever happens, in whatever order: the promises of `promises` hold."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from .node_machine import OneVirtualHost, ThreeVirtualHosts, TwoVirtualHosts


def test_one_virtual_host_keeps_every_promise() -> None:
    """A machine with one virtual host does nothing that it must not do, whatever happens to it."""
    run_state_machine_as_test(OneVirtualHost, settings=settings(max_examples=150, stateful_step_count=50))


def test_two_virtual_hosts_keep_every_promise() -> None:
    """Nor does one with two virtual hosts on two interfaces, and both leave in the end."""
    run_state_machine_as_test(TwoVirtualHosts, settings=settings(max_examples=75, stateful_step_count=50))


def test_three_virtual_hosts_keep_every_promise() -> None:
    """Nor does one with three, two of them on one interface, that may fail over together."""
    run_state_machine_as_test(ThreeVirtualHosts, settings=settings(max_examples=75, stateful_step_count=50))
