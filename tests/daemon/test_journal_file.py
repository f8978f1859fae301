"""The journal in a file: whoever records never waits, and what is lost is told in the file itself."""

import errno
import fcntl
import os
import random
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from triocarp.core import (
    Event,
    Link,
    LinkChanged,
    Node,
    NodeConfig,
    Started,
    StopRequested,
    TimerExpired,
    VirtualHostConfig,
)
from triocarp.core.journal import Entry, Gap, Header, JournalError, Line, Torn, encode, read
from triocarp.core.replay import replay
from triocarp.daemon import journal_file
from triocarp.daemon.journal_file import JournalFile

LONG = 10
"""Seconds that only a failing test waits."""
CONFIG = NodeConfig(
    virtual_hosts=(
        VirtualHostConfig(
            interface="eth0",
            vhid=7,
            password=b"secret",
            addresses=(IPv4Interface("10.0.0.100/24"),),
            source=IPv4Address("10.0.0.5"),
        ),
    )
)


def header(first: int) -> Header:
    """Return the header in front of an entry."""
    return Header(triocarp="0", first=first, seed=1, clock="virtual", config=CONFIG)


class Desk:
    """A journal in a directory, and what was told about it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notices: list[str] = []
        self.noticed = threading.Event()

    def notice(self, sentence: str) -> None:
        """Take note."""
        self.notices.append(sentence)
        self.noticed.set()

    def open(
        self, *, retry_s: float = 0, flush_s: float = LONG, header: Callable[[int], Header] = header
    ) -> JournalFile:
        """Begin a journal."""
        return JournalFile(self.path, header, notice=self.notice, settle_s=0, retry_s=retry_s, flush_s=flush_s)

    def lines(self) -> list[Line | Torn]:
        """Return what is in the file."""
        return read_file(self.path)


def read_file(path: Path) -> list[Line | Torn]:
    """Return what is in a file."""
    with path.open(encoding="ascii") as lines:
        return [line for _, line in read(lines)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Give a journal that is yet to be opened."""
    return Desk(tmp_path / "carp.journal")


class Disk:
    """The disk under the journal.

    Attributes:
        full: whether nothing more can be written to it.
    """

    def __init__(self) -> None:
        self.full = False
        self._write = os.write

    def write(self, descriptor: int, data: memoryview) -> int:
        """Be `os.write`."""
        if self.full and threading.current_thread().name == "journal":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(descriptor, data)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Give the disk; `/dev/full` itself can be locked by one test at a time, on the whole machine."""
    disk = Disk()
    monkeypatch.setattr(os, "write", disk.write)
    return disk


def entry(n: int) -> Entry:
    """Return what `record` makes of an event."""
    return Entry(n=n, at=n * 1000, event=TimerExpired(), effects=())


def record(journal: JournalFile, *numbers: int) -> None:
    """Record some events."""
    for n in numbers:
        journal.record(n * 1000, TimerExpired(), ())


def run(journal: JournalFile, before: Callable[[int], None] = lambda _: None) -> int:
    """Record a node from its start to its end, and return how many events that took.

    Args:
        journal: where.
        before: is called with the number of each event before it is recorded.
    """
    node = Node(CONFIG, rng=random.Random(header(1).seed))  # noqa: S311 - the run's own numbers
    up = LinkChanged(interface="eth0", link=Link.UP, hardware_address=bytes(6))
    events: tuple[Event, ...] = (Started(), up, *[TimerExpired()] * 4, StopRequested(), TimerExpired())
    now = 0
    for number, event in enumerate(events, 1):
        if isinstance(event, TimerExpired):
            now = node.deadline or now
        before(number)
        journal.record(now, event, node.handle(event, now))
    journal.close()
    return len(events)


def test_a_journal_that_was_written_replays(desk: Desk) -> None:
    """The header, each event with its effects, and nothing else; all of it when `close` returns."""
    journal = desk.open()
    events = run(journal)
    with desk.path.open(encoding="ascii") as lines:
        replayed = replay(lines, CONFIG)
    assert replayed.node.stopped
    assert replayed.entries == events
    assert journal.lost == 0
    assert desk.notices == []


def test_only_its_owner_reads_a_journal(desk: Desk) -> None:
    """A weak password can be guessed with it, as with a capture."""
    desk.open().close()
    assert desk.path.stat().st_mode & 0o777 == 0o600
    assert desk.lines() == [header(1)]


def test_a_line_comes_soon(desk: Desk) -> None:
    """An operator who looks at the end of the file sees what happens now."""
    journal = JournalFile(desk.path, header, notice=desk.notice)
    record(journal, 1)
    wait_until(lambda: desk.path.stat().st_size > 0)
    wait_until(lambda: desk.lines() == [header(1), entry(1)])
    journal.close()


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    limit = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.001)


def test_a_file_that_is_there_is_appended_to(desk: Desk) -> None:
    """Two runs of the daemon stand in it, each with its header."""
    for _ in range(2):
        journal = desk.open()
        record(journal, 1)
        journal.close()
    assert desk.lines() == [header(1), entry(1)] * 2


def test_a_torn_line_gets_an_end(desk: Desk) -> None:
    """A daemon that was killed in the middle of a line spoils that one, and not the next header."""
    desk.path.write_text(encode(header(1)) + '{"n":1,"at', encoding="ascii")
    journal = desk.open()
    record(journal, 1)
    journal.close()
    assert desk.lines() == [header(1), Torn('{"n":1,"at\n'), header(1), entry(1)]


def record_and_wait(journal: JournalFile, *numbers: int) -> None:
    """Record some events, and wait until they are in the file or lost."""
    record(journal, *numbers)
    writer = journal._writer  # pyright: ignore[reportPrivateUsage]
    wait_until(lambda: writer._following > numbers[-1])  # pyright: ignore[reportPrivateUsage]


def rotate(path: Path) -> None:
    """Do as logrotate does by default: the older the file, the higher its number."""
    older = sorted(path.parent.glob(f"{path.name}.*"), reverse=True)
    for number, file in zip(range(len(older), 0, -1), older, strict=True):
        file.rename(f"{path}.{number + 1}")
    path.rename(f"{path}.1")


def test_a_file_that_is_renamed_is_followed(desk: Desk) -> None:
    """Nobody tells carpd: the next line stands in a new file, whose header says where the journal goes on."""
    journal = desk.open()
    record_and_wait(journal, 1, 2)
    old = desk.path.rename(desk.path.with_suffix(".1"))
    record(journal, 3)
    journal.close()
    assert read_file(old) == [header(1), entry(1), entry(2)]
    assert desk.lines() == [header(3), entry(3)]
    assert desk.path.stat().st_mode & 0o777 == 0o600
    assert desk.notices == []


def test_a_file_that_logrotate_has_made_is_taken(desk: Desk) -> None:
    """With its `create` there is a new file already, and the mode that the operator wants stays."""
    journal = desk.open()
    record_and_wait(journal, 1)
    desk.path.rename(desk.path.with_suffix(".1"))
    desk.path.touch()
    desk.path.chmod(0o640)
    record(journal, 2)
    journal.close()
    assert desk.lines() == [header(2), entry(2)]
    assert desk.path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_removed_is_begun_anew(desk: Desk) -> None:
    """Who makes room on the disk gets the room, and the journal goes on."""
    journal = desk.open()
    record_and_wait(journal, 1)
    desk.path.unlink()
    record(journal, 2)
    journal.close()
    assert desk.lines() == [header(2), entry(2)]


def test_a_rotated_journal_replays_from_its_files_together(desk: Desk) -> None:
    """Each file reads by itself; all of them, oldest first, are the run, and without the oldest they say so."""
    journal = desk.open()

    def rotate_sometimes(number: int) -> None:
        if number in (3, 6):
            writer = journal._writer  # pyright: ignore[reportPrivateUsage]
            wait_until(lambda: writer._following == number)  # pyright: ignore[reportPrivateUsage]
            rotate(desk.path)

    events = run(journal, rotate_sometimes)
    files = [Path(f"{desk.path}.2"), Path(f"{desk.path}.1"), desk.path]
    assert [read_file(file)[0] for file in files] == [header(1), header(3), header(6)]
    texts = [file.read_text(encoding="ascii") for file in files]
    replayed = replay("".join(texts).splitlines(keepends=True), CONFIG)
    assert (replayed.runs, replayed.entries) == (1, events)
    for text in texts[1:]:
        with pytest.raises(JournalError, match="put the files of a rotated journal in their order"):
            replay(text.splitlines(keepends=True), CONFIG)


# What cannot be written.


def test_a_path_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """At the start the operator is there to hear it."""
    for path in (tmp_path, tmp_path / "missing" / "journal"):
        with pytest.raises(OSError, match=str(path)):
            Desk(path).open()


def test_two_processes_do_not_write_one_journal(desk: Desk) -> None:
    """Their lines would stand among each other."""
    journal = desk.open()
    with pytest.raises(BlockingIOError, match="another process writes it"):
        desk.open()
    journal.close()
    desk.open().close()


FULL = "No space left on device"


def test_a_full_disk_is_told_once_and_the_journal_says_what_is_missing(desk: Desk, disk: Disk) -> None:
    """The protocol goes on, and so does the journal as soon as it can."""
    disk.full = True
    journal = desk.open()
    record(journal, 1, 2, 3)
    assert desk.noticed.wait(LONG)
    wait_until(journal._wishes.empty)  # pyright: ignore[reportPrivateUsage]
    disk.full = False
    record(journal, 4)
    journal.close()
    lines = desk.lines()
    assert isinstance(lines[1], Gap)
    assert lines in (
        [header(1), Gap(n=1, gap=3, why=FULL), entry(4)],
        [header(1), Gap(n=1, gap=2, why=FULL), entry(3), entry(4)],
    )
    assert journal.lost == lines[1].gap
    assert desk.notices == [
        f"journal {desk.path} cannot be written, and goes on later: {FULL}",
        f"journal {desk.path}: {journal.lost} entries could not be written: {FULL}",
        f"journal {desk.path}: {journal.lost} entries of this run could not be written: {FULL}",
    ]


def test_entries_that_are_lost_at_the_end_are_told_when_it_is_closed(desk: Desk, disk: Disk) -> None:
    """There is no place left for a gap that would tell it, so only the log can."""
    disk.full = True
    journal = desk.open()
    record(journal, 1, 2, 3)
    journal.close()
    assert desk.notices == [
        f"journal {desk.path} cannot be written, and goes on later: {FULL}",
        f"journal {desk.path}: 3 entries of this run could not be written: {FULL}",
    ]


def test_a_disk_that_fails_as_the_journal_is_closed_is_told_only_if_entries_are_lost(
    desk: Desk, disk: Disk
) -> None:
    """Nothing goes on later then, and where nothing was to be written nobody needs to know."""
    journal = desk.open()
    record_and_wait(journal, 1)
    desk.path.unlink()
    disk.full = True
    journal.close()
    assert desk.notices == []


def test_each_outage_is_told_when_it_begins_however_soon_after_another(desk: Desk, disk: Disk) -> None:
    """How many each has cost is told at most once in ten seconds, and at the end how many all of them."""
    journal = desk.open()
    for number in range(1, 7, 2):
        disk.full = True
        desk.noticed.clear()
        record(journal, number)
        assert desk.noticed.wait(LONG)
        disk.full = False
        record_and_wait(journal, number + 1)
    disk.full = True
    record(journal, 7, 8)
    journal.close()
    assert [line for line in desk.lines() if isinstance(line, Gap)] == [
        Gap(n=n, gap=1, why=FULL) for n in range(1, 7, 2)
    ]
    begins = f"journal {desk.path} cannot be written, and goes on later: {FULL}"
    assert desk.notices == [
        begins,
        f"journal {desk.path}: 1 entries could not be written: {FULL}",
        begins,
        begins,
        begins,
        f"journal {desk.path}: 5 entries of this run could not be written: {FULL}",
    ]


def test_what_was_not_told_of_the_lost_is_told_with_the_next(
    desk: Desk, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers in the log are those of all gaps in the file."""
    monkeypatch.setattr(journal_file, "_NOTICE_S", LONG)
    journal = desk.open()

    def lose_one(number: int) -> None:
        disk.full = True
        desk.noticed.clear()
        record(journal, number)
        assert desk.noticed.wait(LONG)
        disk.full = False
        record_and_wait(journal, number + 1)

    lose_one(1)
    lose_one(3)
    monkeypatch.setattr(journal._writer, "_tell_at", 0)  # pyright: ignore[reportPrivateUsage]
    lose_one(5)
    journal.close()
    numbers = [int(notice.split(": ")[1].split()[0]) for notice in desk.notices if "entries" in notice]
    assert numbers == [1, 2, 3]


def test_a_disk_that_fails_is_let_be_for_a_while(desk: Desk, disk: Disk) -> None:
    """Not every event tries it again; what is missing at the end is told by the closing."""
    opened: list[int] = []

    def count(first: int) -> Header:
        opened.append(first)
        return header(first)

    disk.full = True
    journal = desk.open(retry_s=LONG, header=count)
    record(journal, 1, 2, 3)
    wait_until(journal._wishes.empty)  # pyright: ignore[reportPrivateUsage]
    assert desk.noticed.wait(LONG)
    disk.full = False
    journal.close()
    assert opened == [1, 1]
    assert desk.lines() == [header(1), Gap(n=1, gap=3, why=FULL)]


def test_a_line_that_was_written_in_part_is_taken_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full in the middle of a line, and then no longer."""
    journal = desk.open()
    record(journal, 1)
    wait_until(lambda: desk.path.stat().st_size > 0)
    written = desk.path.read_bytes()
    space = [10]
    write = os.write

    def write_in_part(descriptor: int, data: memoryview) -> int:
        part = data[: space[0]]
        if not part:
            space[0] = 1 << 20
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        space[0] -= len(part)
        return write(descriptor, part)

    monkeypatch.setattr(os, "write", write_in_part)
    record(journal, 2)
    assert desk.noticed.wait(LONG)
    wait_until(lambda: desk.path.read_bytes() == written)
    record(journal, 3)
    journal.close()
    assert desk.lines() == [
        header(1),
        entry(1),
        header(2),
        Gap(n=2, gap=1, why="No space left on device"),
        entry(3),
    ]


def test_a_bug_costs_an_entry_and_not_the_journal(desk: Desk) -> None:
    """Whatever is raised, the protocol hears nothing of it."""
    broken = [True]

    def fail_once(first: int) -> Header:
        if broken.pop():
            broken.append(False)
            raise ZeroDivisionError("test")
        broken.append(False)
        return header(first)

    journal = desk.open(header=fail_once)
    record(journal, 1)
    assert desk.noticed.wait(LONG)
    record(journal, 2)
    journal.close()
    why = "ZeroDivisionError('test')"
    assert desk.lines() == [header(1), Gap(n=1, gap=1, why=why), entry(2)]
    assert desk.notices[0] == f"journal {desk.path} cannot be written, and goes on later: {why}"


# A disk that takes nothing for a while.


class Pipe(Desk):
    """A journal that somebody must read: until then it takes little."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        os.mkfifo(path)
        self._reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._reading, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(self._reading, True)

    def read(self) -> list[Line | Torn]:
        """Return what comes until the journal is closed."""
        with os.fdopen(self._reading, encoding="ascii") as lines:
            return [line for _, line in read(lines)]


@pytest.fixture
def pipe(tmp_path: Path) -> Pipe:
    """Give a journal that is read late."""
    return Pipe(tmp_path / "pipe")


def test_a_disk_that_hangs_blocks_nobody_and_the_loss_is_told(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no room in the queue is lost; a gap stands where it would have stood."""
    monkeypatch.setattr(journal_file, "_WAITING_MAX", 100)
    journal = pipe.open()
    begin = time.monotonic()
    record(journal, *range(1, 1001))
    assert time.monotonic() - begin < LONG / 2
    closing = threading.Timer(0.01, journal.close)
    closing.start()
    lines = pipe.read()
    closing.join()
    written = [line for line in lines if isinstance(line, Entry)]
    gaps = [line for line in lines if isinstance(line, Gap)]
    assert lines[0] == header(1)
    assert {gap.why for gap in gaps} == {"the disk is too slow"}
    assert len(written) >= 100
    assert len(written) + sum(gap.gap for gap in gaps) == 1000
    assert journal.lost == 1000 - len(written) > 0
    following = 1
    for line in lines[1:]:
        assert isinstance(line, Entry | Gap)
        assert line.n == following
        following += line.gap if isinstance(line, Gap) else 1
    assert pipe.notices == [
        f"journal {pipe.path}: {gaps[0].gap} entries of this run could not be written: the disk is too slow"
    ]


def test_closing_is_bounded(pipe: Pipe) -> None:
    """A disk that hangs does not keep carpd from ending."""
    journal = pipe.open(flush_s=0.02)
    record(journal, *range(1, 1001))
    begin = time.monotonic()
    journal.close()
    assert time.monotonic() - begin < LONG / 2
    (told,) = pipe.notices
    assert "entries of this run could not be written: the disk is too slow" in told
    pipe.read()
