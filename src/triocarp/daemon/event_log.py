"""What carpd tells people: one line for each thing that happened, in ucarp's form.

``YYYY-MM-DDTHH:MM:SS.uuuuuu: [LEVEL] text`` in local time. ucarp's words are kept where people grep for them, and
the explanation stands behind them.
"""

import enum
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, assert_never, final

import trio

from triocarp.core import (
    Cause,
    CloseCall,
    DropReason,
    Event,
    Notice,
    Noticed,
    OneWaySuspected,
    PacketDropped,
    PacketReceived,
    Report,
    StateChanged,
    Stopped,
    TwoMasters,
    explain,
)
from triocarp.core.advertisement import MalformedAdvertisementError, parse
from triocarp.core.timing import SECOND
from triocarp.daemon.rate_limit import INTERVAL, RateLimit

_QUIET: Final = frozenset(
    {
        DropReason.FOREIGN,
        DropReason.OWN,
        DropReason.BAD_VHID,
        DropReason.BAD_INTERFACE,
        DropReason.UNPROVEN,
    }
)
"""Other groups, and VRRP routers, are as good as we are, and a host that begins to listen believes nobody yet:
such packets are counted and not worth a line."""

_UCARP_S_REASONS: Final = {
    Cause.BETTER_ADVERTISEMENT: "Preferred master advertised: going back to BACKUP state",
    Cause.TIE_LOST: "Preferred master advertised: going back to BACKUP state",
    Cause.PREEMPTING: "Putting MASTER down - preemption",
    Cause.MASTER_WILL_TIME_OUT: "Putting MASTER DOWN (going to time out)",
}
"""What ucarp says of a change of state, in a line behind that of the change."""

_UCARP_S_NOTICES: Final = {
    Notice.WORSE_MASTER: (
        "Non-preferred master advertising: reasserting control of VIP with another gratuitous arp - "
    ),
    Notice.SEND_FAILED: "write() has failed: ",
}
"""What ucarp says of a notice; ours stands behind it."""

_UCARP_S_DROPS: Final = {
    DropReason.BAD_TTL: "Bad TTL: [{ttl}] - ",
    DropReason.BAD_VERSION: "Bad version - ",
    DropReason.BAD_CHECKSUM: "Bad IP checksum - ",
    DropReason.BAD_AUTHENTICATION: "Bad digest - Check vhid, password and virtual IP address - ",
    DropReason.BAD_ADDRESSES: "Bad digest - Check vhid, password and virtual IP address - ",
}
"""What ucarp says of a dropped packet; ours stands behind it. Of many packets the TTLs may differ."""

_WAITING_MAX: Final = 4096
"""More than a driver that catches up after a freeze reports before the log has its turn."""


_SENDERS_MAX: Final = 100
"""How many senders of packets that were dropped are told apart in one line."""


@enum.unique
class Level(enum.Enum):
    """How important a line is."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@final
@dataclass(slots=True)
class _HeldBack:
    """Lines of one kind that the rate limit holds back.

    Attributes:
        level: of the line.
        report: the last of them.
        first: when the first of them was reported, in seconds since the epoch.
        last: when the last of them was.
        count: how many there are.
        senders: whose packets they are about, up to `_SENDERS_MAX`: whoever forges source addresses shall not
            fill the memory.
        tell_at: when to tell of them at the latest, in seconds of trio's clock; infinite until that is decided.
    """

    level: Level
    report: Report
    first: float
    last: float
    count: int = 0
    senders: set[object] = field(default_factory=set[object])
    tell_at: float = math.inf

    def add(self, instant: float, report: Report, count: int) -> None:
        """Take one more, or many at once."""
        self.report, self.last, self.count = report, instant, self.count + count
        if isinstance(report, PacketDropped) and len(self.senders) < _SENDERS_MAX:
            self.senders.add(report.source)

    def span_beside(self, shown: Report) -> str:
        """Return of whom they are, if not all are the shown one's sender's, and when they were reported.

        Whoever reads of them later shall not take them for new ones.
        """
        begin, end = (_local(instant).strftime("%H:%M:%S") for instant in (self.first, self.last))
        when = f"at {begin}" if begin == end else f"from {begin} to {end}"
        if not isinstance(shown, PacketDropped) or self.senders <= {shown.source}:
            return when
        number = len(self.senders)
        who = f"{number} senders" if number > 1 else "another sender"
        return f"of {who}{' or more' if number == _SENDERS_MAX else ''} {when}"


@final
class EventLog:
    """The real `ReportPort`.

    Taking note costs a microsecond; the words are found and written later, in a task, so that they never stand
    between a takeover's effects.

    Args:
        write: takes a line, without waiting.
        clock: nanoseconds that never go back, for the rate limits.
        debug: let lines of level DEBUG through, and whatever is otherwise quiet.
        several: name the virtual host in each line, because there is more than one.
    """

    def __init__(
        self, write: Callable[[str], None], *, clock: Callable[[], int], debug: bool, several: bool = False
    ) -> None:
        self._write = write
        self._clock = clock
        self._debug = debug
        self._several = several
        self._limit = RateLimit()
        self._waiting: deque[tuple[float, Report]] = deque(maxlen=_WAITING_MAX)
        self._woken = trio.Event()
        self._held_back: dict[tuple[object, int | None], _HeldBack] = {}

    def report(self, report: Report) -> None:
        """Take note; see `triocarp.core.ports.ReportPort`.

        Args:
            report: what happened.
        """
        self._waiting.append((time.time(), report))
        self._woken.set()

    def line(self, level: Level, text: str) -> None:
        """Write a line of our own.

        Args:
            level: how important.
            text: what.
        """
        if level is not Level.DEBUG or self._debug:
            self.flush()  # what was reported before stands before
            self._compose(time.time(), level, text)

    def trace(self, event: Event) -> None:
        """Write an event of level DEBUG; nothing secret is in one.

        Args:
            event: what is about to be fed.
        """
        if not isinstance(event, PacketReceived):
            self.line(Level.DEBUG, repr(event))
            return
        try:
            heard = parse(event.payload)
        except MalformedAdvertisementError as error:
            self.line(Level.DEBUG, f"packet from {event.source}: {error}")
        else:
            self.line(
                Level.DEBUG,
                f"advertisement from {event.source} on {event.interface}: vhid {heard.vhid}, "
                f"advbase {heard.advbase_s}, advskew {heard.advskew}, counter {heard.counter:#018x}",
            )

    async def serve(self) -> None:
        """Write what was taken note of, until cancelled."""
        while True:
            with trio.move_on_at(min((held.tell_at for held in self._held_back.values()), default=math.inf)):
                await self._woken.wait()
                self._woken = trio.Event()
                self.flush()
                # Other reports may come all the time, quiet ones too: they must not put this off.
                for held in self._held_back.values():
                    held.tell_at = min(held.tell_at, trio.current_time() + INTERVAL / SECOND)
                continue
            now = trio.current_time()
            silent = [kind for kind, held in self._held_back.items() if held.tell_at <= now]
            self._tell_held_back(time.time(), silent)

    def finish(self) -> None:
        """Write what was taken note of, and what the rate limit held back."""
        self.flush()
        self._tell_held_back(time.time(), list(self._held_back))

    def flush(self) -> None:
        """Write what was taken note of."""
        while self._waiting:
            instant, report = self._waiting.popleft()
            self._tell(instant, report)

    def _tell(self, instant: float, report: Report) -> None:
        match report:
            case StateChanged():
                if report.cause is Cause.STOPPED:
                    self._tell_held_back(instant, list(self._held_back))  # else it reads as if it came in leaving
                text = f"Switching to state: {report.new.value} - {explain(report)}"
                self._compose(instant, Level.WARNING, self._whose(report) + text)
                if report.cause in _UCARP_S_REASONS:
                    text = f"{_UCARP_S_REASONS[report.cause]} ({report.peer})"
                    self._compose(instant, Level.WARNING, self._whose(report) + text)
            case PacketDropped():
                quiet = report.reason in _QUIET
                if not quiet or self._debug:
                    kind = (report.reason, None)  # a flood may claim any VHID
                    level = Level.DEBUG if quiet else Level.WARNING
                    self._repeated(instant, level, kind, report, report.count)
            case Noticed(notice=Notice.HOOK_FAILED | Notice.DEMOTED | Notice.RECOVERED):
                # Each script has a line when it begins, and so it may have one when it fails. And whoever reads
                # what a host counts for wants to know what it is now: told late it would be another's opposite.
                self._compose(instant, Level.WARNING, self._whose(report) + explain(report))
            case Noticed():
                self._repeated(instant, Level.WARNING, (report.notice, report.vhid), report)
            case TwoMasters() | OneWaySuspected() | CloseCall():
                # The core reports each of them once.
                self._compose(instant, Level.WARNING, self._whose(report) + explain(report))
            case Stopped():
                self._tell_held_back(instant, list(self._held_back))  # nothing comes behind the last line
                self._compose(instant, Level.INFO, f"stopped: {explain(report)}")
            case _:
                assert_never(report)

    def _repeated(
        self, instant: float, level: Level, kind: tuple[object, int | None], report: Report, count: int = 1
    ) -> None:
        if self._limit.admit(kind, self._clock(), count) is None:
            held = self._held_back.setdefault(kind, _HeldBack(level, report, instant, instant))
            held.add(instant, report, count)
        else:
            before = self._held_back.pop(kind, None)
            more = f" ({before.count} more like it {before.span_beside(report)})" if before else ""
            self._compose(instant, level, self._whose(report) + _words(report) + more)

    def _tell_held_back(self, instant: float, kinds: Iterable[tuple[object, int | None]]) -> None:
        """Write the last of each of these kinds, when no more of them come."""
        for kind in kinds:
            held = self._held_back.pop(kind)
            self._limit.admit(kind, self._clock())
            many = f"({held.count} like it {held.span_beside(held.report)})"
            self._compose(instant, held.level, f"{self._whose(held.report)}{_words(held.report)} {many}")

    def _whose(self, report: Report) -> str:
        """Return the virtual host that a line is about, in FreeBSD's notation, where there is more than one."""
        if not self._several or isinstance(report, Stopped) or report.vhid is None:
            return ""
        return f"{report.vhid}@{report.interface}: "

    def _compose(self, instant: float, level: Level, text: str) -> None:
        self._write(f"{_local(instant).isoformat(timespec='microseconds')}: [{level.value}] {text}")


def _words(report: Report) -> str:
    """Return what is told of a report: ucarp's words, where it has some, and ours."""
    said = ""
    if isinstance(report, Noticed):
        said = _UCARP_S_NOTICES.get(report.notice, "")
    elif isinstance(report, PacketDropped):
        said = _UCARP_S_DROPS.get(report.reason, "").format(ttl=report.ttl)
    return said + explain(report)


def _local(instant: float) -> datetime:
    return datetime.fromtimestamp(instant, tz=UTC).astimezone().replace(tzinfo=None)
