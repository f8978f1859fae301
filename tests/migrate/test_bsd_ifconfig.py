"""A line of a BSD's ifconfig means the same to carpd in that BSD's dialect."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.migrate.reading import meaning
from triocarp.core import FREEBSD, OPENBSD, Transport
from triocarp.migrate import bsd_ifconfig
from triocarp.migrate.main import written
from triocarp.migrate.migration import MigrationError


def read(system: str, *lines: str) -> str:
    """Return what is printed for some lines."""
    return written(bsd_ifconfig.read(lines, system))


@given(
    st.integers(1, 255),
    st.integers(1, 254),
    st.integers(0, 254),
    st.lists(
        st.tuples(st.ip_addresses(v=4), st.integers(1, 32)), min_size=1, max_size=3, unique_by=lambda a: a[0]
    ),
    st.sampled_from(["freebsd", "openbsd"]),
)
def test_what_is_printed_means_what_ifconfig_was_told(
    vhid: int, advbase: int, advskew: int, addresses: list[tuple[object, int]], system: str
) -> None:
    """Numbers, addresses and dialect; or it is refused by the rules of a configuration."""
    shown = [f"{address}/{length}" for address, length in addresses]
    line = f"ifconfig em0 vhid {vhid} advbase {advbase} advskew {advskew} pass love "
    try:
        text = read(system, line + " ".join(f"alias {address}" for address in shown))
    except MigrationError as error:
        assert re.match(r"addresses\[", error.lines[0])  # noqa: PT017 - such as a multicast address
        return
    (host,) = meaning(text, "love", "em0").virtual_hosts
    assert (host.vhid, host.advbase_s, host.advskew) == (vhid, advbase, advskew)
    assert list(map(str, host.addresses)) == shown
    assert host.dialect is (FREEBSD if system == "freebsd" else OPENBSD)


@pytest.mark.parametrize(
    "line",
    [
        "ifconfig em0 vhid 1 pass mekmitasdigoat alias 192.168.1.50/24",
        "ifconfig em0 inet vhid 1 pass mekmitasdigoat 192.168.1.50 netmask 255.255.255.0",
        'ifconfig_em0_alias0="inet vhid 1 pass mekmitasdigoat alias 192.168.1.50 netmask 0xffffff00"',
        "/sbin/ifconfig em0 vhid 1 pass mekmitasdigoat inet 192.168.1.50/24 # the office",
    ],
)
def test_every_way_to_write_freebsds_line_is_read(line: str) -> None:
    """The command, rc.conf's variable, and each way to write the mask."""
    (host,) = meaning(read("freebsd", line), "mekmitasdigoat", "em0").virtual_hosts
    assert list(map(str, host.addresses)) == ["192.168.1.50/24"]


def test_openbsds_file_of_an_interface_is_read() -> None:
    """Its lines are one virtual host, on the interface below carp0."""
    text = read(
        "openbsd",
        "inet 192.168.1.50 255.255.255.0 192.168.1.255 vhid 3 carpdev em1 pass love advskew 100",
        "inet alias 192.168.1.51 255.255.255.255 NONE",
        "inet6 2001:db8::50 prefixlen 64",
    )
    (host,) = meaning(text, "love", "em1").virtual_hosts
    assert (host.interface, host.vhid, host.advskew) == ("em1", 3, 100)
    assert list(map(str, host.addresses)) == ["192.168.1.50/24", "192.168.1.51/32", "2001:db8::50/64"]


def test_unicast_peers_are_carried_over() -> None:
    """FreeBSD's `peer`, and OpenBSD's `carppeer`."""
    for system, word in (("freebsd", "peer"), ("openbsd", "carppeer")):
        text = read(system, f"ifconfig em0 vhid 1 pass love {word} 10.0.0.2 10.0.0.100/24")
        (host,) = meaning(text, "love", "em0").virtual_hosts
        assert host.transport is Transport.UNICAST
        assert [str(peer) for peer in host.peers] == ["10.0.0.2"]


def test_a_password_is_cut_as_ifconfig_cuts_it() -> None:
    """Who moves the whole of it would not be believed by the others."""
    text = read("freebsd", "ifconfig em0 vhid 1 pass 123456789012345678901234 10.0.0.100/24")
    assert "put its first 19 bytes into the file" in text
    assert "1234567890" not in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ifconfig em0 vhid 1 pass love hunter2 10.0.0.100/24", "word 5 behind the interface is not known"),
        ("ifconfig em0 vhid 1 psas hunter2 10.0.0.100/24", "word 3 behind the interface is not known"),
        ("ifconfig em0 vhid 1 carpver 3 10.0.0.100/24", "VRRPv3 is another protocol"),
        ("ifconfig em0 vhid 1 balancing ip", "does not balance load"),
        ("ifconfig carp0 vhid 1 pass hunter2 10.0.0.100/24", "does not name the interface below carp"),
        ("ifconfig em0 10.0.0.100/24", "has no vhid"),
        ("ifconfig em0 vhid x", "vhid: expected a whole number"),
        ("ifconfig em0 vhid 1 pass", "the line ends"),
        ("ifconfig em0 vhid 1 pass 'hunter2", "a quotation mark"),
        ("ifconfig em0 vhid 1 pass hunter2", "addresses"),
        ("ifconfig em0 vhid 1 netmask 255.0.0.0", "stands before its address"),
        ("ifconfig em0 vhid 1 10.0.0.1 netmask 255.0.255.0", "an address cannot be read"),
        ("ifconfig em0 vhid 1 peer hunter2", "peer: expected an address"),
        ("ifconfig em0 vhid 1 lladdr hunter2", "lladdr: expected a MAC"),
    ],
)
def test_what_has_no_equivalent_is_refused(line: str, said: str) -> None:
    """With a line that says why, and repeats nothing that might be the password."""
    with pytest.raises(MigrationError) as refusal:
        read("freebsd", line)
    assert said in refusal.value.lines[0]
    assert "hunter2" not in refusal.value.lines[0]
