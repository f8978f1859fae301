"""What is fuzzed: each target takes bytes, and raises if a promise is broken."""

from collections.abc import Callable, Mapping
from typing import Final

from tests.fuzz.node_program import run_program
from triocarp.core import (
    Advertisement,
    MalformedAdvertisementError,
    PacketReceived,
    PacketUnreadable,
    read_datagram,
)
from triocarp.core.advertisement import LENGTH, parse
from triocarp.core.observer.announcement import read_announcement


def fuzz_datagram(data: bytes) -> None:
    """Any bytes are a packet or a reason why not; any payload an advertisement or the one typed error.

    And what was read is what stands there: built again, it is the same bytes.
    """
    event = read_datagram("eth0", data)
    assert isinstance(event, PacketReceived | PacketUnreadable)
    for payload in (data, event.payload if isinstance(event, PacketReceived) else b""):
        try:
            advertisement = parse(payload)
        except MalformedAdvertisementError:
            continue
        assert isinstance(advertisement, Advertisement)
        assert advertisement.build() in {payload[:LENGTH], _with_other_zero(payload[:LENGTH])}
    read_announcement(data)


def _with_other_zero(header: bytes) -> bytes:
    """Return a header with the other of the two checksums that ones' complement arithmetic has for zero."""
    other = {b"\0\0": b"\xff\xff", b"\xff\xff": b"\0\0"}.get(header[6:8], header[6:8])
    return header[:6] + other + header[8:]


def fuzz_node(data: bytes) -> None:
    """Whatever happens to a node, in whatever order, no promise of the state machine is broken."""
    run_program(data)


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {"datagram": fuzz_datagram, "node": fuzz_node}
"""All targets by name; the corpus of each has a directory of that name."""
