"""The same is said about the same peer once a minute, and no more is remembered than must be."""

from ipaddress import IPv4Address

from triocarp.core import Notice
from triocarp.core.notice_limit import REMEMBERED, NoticeLimit
from triocarp.core.timing import SECOND

PEER = IPv4Address("10.0.0.9")
MINUTE = 60 * SECOND


def test_one_notice_a_minute_about_one_peer() -> None:
    """To the nanosecond; another peer, or another notice, is another matter."""
    limit = NoticeLimit()
    assert limit.admits(Notice.STALE, PEER, 0)
    assert not limit.admits(Notice.STALE, PEER, MINUTE - 1)
    assert limit.admits(Notice.ALTERED, PEER, 1)
    assert limit.admits(Notice.STALE, PEER + 1, 1)
    assert limit.admits(Notice.STALE, PEER, MINUTE)
    assert not limit.admits(Notice.ALTERED, PEER, MINUTE)


def test_forged_sources_do_not_fill_the_memory() -> None:
    """So many notices a minute, whoever they are about; the next minute begins anew."""
    limit = NoticeLimit()
    for minute in range(3):
        admitted = [limit.admits(Notice.STALE, PEER + number, minute * MINUTE) for number in range(1000)]
        assert admitted.count(True) == REMEMBERED


def test_what_a_forger_makes_us_say_hides_nothing_else() -> None:
    """Each notice has its own room: with one of them full, another about the same peer, or a new one, passes."""
    limit = NoticeLimit()
    for number in range(2 * REMEMBERED):
        limit.admits(Notice.ALTERED, PEER + number, 0)
    assert limit.admits(Notice.SEND_FAILED, PEER, 0)
    assert limit.admits(Notice.SEND_FAILED, PEER + 5 * REMEMBERED, 0)
    assert not limit.admits(Notice.SEND_FAILED, PEER, 0)
