from __future__ import annotations

import dataclasses

import pytest

from tests.demo.recorded import ANSWERED, BRAVO_MAC, CRASH, LAST, MEASUREMENT, RECORDS, TAKEN
from triocarp.demo.cast import ALPHA, BRAVO, CHARLIE
from triocarp.demo.measurement import RecordIncomplete
from triocarp.lab.clock import MILLISECOND, SECOND


def test_the_cast_has_the_timers_of_real_life() -> None:
    """Default advertisements of a second; dead time and lease follow from the skew."""
    assert [one.interval for one in (ALPHA, BRAVO, CHARLIE)] == [1_000_000_000, 1_195_312_500, 1_390_625_000]
    assert [one.dead_time for one in (ALPHA, BRAVO, CHARLIE)] == [3_000_000_000, 3_195_312_500, 3_390_625_000]
    assert [one.lease_s for one in (ALPHA, BRAVO, CHARLIE)] == [3, 4, 4]
    assert BRAVO.longest_lease == 5 * SECOND
    assert BRAVO.stagger == MILLISECOND


def test_a_record_finds_what_counts() -> None:
    """The master's last advertisement, and the taker's first frames and answer of the step."""
    taken = RECORDS.first_advertised("bravo")

    assert RECORDS.last_advertised("alpha", before=taken.at).at == LAST
    assert RECORDS.first_announced("bravo").at == TAKEN
    assert RECORDS.first_reply(BRAVO_MAC).at == ANSWERED


def test_what_is_not_recorded_is_named() -> None:
    """What a step needs and did not come is told in words; what came before the step does not count."""
    with pytest.raises(RecordIncomplete, match="no goodbye of alpha"):
        RECORDS.first_advertised("alpha", goodbye=True)
    with pytest.raises(RecordIncomplete, match="no advertisement of alpha"):
        RECORDS.first_advertised("alpha")
    with pytest.raises(RecordIncomplete, match="no advertisement of charlie"):
        RECORDS.last_advertised("charlie", before=TAKEN)
    with pytest.raises(RecordIncomplete, match="no gratuitous ARP of alpha"):
        RECORDS.first_announced("alpha")
    with pytest.raises(RecordIncomplete, match="no answer from 02:00:00:00:00:03"):
        RECORDS.first_reply("02:00:00:00:00:03")


def test_an_outage_is_made_of_lost_probes() -> None:
    """Answers that are late on a busy machine are no outage, and neither is one that is not over."""
    still = dataclasses.replace(RECORDS.outages[0], end_ns=None)

    assert RECORDS.outage() == (ANSWERED - CRASH, 2592)
    assert dataclasses.replace(RECORDS, outages=(still,)).outage() == (0, 0)


def test_a_crashed_host_is_no_second_holder() -> None:
    """Its kernel has the address until the lease ends, but nobody can reach it."""
    assert RECORDS.overlap(excluding={"alpha"}) == 0
    assert RECORDS.overlap() == LAST + 4 * SECOND - (TAKEN - 100_000)


def test_the_overhead_is_what_comes_on_top_of_the_timer() -> None:
    """From the last advertisement to the announcement, less the dead time."""
    assert MEASUREMENT.overhead == 420_000
