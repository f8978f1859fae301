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


ORDINARY = """
# the office's
inet 192.168.1.50 255.255.255.0 NONE description "the office"   # its gateway
inet6 alias 2001:db8::50 64
-inet6
mtu 1400
rtlabel office priority 3 group office

vhid 3 pass lo#ve carpdev em1 advskew 100 up
!route add -net 10.0.0.0/8 hunter2 "192.168.1.1
"""


def test_ordinary_lines_of_openbsds_file_are_read_in_any_order() -> None:
    """What has a meaning for carpd is carried over, and the rest is told with the number of its line."""
    text = read("openbsd", *ORDINARY.splitlines())
    (host,) = meaning(text, "lo#ve", "em1").virtual_hosts
    assert (host.interface, host.vhid, host.advskew) == ("em1", 3, 100)
    assert list(map(str, host.addresses)) == ["192.168.1.50/24", "2001:db8::50/64"]
    said = (
        "description (line 3), -inet6 (line 5), mtu (line 6), rtlabel (line 7), priority (line 7), group (line 7)"
    )
    assert f"left out, for carpd has no such setting: {said}, a command (line 10)" in text
    assert "hunter2" not in text
    assert "office" not in text


def test_several_files_of_openbsd_are_several_virtual_hosts() -> None:
    """Each line with another vhid begins one; an interface alone may have a line of its own, too."""
    text = read("openbsd", "carpdev em1", "vhid 3", "10.0.0.3/24", "vhid 4 carpdev em2", "inet6 2001:db8::4/64")
    three, four = meaning(text, "love", "em1", "em2").virtual_hosts
    assert [(host.interface, host.vhid, *map(str, host.addresses)) for host in (three, four)] == [
        ("em1", 3, "10.0.0.3/24"),
        ("em2", 4, "2001:db8::4/64"),
    ]


def test_each_mistake_is_told_with_the_number_of_its_line() -> None:
    """All at once, for every line that has one; what only follows from them is not told."""
    with pytest.raises(MigrationError) as refusal:
        read(
            "openbsd",
            "vhid x carpdev em1",
            "",
            "inet 10.0.0.1 255.255.255.0",
            "inet 10.0.0.2 255.0.255.0",
            "nonsense",
        )
    first, second, third = refusal.value.lines
    assert first == "line 1: vhid: expected a whole number behind it"
    assert second.startswith("line 4: an address cannot be read: ")
    assert third == "line 5: word 1 behind the interface is not known, or stands at the wrong place"
    with pytest.raises(MigrationError, match=r"^line 2: the line does not name the interface below carp"):
        read("openbsd", "", "vhid 1 10.0.0.1/24", "up")
    with pytest.raises(MigrationError, match=r"^line 1: a line has no vhid$"):
        read("openbsd", "inet 10.0.0.1/24", "up")


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
