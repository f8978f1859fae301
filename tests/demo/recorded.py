"""A crash as it was once recorded: alpha dies 603 ms after its last advertisement, bravo takes over."""

from __future__ import annotations

from triocarp.demo.cast import ALPHA, BRAVO
from triocarp.demo.measurement import Expected, Measurement, Records, Timer
from triocarp.demo.wire import Advertised, Announced
from triocarp.lab import Holding, Outage, Reply
from triocarp.lab.clock import MILLISECOND, SECOND

ALPHA_MAC, BRAVO_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
BEGAN = 100 * SECOND
LAST = BEGAN + 6 * SECOND
CRASH = LAST + 603 * MILLISECOND
TAKEN = LAST + BRAVO.dead_time + 420_000
ANSWERED = TAKEN + 100_000

RECORDS = Records(
    since=CRASH,
    until=TAKEN + 2 * SECOND,
    advertised=(
        Advertised(at=LAST - SECOND, host="alpha", goodbye=False),
        Advertised(at=LAST, host="alpha", goodbye=False),
        Advertised(at=TAKEN - 200_000, host="bravo", goodbye=False),
    ),
    announced=(
        Announced(at=BEGAN + SECOND, host="alpha"),
        Announced(at=TAKEN, host="bravo"),
        Announced(at=TAKEN + SECOND, host="bravo"),
    ),
    replies=(
        Reply(sequence=1, at=CRASH - MILLISECOND, mac=ALPHA_MAC),
        Reply(sequence=2594, at=ANSWERED, mac=BRAVO_MAC),
    ),
    outages=(
        Outage(
            start_ns=CRASH - MILLISECOND,
            end_ns=ANSWERED,
            duration_ns=ANSWERED - CRASH,
            lost=2592,
            before_mac=ALPHA_MAC,
            after_mac=BRAVO_MAC,
        ),
        Outage(
            start_ns=ANSWERED + SECOND,
            end_ns=ANSWERED + SECOND + 4 * MILLISECOND,
            duration_ns=3 * MILLISECOND,
            lost=0,
            before_mac=BRAVO_MAC,
            after_mac=BRAVO_MAC,
        ),
    ),
    holdings=(
        Holding(host="alpha", since=BEGAN + 3 * SECOND, until=LAST + 4 * SECOND),
        Holding(host="bravo", since=TAKEN - 100_000, until=None),
    ),
)

MEASUREMENT = Measurement(
    taker="bravo",
    timer=Timer(
        origin="alpha's last advertisement",
        since=LAST,
        length=BRAVO.dead_time,
        terms=BRAVO.dead_time_terms,
    ),
    expected=Expected(outage=BRAVO.dead_time - (CRASH - LAST), reason="less what had passed"),
    announced_at=TAKEN,
    answered_at=ANSWERED,
    outage=ANSWERED - CRASH,
    lost=2592,
    overlap=0,
    ended_by="gratuitous ARP of bravo",
)

__all__ = ["ALPHA", "BEGAN", "BRAVO", "MEASUREMENT", "RECORDS"]
