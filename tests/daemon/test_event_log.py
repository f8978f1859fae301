"""What carpd tells people: ucarp's words where people grep for them, in order, and never too many."""

import random
import re
import time
from dataclasses import replace
from datetime import datetime
from ipaddress import IPv4Address

import pytest
import trio
import trio.testing

from triocarp.core import (
    Advertisement,
    Authenticator,
    Cause,
    DropReason,
    Notice,
    Noticed,
    PacketDropped,
    PacketReceived,
    Report,
    Started,
    State,
    StateChanged,
    Stopped,
    covered_addresses,
)
from triocarp.core.timing import SECOND
from triocarp.daemon.event_log import EventLog, Level
from triocarp.daemon.rate_limit import INTERVAL

PEER = IPv4Address("10.0.0.9")
OTHERS = [DropReason.FOREIGN, DropReason.OWN, DropReason.BAD_VHID, DropReason.BAD_INTERFACE]
QUIET = [*OTHERS, DropReason.UNPROVEN]
LOUD = [reason for reason in DropReason if reason not in QUIET]
REASSERTING = "Non-preferred master advertising: reasserting control of VIP with another gratuitous arp"
CLOCK = r"\d\d:\d\d:\d\d"
FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}: \[(DEBUG|INFO|WARNING|ERROR)\] .+")


class Book:
    """A log whose lines are kept, with a clock that the test moves.

    Args:
        debug: as for the log.

    Attributes:
        lines: without their time.
        now: nanoseconds.
        log: the log.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self.lines: list[str] = []
        self.size = 0
        self.now = 0
        self.log = EventLog(self._take, clock=lambda: self.now, debug=debug)

    def _take(self, line: str) -> None:
        assert FORM.fullmatch(line)
        self.size += len(line) + 1
        self.lines.append(line.partition(": ")[2])

    def tell(self, *reports: Report) -> list[str]:
        """Report, and return the lines that come of it."""
        begin = len(self.lines)
        for report in reports:
            self.log.report(report)
        self.log.flush()
        return self.lines[begin:]


def told_of(later: str, first: str) -> str:
    """Return of how many a line tells that were held back since the first one, without when that was."""
    found = re.fullmatch(rf"{re.escape(first)} \((.+) like it (at {CLOCK}|from {CLOCK} to {CLOCK})\)", later)
    assert found
    return found[1]


def change(new: State, cause: Cause, **more: object) -> StateChanged:
    """Return a change of state."""
    old = State.MASTER if new is State.BACKUP else State.BACKUP
    return StateChanged(interface="eth0", vhid=7, old=old, new=new, cause=cause, **more)  # type: ignore[arg-type]


def drop(reason: DropReason) -> PacketDropped:
    """Return a dropped packet."""
    return PacketDropped(interface="eth0", reason=reason, source=PEER, vhid=7)


def notice(kind: Notice = Notice.WORSE_MASTER, vhid: int = 7) -> Noticed:
    """Return a notice."""
    return Noticed(interface="eth0", vhid=vhid, notice=kind, peer=PEER)


def test_changes_of_state_have_ucarp_s_words_and_level_and_a_reason() -> None:
    """``Switching to state: MASTER`` is what people's alerts look for."""
    lines = Book().tell(
        change(State.BACKUP, Cause.LINK_UP),
        change(State.MASTER, Cause.MASTER_TIMED_OUT, silence=3 * SECOND, peer=PEER),
        change(State.BACKUP, Cause.BETTER_ADVERTISEMENT, peer=PEER),
        change(State.INIT, Cause.STOPPED),
        Stopped(),
    )
    assert lines == [
        "[WARNING] Switching to state: BACKUP - the link is up; listening for a master",
        "[WARNING] Switching to state: MASTER - no valid advertisement for 3.000 s from 10.0.0.9",
        "[WARNING] Switching to state: BACKUP - a better master is advertising (10.0.0.9)",
        "[WARNING] Preferred master advertised: going back to BACKUP state (10.0.0.9)",
        "[WARNING] Switching to state: INIT - told to stop",
        "[INFO] stopped: every virtual host has left",
    ]


def test_every_change_of_state_is_told_however_many_there_are() -> None:
    """They are never rate limited: each is a moment in which somebody was not served."""
    lines = Book().tell(*[change(State.MASTER, Cause.MASTER_TIMED_OUT) for _ in range(50)])
    assert len(lines) == 50


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            change(State.BACKUP, Cause.TIE_LOST, peer=PEER),
            "Preferred master advertised: going back to BACKUP state",
        ),
        (change(State.MASTER, Cause.PREEMPTING, peer=PEER), "Putting MASTER down - preemption"),
        (change(State.MASTER, Cause.MASTER_WILL_TIME_OUT, peer=PEER), "Putting MASTER DOWN (going to time out)"),
        (notice(Notice.WORSE_MASTER), REASSERTING),
        (notice(Notice.SEND_FAILED), "write() has failed: "),
        (replace(drop(DropReason.BAD_TTL), ttl=64), "Bad TTL: [64]"),
        (drop(DropReason.BAD_VERSION), "Bad version"),
        (drop(DropReason.BAD_CHECKSUM), "Bad IP checksum"),
        (drop(DropReason.BAD_AUTHENTICATION), "Bad digest - Check vhid, password and virtual IP address"),
        (drop(DropReason.BAD_ADDRESSES), "Bad digest - Check vhid, password and virtual IP address"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_begins_with_ucarp_s_words_where_it_has_some(report: Report, said: str) -> None:
    """What looks for them in a log goes on finding them; what we have to say stands behind."""
    *_, line = Book().tell(report)
    assert line.startswith(f"[WARNING] {said}")
    assert "10.0.0.9" in line.removeprefix(f"[WARNING] {said}")


@pytest.mark.parametrize("reason", LOUD)
def test_a_dropped_packet_is_told_once_in_an_interval(reason: DropReason) -> None:
    """The next line says how many more there were; another reason has its own line."""
    book = Book()
    (first,) = book.tell(*[drop(reason)] * 10)
    assert re.match(r"\[WARNING\] (Bad .* - )?dropped a packet from 10\.0\.0\.9 for VHID 7: ", first)
    book.now = INTERVAL - 1
    assert book.tell(drop(reason)) == []
    book.now = INTERVAL
    (later,) = book.tell(drop(reason))
    assert told_of(later, first) == "10 more"


def test_nothing_comes_behind_the_last_line() -> None:
    """What was held back is told before the end is."""
    book = Book()
    book.tell(*[drop(DropReason.BAD_AUTHENTICATION)] * 3)
    *held, last = book.tell(Stopped())
    assert len(held) == 1
    assert "(2 like it" in held[0]
    assert last == "[INFO] stopped: every virtual host has left"


def test_each_change_of_demotion_is_told_at_once() -> None:
    """The last line about it is what the host counts for now."""
    book = Book()
    worse = Noticed(interface="eth0", vhid=7, notice=Notice.DEMOTED, detail="demoted by 240")
    better = Noticed(interface="eth0", vhid=7, notice=Notice.RECOVERED, detail="not demoted")
    lines = book.tell(*[worse, better] * 3)
    assert len(lines) == 6
    assert "better" in lines[-1]


def test_packets_that_were_dropped_together_count_each() -> None:
    """A report of many says how many, and stands for as many when it is held back."""
    book = Book()
    many = PacketDropped(interface="eth0", reason=DropReason.BAD_AUTHENTICATION, vhid=7, count=64)
    (first,) = book.tell(many)
    assert "dropped 64 packets for VHID 7" in first
    book.tell(many, many)
    book.now = INTERVAL
    (later,) = book.tell(many)
    assert told_of(later, first) == "128 more"


@pytest.mark.parametrize("reason", QUIET)
def test_other_groups_packets_are_told_with_debug_only(reason: DropReason) -> None:
    """Other groups, and VRRP routers, are as good as we are; and nobody is believed just after a start."""
    assert Book().tell(drop(reason)) == []
    (line,) = Book(debug=True).tell(drop(reason))
    assert line.startswith("[DEBUG] dropped a packet from 10.0.0.9")


def test_notices_are_limited_for_each_kind_and_virtual_host() -> None:
    """One that is often said does not hide another."""
    lines = Book().tell(notice(), notice(), notice(vhid=8), notice(Notice.SEND_FAILED), notice())
    assert lines == [
        f"[WARNING] {REASSERTING} - {Notice.WORSE_MASTER.value} (10.0.0.9)",
        f"[WARNING] {REASSERTING} - {Notice.WORSE_MASTER.value} (10.0.0.9)",
        "[WARNING] write() has failed: a frame could not be sent (10.0.0.9)",
    ]


def test_every_failed_script_is_told() -> None:
    """Each has a line when it begins, and so it has one when it fails."""
    lines = Book().tell(notice(Notice.HOOK_FAILED), notice(Notice.HOOK_FAILED))
    assert lines == ["[WARNING] a script failed (10.0.0.9)"] * 2


def test_a_flood_of_forged_packets_writes_little() -> None:
    """50 000 drops of random kinds in ten seconds: under 10 KiB, debug or not."""
    choice = random.Random(1)  # noqa: S311 - the same each time
    reports = [
        PacketDropped(
            interface="eth0",
            reason=choice.choice(list(DropReason)),
            source=IPv4Address(choice.getrandbits(32)),
            vhid=choice.randrange(256),
        )
        for _ in range(500)
    ]
    for debug in (False, True):
        book = Book(debug=debug)
        for batch in range(100):
            book.now = batch * SECOND // 10
            book.tell(*reports)
        assert 0 < book.size < 10 * 1024


def test_a_change_of_state_is_not_lost_in_a_flood() -> None:
    """A driver that was frozen may report a thousand dropped packets before the log has its turn."""
    book = Book()
    lines = book.tell(change(State.MASTER, Cause.MASTER_TIMED_OUT), *[drop(DropReason.BAD_VHID)] * 2048)
    assert len(lines) == 1


def test_a_line_of_our_own_stands_behind_what_was_reported_before() -> None:
    """The order of the lines is the order of what happened, though reports are written later."""
    book = Book()
    book.log.report(change(State.MASTER, Cause.PREEMPTING))
    book.log.line(Level.WARNING, "Spawning [/etc/up eth0 10.0.0.100]")
    book.log.report(Stopped())
    book.log.flush()
    assert [line.split()[1] for line in book.lines] == ["Switching", "Putting", "Spawning", "stopped:"]


def test_debug_lines_are_written_with_debug_only() -> None:
    """All other levels always."""
    expected = {False: ["INFO", "WARNING", "ERROR"], True: ["DEBUG", "INFO", "WARNING", "ERROR"]}
    for debug, levels in expected.items():
        book = Book(debug=debug)
        for level in Level:
            book.log.line(level, "text")
        assert book.lines == [f"[{level}] text" for level in levels]


def test_the_task_writes_what_is_reported() -> None:
    """As soon as nobody else has anything to do, and again and again."""
    book = Book()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(book.log.serve)
            for number in (1, 2, 3):
                book.log.report(Stopped())
                await trio.testing.wait_all_tasks_blocked()
                assert len(book.lines) == number
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_the_trace_tells_what_is_in_a_packet_and_no_secret() -> None:
    """An advertisement with its fields, another event as it is, and what cannot be read with the reason."""
    password = b"Geh3imnis"
    digest = Authenticator(password, 7, covered_addresses((IPv4Address("10.0.0.100"),))).digest(0x2A)
    payload = Advertisement(vhid=7, advskew=9, advbase_s=1, counter=0x2A, digest=digest).build()
    book = Book(debug=True)
    for data in (payload, payload[:20]):
        received = PacketReceived(
            interface="eth0", source=PEER, destination=IPv4Address("224.0.0.18"), ttl=255, payload=data
        )
        book.log.trace(received)
    book.log.trace(Started())
    assert book.lines == [
        "[DEBUG] advertisement from 10.0.0.9 on eth0: vhid 7, advbase 1, advskew 9, counter 0x000000000000002a",
        "[DEBUG] packet from 10.0.0.9: badlen",
        "[DEBUG] Started()",
    ]


def test_what_was_held_back_is_told_when_no_more_of_it_comes() -> None:
    """The last of a kind and the number of those held back are written after a quiet interval, and then once."""
    book = Book()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(book.log.serve)
            for _ in range(4):
                book.log.report(notice())
            await trio.sleep(INTERVAL / SECOND / 2)
            assert len(book.lines) == 1
            await trio.sleep(INTERVAL / SECOND)
            assert len(book.lines) == 2
            await trio.sleep(10 * INTERVAL / SECOND)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    first, later = book.lines
    assert told_of(later, first) == "3"


def test_other_reports_do_not_put_off_what_was_held_back() -> None:
    """Packets of other groups come every second, without a line: the last word of a kind is told all the same."""
    book = Book()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(book.log.serve)
            book.log.report(notice())
            book.log.report(notice())
            for _ in range(2 * INTERVAL // SECOND):
                await trio.sleep(1)
                book.log.report(PacketDropped(interface="eth0", reason=DropReason.BAD_VHID))
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    first, later = book.lines
    assert told_of(later, first) == "1"


def test_what_was_held_back_is_told_at_the_end() -> None:
    """A daemon that ends does not take a number with it."""
    book = Book()
    (first,) = book.tell(notice())
    assert book.tell(notice(), notice()) == []

    book.log.finish()

    _, later = book.lines
    assert told_of(later, first) == "2"


@pytest.mark.parametrize("last", [change(State.INIT, Cause.STOPPED), Stopped()])
def test_what_was_held_back_is_told_before_the_host_leaves(last: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the line that says so it would read as if a leaving host had done that."""
    lines: list[str] = []
    log = EventLog(lines.append, clock=lambda: 0, debug=False)
    noon = datetime(2026, 5, 4, 12, 0, 0).timestamp()  # noqa: DTZ001 - lines are in local time
    for number, report in enumerate((notice(), notice(), last)):
        monkeypatch.setattr(time, "time", lambda number=number: noon + number)
        log.report(report)
    monkeypatch.setattr(time, "time", lambda: noon + 5)
    log.flush()
    assert [line.partition(".")[0].partition("T")[2] for line in lines] == ["12:00:00", "12:00:02", "12:00:02"]
    assert told_of(lines[1].partition(": ")[2], lines[0].partition(": ")[2]) == "1"


@pytest.mark.parametrize(
    ("senders", "who"),
    [
        ([PEER], ""),
        ([None], " of another sender"),
        ([PEER, PEER + 1], " of 2 senders"),
        ([PEER + number for number in range(1, 300)], " of 100 senders or more"),
    ],
)
def test_what_was_held_back_says_of_how_many_senders_it_is(senders: list[IPv4Address | None], who: str) -> None:
    """A line names one sender; what another one sent is not put down to it."""
    book = Book()
    dropped = drop(DropReason.BAD_CHECKSUM)
    book.tell(dropped, *(replace(dropped, source=sender) for sender in senders))
    book.now = INTERVAL
    (line,) = book.tell(dropped)
    assert f"from {PEER} for VHID 7: bad checksum ({len(senders)} more like it{who} " in line


def test_what_was_held_back_says_of_when_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that comes later, or for something new, would else date all of them to itself."""
    book = Book()
    noon = datetime(2026, 5, 4, 12, 0, 0).timestamp()  # noqa: DTZ001 - lines are in local time
    for number, second in enumerate((0, 1, 4, 9)):
        monkeypatch.setattr(time, "time", lambda second=second: noon + second)
        assert len(book.tell(notice())) == (number == 0)
    book.now = INTERVAL
    assert book.tell(notice())[0].endswith(" (3 more like it from 12:00:01 to 12:00:09)")
    book.tell(notice())
    book.log.finish()
    assert book.lines[-1].endswith(" (1 like it at 12:00:09)")
