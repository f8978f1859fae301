"""An update as the manifests ask for it, played with the daemon's own state machine."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from carpsim.outcome import run_scenario
from carpsim.scenario_file import scenario_of
from tests.deploy.manifests import carpd_of, documents_of, workload_of

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGIN_MS = 8_000
PROBE_MS = 5
GOODBYE_MS = 20
"""What a hand-over may cost a client: a probe is lost, a second one meets the announcement."""


def update(order: Sequence[str], *, start_ms: int, pause_ms: int, preempt: bool) -> dict[str, Any]:
    """Return a scenario in which each host's daemon is stopped, and started again, one after the other."""
    period_ms = start_ms + pause_ms
    hosts = enumerate(sorted(order))
    return {
        "name": "rolling-update",
        "duration": f"{BEGIN_MS + period_ms * len(order) + 5_000}ms",
        "group": {"addresses": ["10.0.0.100/24"], "preempt": preempt, "dialect": "ucarp"},
        "host": {name: {"advskew": 50 * place if preempt else 0} for place, name in hosts},
        "client": {"user": {"interval": f"{PROBE_MS}ms"}},
        "fault": [
            {
                "type": "stop",
                "at": f"{BEGIN_MS + turn * period_ms}ms",
                "host": name,
                "restart_after": f"{start_ms}ms",
            }
            for turn, name in enumerate(order)
        ],
        "expect": [
            {"type": "outage", "client": "user", "since": f"{BEGIN_MS - 1000}ms", "under": f"{GOODBYE_MS}ms"},
            {"type": "two-holders", "under": "1ms"},
        ],
    }


@pytest.mark.parametrize("start_ms", [300, 5_000])
@pytest.mark.parametrize("name", ["kustomize examples/daemonset", "kustomize examples/deployment"])
def test_an_update_moves_the_address_by_goodbyes(name: str, start_ms: int) -> None:
    """In whatever order the pods are taken, and however long one takes to start, no client waits for a timeout."""
    documents = documents_of(name)
    pause_ms = 1000 * workload_of(documents)["spec"]["minReadySeconds"]
    names = "ab" if workload_of(documents)["kind"] == "Deployment" else "abc"
    preempt = any(each["name"] == "CARPD_PREEMPT" for each in carpd_of(documents)["env"])
    for order in itertools.permutations(names):
        tree = update(order, start_ms=start_ms, pause_ms=pause_ms, preempt=preempt)
        outcome = run_scenario(scenario_of(tree))
        assert not outcome.shortfalls
        assert outcome.is_as_expected


def test_both_at_once_would_wait_for_a_timeout() -> None:
    """Were both pods taken at once, the clients would wait: what the test above sees is the order's doing."""
    tree = update("ab", start_ms=2_000, pause_ms=-2_000, preempt=False)
    assert run_scenario(scenario_of(tree)).shortfalls
