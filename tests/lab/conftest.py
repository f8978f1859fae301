"""The LAN that most tests of the lab use."""

from __future__ import annotations

import itertools
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from triocarp.lab import INTERFACE

if TYPE_CHECKING:
    from triocarp.lab import Host, Lan

# An ethertype that nobody speaks: "local experimental" of IEEE 802.
ETHERTYPE = 0x88B5
_tokens = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A LAN with two servers and a client."""

    lan: Lan
    one: Host
    two: Host
    client: Host

    def send(self, source: Host, payload: bytes) -> None:
        """Broadcast a frame."""
        with source.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind((INTERFACE, 0))
            frame = b"\xff" * 6 + bytes.fromhex(source.mac.replace(":", "")) + ETHERTYPE.to_bytes(2) + payload
            sender.send(frame)

    def silent(self, source: Host, destination: Host) -> bool:
        """Tell whether a broadcast of one host does not get to another, in much more time than it needs."""
        return not self.heard(source, destination, timeout_s=0.03)

    def heard(self, source: Host, destination: Host, *, timeout_s: float = 2) -> bool:
        """Tell whether a broadcast of one host gets to another."""
        token = b"token %8d" % next(_tokens)
        with destination.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE)) as receiver:
            receiver.settimeout(timeout_s)
            try:
                self.send(source, token)
                while token not in receiver.recv(2000):
                    pass
            except OSError:  # no carrier, link down, or nothing came
                return False
            return True


@pytest.fixture
def network(lan: Lan) -> Network:
    """Give a LAN with two servers and a client."""
    return Network(
        lan=lan,
        one=lan.add_host("one", "10.0.0.1/24"),
        two=lan.add_host("two", "10.0.0.2/24"),
        client=lan.add_host("client", "10.0.0.9/24"),
    )
