"""Frames captured from ucarp, and computed ones: ``tests/vectors`` says how each was made."""

import json
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any, Final

from triocarp.core import IPAddress

DIRECTORY: Final = Path(__file__).parents[1] / "vectors"
_INDEX: Final[dict[str, Any]] = json.loads((DIRECTORY / "index.json").read_text(encoding="utf-8"))


def mac(text: str) -> bytes:
    """Return the six bytes of a MAC in colon notation."""
    return bytes.fromhex(text.replace(":", ""))


@dataclass(frozen=True, kw_only=True)
class CapturedFrame:
    """One frame of a capture, with what the index says about it.

    Attributes:
        instant_s: seconds since the capture began.
        is_announcement: a gratuitous ARP; otherwise an advertisement.
        ethernet: the whole frame.
        said: the index's fields.
    """

    instant_s: float
    is_announcement: bool
    ethernet: bytes
    said: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Capture:
    """One captured run of ucarp."""

    name: str
    password: bytes
    vhid: int
    address: IPv4Address
    frames: tuple[CapturedFrame, ...]

    @property
    def advertisements(self) -> tuple[CapturedFrame, ...]:
        """The advertisements."""
        return tuple(frame for frame in self.frames if not frame.is_announcement)

    @property
    def announcements(self) -> tuple[CapturedFrame, ...]:
        """The gratuitous ARPs."""
        return tuple(frame for frame in self.frames if frame.is_announcement)


@dataclass(frozen=True, kw_only=True)
class ComputedHeader:
    """One computed CARP header.

    Attributes:
        addresses: those that are covered, in the order of the configuration.
        as_configured: whether they are covered in that order.
        link_layer_address: what OpenBSD covers of a custom one; else empty.
        message: all that the HMAC covers.
        header: the 36 bytes.
    """

    name: str
    key: bytes
    vhid: int
    addresses: tuple[IPAddress, ...]
    as_configured: bool
    link_layer_address: bytes
    counter: int
    advbase_s: int
    advskew: int
    demotion: int
    message: bytes
    digest: bytes
    header: bytes


CAPTURES: Final = tuple(
    Capture(
        name=capture["file"],
        password=capture["password"].encode(),
        vhid=capture["vhid"],
        address=IPv4Address(capture["vip"]),
        frames=tuple(
            CapturedFrame(
                instant_s=frame["t"],
                is_announcement=frame["kind"] == "garp",
                ethernet=bytes.fromhex(frame["hex"]),
                said=frame,
            )
            for frame in capture["frames"]
        ),
    )
    for capture in _INDEX["captures"]
)

HEADERS: Final = {
    header["name"]: ComputedHeader(
        name=header["name"],
        key=bytes.fromhex(header["key_hex"]),
        vhid=header["vhid"],
        addresses=tuple(map(ip_address, header["ipv4"] + header["ipv6"])),
        as_configured=header["address_order"] == "as configured",
        link_layer_address=mac(header["virtual_mac"] or ""),
        counter=int(header["counter"], 16),
        advbase_s=header["advbase"],
        advskew=header["advskew"],
        demotion=header["demote"],
        message=bytes.fromhex(header["message_hex"]),
        digest=bytes.fromhex(header["hmac"]),
        header=bytes.fromhex(header["header_hex"]),
    )
    for header in _INDEX["headers"]
}
"""The computed headers by name, V1 to V12."""

FRAMES: Final = {frame["name"]: bytes.fromhex(frame["hex"]) for frame in _INDEX["frames"]}
"""The computed whole frames by name, F1 to F9."""
