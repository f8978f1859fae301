"""Captures: those of simulated segments are written with nanoseconds for Wireshark, and real ones are read."""

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final, final

import dpkt

from carpsim.frame import FRAME_LENGTH_MAX, Frame
from carpsim.named_file import open_binary
from carpsim.segment import Segment
from carpsim.world import World, WorldWatcher
from triocarp.core.timing import SECOND

_MICROSECOND: Final = 1_000


class CaptureError(ValueError):
    """Raised for a file that is no capture of Ethernet; its text says what would be right."""


@final
class TruncatedCaptureError(CaptureError):
    """Raised behind the last whole frame of a capture that goes on: it was stopped, or copied, in the middle."""


def read_frames(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the frames of a pcap or pcapng file, each with its instant, which never goes back.

    Args:
        file: from its beginning.

    Yields:
        Nanoseconds since 1970, and the frame from the destination MAC on.

    Raises:
        CaptureError: the file cannot be read, or holds no Ethernet frames.
        TruncatedCaptureError: it ends in the middle of a frame; all before it have been yielded.
    """
    try:
        records = _Records(file)
        reader: Any = dpkt.pcap.UniversalReader(records)
    except (ValueError, dpkt.UnpackError) as error:
        raise CaptureError(f"expected a pcap or pcapng file ({error})") from None
    if reader.datalink() != dpkt.pcap.DLT_EN10MB:
        raise CaptureError(f"link type {reader.datalink()}: expected Ethernet, as of an interface by its name")
    latest = 0
    records.begin()
    try:
        for told, frame in reader:
            # dpkt gives exact decimals for files with nanoseconds, and floats for those with microseconds.
            at = int(told * SECOND) if isinstance(told, Decimal) else round(told * 1_000_000) * _MICROSECOND
            latest = max(latest, at)
            yield latest, bytes(frame)
    except dpkt.UnpackError as error:
        raise TruncatedCaptureError(f"broken behind what could be read ({error})") from None


@final
class _Records:
    """A capture as dpkt reads it, which takes for whole what is left of a frame.

    Args:
        file: from its beginning.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._is_head: bool | None = None

    def begin(self) -> None:
        """Expect records from now on, each read in two parts: its head, which tells its length, and the rest."""
        self._is_head = True

    def seek(self, position: int) -> None:
        """Go on from somewhere else; dpkt does so before the records."""
        self._file.seek(position)

    def read(self, length: int) -> bytes:
        """Return so many bytes, or none at the end.

        Raises:
            TruncatedCaptureError: there are fewer in a record.
        """
        content = self._file.read(length)
        if self._is_head is not None:
            if len(content) < length and (content or not self._is_head):
                raise TruncatedCaptureError("truncated: it ends in the middle of a frame")
            self._is_head = not self._is_head
        return content


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
        # dpkt has no types; this module is the one place in which the simulator uses it.
        self._writer: Any = dpkt.pcap.Writer(file, snaplen=FRAME_LENGTH_MAX, nano=True)
        segment.add_tap(self._write, station)

    def stop(self) -> None:
        """Write no more."""
        self._segment.remove_tap(self._write, self._station)

    def _write(self, at: int, station: str, frame: Frame) -> None:  # noqa: ARG002 - a frame says who sent it
        self.count += 1
        # dpkt takes seconds; a float would lose nanoseconds.
        self._writer.writepkt_time(frame.data, Decimal(self._epoch + at) / SECOND)


@final
class Captures(WorldWatcher):
    """Captures every segment of a world at its switch, each to a file with its name; see `WorldWatcher`.

    Args:
        directory: where the files go; it exists.
        files: closes them.
    """

    def __init__(self, directory: Path, files: ExitStack) -> None:
        self._directory = directory
        self._files = files

    def began(self, world: World) -> None:
        """Open the files; see `WorldWatcher`."""
        for name, segment in world.segments.items():
            Capture(segment, self._files.enter_context(open_binary(self._directory / f"{name}.pcap")))
