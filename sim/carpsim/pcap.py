"""Captures of simulated segments that Wireshark and tcpdump read: pcap with nanoseconds."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO, final

import dpkt

from carpsim.frame import FRAME_LENGTH_MAX, Frame
from carpsim.segment import Segment
from triocarp.core.timing import SECOND


def read_capture(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the frames of a capture, each with its instant in nanoseconds.

    Args:
        file: a pcap of Ethernet frames, of whole microseconds or nanoseconds.

    Raises:
        ValueError: it is none.
    """
    try:
        reader: Any = dpkt.pcap.Reader(file)
    except dpkt.NeedData:
        raise ValueError("the file is too short") from None
    if reader.datalink() != dpkt.pcap.DLT_EN10MB:
        raise ValueError("the frames are not Ethernet's")
    for seconds, data in reader:
        # A capture with nanoseconds has Decimals here; of the others a float is exact to the microsecond.
        exact = isinstance(seconds, Decimal)
        yield int(seconds * SECOND) if exact else round(seconds * 1_000_000) * 1000, data


@final
class Capture:
    """Writes what passes on a segment to a file, from now on.

    At the switch a frame is seen once, when it comes in. At a station's port it is seen as that station sees it:
    its own frames when it sends them, and what reaches it when it does, late, twice, changed, or never.

    Args:
        segment: where.
        file: is written to from its present position; it stays the caller's to close.
        station: label of the station at whose port frames are seen; None for the switch.
        epoch: nanoseconds from 1970 to the beginning of the world, 0 to 2**32 seconds.

    Attributes:
        count: number of frames written.
    """

    def __init__(self, segment: Segment, file: BinaryIO, *, station: str | None = None, epoch: int = 0) -> None:
        self.count = 0
        self._segment = segment
        self._station = station
        self._epoch = epoch
        # dpkt has no types; this is the one module in which the simulator uses it.
        self._writer: Any = dpkt.pcap.Writer(file, snaplen=FRAME_LENGTH_MAX, nano=True)
        segment.add_tap(self._write, station)

    def stop(self) -> None:
        """Write no more."""
        self._segment.remove_tap(self._write, self._station)

    def _write(self, at: int, station: str, frame: Frame) -> None:  # noqa: ARG002 - a frame says who sent it
        self.count += 1
        # dpkt takes seconds; a float would lose nanoseconds.
        self._writer.writepkt_time(frame.data, Decimal(self._epoch + at) / SECOND)
