"""Debian's stanzas mean to carpd what Debian's hook makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.migrate.reading import PASSWORD, meaning
from triocarp.core import Transport
from triocarp.daemon import command_line
from triocarp.migrate import debian_interfaces
from triocarp.migrate.main import written
from triocarp.migrate.migration import MigrationError

STANZA = """
auto lo eth0
iface lo inet loopback

# the office
iface eth0 inet static
    address 10.0.0.1/24
    gateway 10.0.0.254
    ucarp-vid 42
    ucarp-vip 10.0.0.100
    ucarp-password love
"""


def read(*options: str, more: str = "") -> str:
    """Return what is printed for a stanza with further options."""
    text = STANZA + "".join(f"    {option}\n" for option in options) + more
    return written(debian_interfaces.read(text))


switch_values = st.sampled_from(["yes", "no", "off", "false", "0", "nope", "on", "1", "true"])


@given(switch_values, switch_values, st.integers(1, 255), st.integers(0, 254), st.integers(1, 9))
def test_a_stanza_means_the_command_line_of_debians_hook(
    master: str, nomcast: str, advbase: int, advskew: int, ratio: int
) -> None:
    """With the stanza's address as the source, and -P and -M unless their values begin with a no."""
    text = read(
        f"ucarp-master {master}",
        f"ucarp-nomcast {nomcast}",
        f"ucarp-advbase {advbase}",
        f"ucarp-advskew {advskew}",
        f"ucarp-deadratio {ratio}",
    )
    words = ["-i", "eth0", "-s", "10.0.0.1", "-v", "42", "-p", PASSWORD, "-a", "10.0.0.100"]
    words += ["-b", str(advbase), "-k", str(advskew), "-r", str(ratio)]
    words += ["-P"] if master in {"yes", "on", "1", "true"} else []
    words += ["-M"] if nomcast in {"yes", "on", "1", "true"} else []
    assert meaning(text) == command_line.read(words, first_interface=lambda: None).node
    assert "love" not in text


def test_the_alias_stanza_gives_the_prefix_length() -> None:
    """What Debian's scripts would bring up is what carpd holds; what else stands there is told."""
    for mask in ("address 10.0.0.100/24", "address 10.0.0.100\n netmask 255.255.255.0"):
        text = read(more=f"iface eth0:ucarp inet static\n {mask}\n up /usr/local/bin/tell\n")
        assert 'addresses = ["10.0.0.100/24"]' in text
        assert "what stands there besides is not done any more: up" in text


def test_scripts_of_ones_own_stay() -> None:
    """They are named in the options."""
    text = read("ucarp-upscript /usr/local/sbin/up", "ucarp-xparam office")
    assert 'up_script = "/usr/local/sbin/up"' in text
    assert 'script_parameter = "office"' in text


def test_a_stanza_without_an_address_leaves_the_source_to_carpd() -> None:
    """As with DHCP."""
    text = written(debian_interfaces.read(STANZA.replace("    address 10.0.0.1/24\n", "")))
    assert "source =" not in text
    (host,) = meaning(text, PASSWORD, "eth0").virtual_hosts
    assert str(host.source) == "198.51.100.1"


def test_several_stanzas_are_several_virtual_hosts() -> None:
    """In one file, and continued lines and underscores are read as ifupdown reads them."""
    second = "iface eth1 inet static\n address 10.1.0.1\n ucarp_vid 7\n ucarp-vip \\\n 10.1.0.100\n"
    text = read("ucarp-master yes", more=second + " ucarp-password love\n")
    hosts = meaning(text).virtual_hosts
    assert [(host.interface, host.vhid, host.transport) for host in hosts] == [
        ("eth0", 42, Transport.MULTICAST),
        ("eth1", 7, Transport.MULTICAST),
    ]


def test_what_lacks_an_option_is_told() -> None:
    """Debian's hook passes such a stanza over without a word."""
    with pytest.raises(MigrationError, match="eth0 lacks one of them"):
        debian_interfaces.read(STANZA.replace("ucarp-password love", ""))
    with pytest.raises(MigrationError, match="no stanza"):
        debian_interfaces.read("iface lo inet loopback\n")


def test_mistakes_are_told_with_their_stanza_and_option() -> None:
    """Those of all stanzas at once, in the words of interfaces(5)."""
    second = "iface eth1 inet static\n address 10.1.0.1\n ucarp-vid 300\n ucarp-vip 10.1.0.x\n"
    with pytest.raises(MigrationError) as caught:
        read("ucarp-advskew 900", more=second + " ucarp-password love\n")
    told = caught.value.lines
    assert "iface eth0: ucarp-advskew 900: expected a number from 0 to 255" in told
    assert any(line.startswith("iface eth1: ") and "(ucarp-vid 300: expected" in line for line in told)
    assert any(line.startswith("iface eth1: Invalid address: [10.1.0.x] (ucarp-vip: ") for line in told)
