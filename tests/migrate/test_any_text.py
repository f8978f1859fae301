"""Whatever stands in what is read, it is understood or refused."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from triocarp.migrate import bsd_ifconfig, debian_interfaces, image_environment, ucarp_options
from triocarp.migrate.main import written
from triocarp.migrate.migration import MigrationError

SECRET = "hunter2hunter2"
BSD_WORDS = """
    ifconfig em0 carp0 vhid 1 0 300 advskew 100 advbase 255 pass alias inet inet6 10.0.0.100/24 10.0.0.100 netmask
    255.255.255.0 0xffffff00 0xzz prefixlen 64 2001:db8::1 fe80::1%em0 carpdev em1 peer 10.0.0.2 carppeer lladdr
    0:0:5e:0:1:1 state up -alias balancing ip carpnodes 1:0 NONE broadcast
"""
bsd_words = st.sampled_from(BSD_WORDS.split()) | st.text(max_size=6)
stanza_lines = st.sampled_from(
    [
        "iface eth0 inet static",
        "iface eth0:ucarp inet static",
        "iface",
        "address 10.0.0.1/24",
        "address 10.0.0.1/99",
        "netmask 255.255.0.255",
        "ucarp-vid 42",
        "ucarp-vip 10.0.0.100",
        f"ucarp-password {SECRET}",
        "ucarp-advskew x",
        "ucarp-xparam",
        "\\",
    ]
) | st.text(max_size=12)


@given(
    st.lists(st.lists(bsd_words, max_size=12).map(" ".join), max_size=3), st.sampled_from(["freebsd", "openbsd"])
)
def test_lines_of_a_bsd(lines: list[str], system: str) -> None:
    """Of any words in any order."""
    said = ""
    with contextlib.suppress(MigrationError):
        said = written(bsd_ifconfig.read([f"{line} pass {SECRET}" for line in lines], system))
    assert SECRET not in said


@given(st.lists(stanza_lines, max_size=14))
def test_stanzas(lines: list[str]) -> None:
    """Of any lines in any order."""
    try:
        said = written(debian_interfaces.read("\n".join(["iface eth1 inet static", *lines])))
    except MigrationError as error:
        said = "\n".join(error.lines)
    assert SECRET not in said


@given(st.lists(st.sampled_from(["-i", "-v", "-a", "-s", "-x", "--", "-", "10.0.0.1", "7"]) | st.text(max_size=8)))
def test_options(words: list[str]) -> None:
    """Of any words in any order; only who asks for help gets something else."""
    with contextlib.suppress(MigrationError):
        written(ucarp_options.read(["--pass", SECRET, *(word for word in words if "h" not in word)]))


@given(st.text())
def test_environment_files(text: str) -> None:
    """Of any text."""
    assert all(isinstance(name, str) for name in image_environment.variables_of(text))
