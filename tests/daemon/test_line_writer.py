"""Lines to a stream that may block: whoever writes never waits, and loses nothing silently."""

import io
import os
import threading
import time

from triocarp.daemon.line_writer import LineWriter

QUEUE = 1000
LONG = 10
"""Seconds that only a failing test waits."""


class Dam(io.StringIO):
    """A stream that takes nothing until it is opened, and then everything."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.opened = threading.Event()

    def write(self, text: str) -> int:
        """Block, and then write."""
        self.reached.set()
        self.opened.wait(LONG)
        return super().write(text)


def test_lines_are_written_in_order() -> None:
    """Each with its end, and all of them before `close` returns."""
    stream = io.StringIO()
    writer = LineWriter(stream)
    for number in range(100):
        writer.write(f"line {number}")
    writer.close()
    assert stream.getvalue() == "".join(f"line {number}\n" for number in range(100))


def test_a_stream_that_blocks_blocks_nobody_and_the_loss_is_told() -> None:
    """A thousand lines wait, the others are lost; their number stands where they would have stood."""
    dam = Dam()
    writer = LineWriter(dam)
    writer.write("first")
    assert dam.reached.wait(LONG)
    for number in range(QUEUE + 7):
        writer.write(f"line {number}")
    dam.opened.set()
    # The thread makes room while this one tries: nothing to synchronise on, and no line is lost in between.
    while writer_is_full(writer):
        time.sleep(0)
    writer.write("last")
    writer.close()
    lines = dam.getvalue().splitlines()
    expected = ["first", *(f"line {number}" for number in range(QUEUE))]
    assert expected == lines[: QUEUE + 1]
    assert lines[QUEUE + 1 :] == ["(7 log lines lost: the log's reader is too slow)", "last"]


def writer_is_full(writer: LineWriter) -> bool:
    """Return whether a writer's queue has less room than two lines need."""
    return writer._lines.qsize() > QUEUE - 2  # pyright: ignore[reportPrivateUsage]


def test_a_loss_at_the_end_is_told_by_the_closing() -> None:
    """No further line comes that could tell it."""
    dam = Dam()
    writer = LineWriter(dam)
    for _ in range(QUEUE + 10):
        writer.write("line")
    threading.Timer(0.01, dam.opened.set).start()
    writer.close()
    lines = dam.getvalue().splitlines()
    assert "log lines lost" in lines[-1]
    lost = int(lines[-1].removeprefix("(").split()[0])
    assert len(lines) - 1 + lost == QUEUE + 10


def test_closing_is_bounded() -> None:
    """A reader that hangs does not keep carpd from ending, whether or not the queue has room."""
    for count in (1, QUEUE + 10):
        dam = Dam()
        writer = LineWriter(dam, flush_s=0.02)
        for _ in range(count):
            writer.write("line")
        begin = time.monotonic()
        writer.close()
        assert time.monotonic() - begin < LONG / 2
        dam.opened.set()


def test_a_closed_pipe_is_no_exception() -> None:
    """Who reads the log may go; the address stays."""
    reading, writing = os.pipe()
    os.close(reading)
    descriptor = os.dup(writing)
    os.close(writing)
    stream = io.TextIOWrapper(io.FileIO(descriptor, "w"), encoding="utf-8", write_through=True)
    writer = LineWriter(stream)
    writer.write("one")
    writer.write("two")
    writer.close()
    stream.close()


def test_a_closed_stream_is_no_exception() -> None:
    """The same when it is this process that closed it."""
    stream = io.StringIO()
    stream.close()
    writer = LineWriter(stream)
    writer.write("one")
    writer.close()
