"""The gateway of a routing table: told at the start where the kernel will not find it, and used where it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.configured import virtual_host
from tests.kernel.daemons import wait_until
from triocarp.lab import INTERFACE

if TYPE_CHECKING:
    from tests.kernel.configured import ConfiguredStage

pytestmark = [pytest.mark.kernel, pytest.mark.programs("ip")]

FAR = "10.9.0.254"


def test_a_gateway_out_of_reach_is_warned_about_and_used_once_a_route_leads_to_it(stage: ConfiguredStage) -> None:
    """So carpd does not refuse it: what is no network of the interface's may be on the segment all the same."""
    (one,) = stage.hosts("one")
    daemon = stage.ready(one, virtual_host(routing_table=100, gateways=[FAR]))
    assert f"gateways: {FAR} is in no network that table 100 or {INTERFACE} reaches" in daemon.log
    assert f"routed by table 100 through {FAR}" in daemon.log
    daemon.wait_for_log("could not be held: routing what comes from .*: Network is unreachable")
    assert one.run(["ip", "route", "add", FAR, "dev", INTERFACE]).returncode == 0
    daemon.wait_for_log("Switching to state: MASTER", count=2)
    wait_until(
        lambda: (
            f"default via {FAR} dev {INTERFACE}" in str(one.run(["ip", "route", "show", "table", "100"]).stdout)
        ),
        "the route is there",
    )
