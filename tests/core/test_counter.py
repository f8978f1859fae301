"""The 64-bit counter of what a host says: it goes on from what it sent or heard, and wraps."""

import random
from dataclasses import replace

from triocarp.core import UCARP, CounterStyle, Keyring, Saying, SendAdvertisement, Transport, VirtualHostConfig
from triocarp.core.advertisement import GOODBYE, parse
from triocarp.core.ethernet import BROADCAST
from triocarp.core.sealed_counter import CounterSeal, Sealed
from triocarp.core.speech import Speech

from .hosts import PASSWORD, PLAIN, VIRTUAL_ADDRESS

KEYRING = Keyring((PASSWORD,), PLAIN.vhid, (VIRTUAL_ADDRESS.ip,), UCARP)
LAST = 2**64 - 1
CONSTANT = replace(PLAIN, dialect=replace(UCARP, counter_style=CounterStyle.CONSTANT))


def _forget(_sealed: Sealed, _counter: int, _wall: int) -> None:
    """Take no note of a sealed counter."""


def speech(config: VirtualHostConfig = PLAIN) -> Speech:
    """Return the speech of a host, always with the same first counter."""
    return Speech(config, KEYRING, CounterSeal(PASSWORD), _forget, random.Random(1))  # noqa: S311


def said_by(said: Speech, saying: Saying = Saying.REGULAR) -> SendAdvertisement:
    """Say something, and return it."""
    (advertisement,) = said.advertisements(saying, 0, 0, None)
    return advertisement


def next_counter(said: Speech) -> int:
    """Say something and return its counter."""
    return parse(said_by(said).packet[20:]).counter


def test_counter_begins_at_random_and_goes_up() -> None:
    """The first counter is one more than what the generator gives, and each further one is one more."""
    said = speech()
    first = random.Random(1).getrandbits(64)  # noqa: S311
    assert [first + 1, first + 2, first + 3] == [next_counter(said) for _ in range(3)]


def test_counter_goes_on_from_a_peers() -> None:
    """After hearing a peer the next counter is one more than the peer's, never the same (1.7)."""
    said = speech()
    said.hear(41)
    assert [next_counter(said), next_counter(said)] == [42, 43]


def test_counter_wraps() -> None:
    """All ones is followed by zero."""
    said = speech()
    said.hear(LAST - 1)
    assert [next_counter(said) for _ in range(3)] == [LAST, 0, 1]


def test_constant_counter_stays() -> None:
    """In OpenBSD's style one value serves for the life of the host, whatever others send."""
    said = speech(CONSTANT)
    first = next_counter(said)
    said.hear(41)
    assert [first, first] == [next_counter(said), next_counter(said)]


def test_goodbye_is_255_255_and_genuine() -> None:
    """A goodbye differs in advbase and advskew only, and carries a digest that verifies."""
    goodbye = parse(said_by(speech(), Saying.GOODBYE).packet[20:])
    assert (goodbye.advbase_s, goodbye.advskew) == (GOODBYE, GOODBYE)
    assert KEYRING.key_of(goodbye.counter, goodbye.digest) == 0


def test_ethernet_header_is_ucarps() -> None:
    """Source 00:00:5e:00:00:VHID; destination the group's MAC, or broadcast where told to."""
    header = said_by(speech()).ethernet_header
    assert bytes.fromhex("01005e000012 00005e000007 0800") == header
    to_all = said_by(speech(replace(PLAIN, transport=Transport.BROADCAST))).ethernet_header
    assert BROADCAST + header[6:] == to_all
