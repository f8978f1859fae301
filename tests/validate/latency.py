"""How long a frame takes on the lab's LAN, and in the simulator: what the simulator's latency is set to."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Final, final

from tests.validate.scene import MILLISECOND
from triocarp.lab import Lan, Probe

_PROBES_S: Final = 1
_INTERVAL: Final = 2 * MILLISECOND


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """From a question of the client to its answer, in microseconds.

    Attributes:
        median: of some hundred.
        most: of 99 in 100.
    """

    median: float
    most: float


def measure() -> RoundTrip:
    """Measure it on a LAN on which nothing else happens."""
    with Lan() as lan:
        host, client = lan.add_host("host", "10.0.0.1/24"), lan.add_host("client", "10.0.0.9/24")
        with Probe(client, str(host.ip.ip), interval_ns=_INTERVAL) as probe:
            time.sleep(_PROBES_S)
        sent = dict(enumerate(probe.sent))
        took = sorted((reply.at - sent[reply.sequence]) / 1000 for reply in probe.replies)
    return RoundTrip(median=statistics.median(took), most=took[len(took) * 99 // 100])
