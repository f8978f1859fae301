"""The image's variables mean the same to carpd in the file that is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.migrate.reading import PASSWORD, a_host_with, meaning
from triocarp.daemon import environment
from triocarp.migrate import image_environment
from triocarp.migrate.main import written
from triocarp.migrate.migration import MigrationError

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = {
    "UCARP_ADDR": "10.0.0.101",
    "UCARP_INTERFACE": "eth0",
    "UCARP_SRCIP": "10.0.0.1",
    "UCARP_PASS": PASSWORD,
}
numbers = st.integers(1, 254).map(str)


@st.composite
def environments(draw: st.DrawFn) -> dict[str, str]:
    """Draw the variables of a container."""
    choices = {
        "UCARP_MASKLEN": st.integers(1, 32).map(str),
        "UCARP_VHID": numbers,
        "UCARP_GARP_TIMEOUT": st.integers(0, 9).map(str),
        "UCARP_BROADCAST": st.sampled_from(["0", "1"]),
        "CARPD_ADVBASE": numbers,
        "CARPD_ADVSKEW": numbers,
        "CARPD_DEAD_RATIO": numbers,
        "CARPD_PREEMPT": st.sampled_from(["yes", "no"]),
        "CARPD_GROUP": st.just("239.1.2.3"),
        "CARPD_ADDRESSES": st.just("10.0.0.102/24"),
    }
    drawn = {name: draw(st.none() | values) for name, values in choices.items()}
    table = {"UCARP_RTABLE": "100", "UCARP_GATEWAY": "10.0.0.254", "UCARP_RTABLE_NETWORK_LENGTH": "24"}
    found = {name: value for name, value in drawn.items() if value is not None}
    return VARIABLES | found | (table if draw(st.booleans()) else {})


@given(environments())
def test_what_is_printed_means_what_the_image_was_told(environ: dict[str, str]) -> None:
    """The file and the environment are the same virtual host."""
    original = environment.read(environ, interfaces=lambda: a_host_with("eth0"))
    text = written(image_environment.read(environ, interfaces=lambda: a_host_with("eth0")))
    assert meaning(text) == original.node


def test_what_was_guessed_is_left_to_carpd() -> None:
    """A source address that nobody set is the interface's own, and is not written down."""
    environ = {"UCARP_ADDR": "10.0.0.101", "UCARP_PASS": PASSWORD}
    migration = image_environment.read(
        environ, interfaces=lambda: a_host_with("eth7"), guess_interface=lambda: "eth7"
    )
    text = written(migration)
    assert "source" not in text.split("[[virtual_host]]")[1]
    assert "UCARP_INTERFACE is not set: eth7 has the default route" in text
    (host,) = meaning(text, PASSWORD, "eth7").virtual_hosts
    assert str(host.source) == "198.51.100.1"


def test_a_secret_is_neither_printed_nor_needed(tmp_path: Path) -> None:
    """A mounted file is named, although this host does not have it; a password in the clear is not repeated."""
    mounted = VARIABLES | {"UCARP_PASS_FILE": str(tmp_path / "secret")}
    text = written(image_environment.read(mounted))
    assert f'password_file = "{tmp_path / "secret"}"' in text
    plain = VARIABLES | {"UCARP_PASS": "hunter2hunter2"}
    assert "hunter2" not in written(image_environment.read(plain))


def test_mistakes_are_told_with_the_names_of_the_variables() -> None:
    """As carpd itself does."""
    with pytest.raises(MigrationError, match="UCARP_VHID"):
        image_environment.read(VARIABLES | {"UCARP_VHID": "900"})


def test_a_file_of_variables_is_read_as_docker_reads_it() -> None:
    """Comments and blank lines are passed over, quotation marks and `export` are taken off."""
    text = "# a comment\n\nUCARP_ADDR=10.0.0.100\nexport UCARP_PASS='a b'\nUCARP_VHID=\"7\"\n"
    assert image_environment.variables_of(text) == {
        "UCARP_ADDR": "10.0.0.100",
        "UCARP_PASS": "a b",
        "UCARP_VHID": "7",
    }
