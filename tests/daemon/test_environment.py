"""The container image's variables: what each means, and what the image's own script would have made of them."""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from triocarp.core import CARPD, UCARP, Hook, Link, Transport
from triocarp.daemon import command_line, environment
from triocarp.daemon.settings import Settings, SettingsError
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.rtnetlink_messages import AddressReport, LinkReport

if TYPE_CHECKING:
    from triocarp.core import VirtualHostConfig
    from triocarp.core.family import IPInterface

LEAST: Final = {"UCARP_ADDR": "10.0.0.100", "UCARP_PASS": "secret"}
OWN: Final = ("10.0.0.5/24", "fe80::5/64", "2001:db8::5/64")
NOWHERE: Final = Path("/nonexistent")


def table(*addresses: str) -> InterfaceTable:
    """Return what a host with one interface has."""
    found = InterfaceTable()
    mac = bytes(6)
    found.apply(LinkReport(index=2, name="eth0", link=Link.UP, hardware_address=mac, loopback=False, arp=True))
    for text in addresses:
        address: IPInterface = IPv6Interface(text) if ":" in text else IPv4Interface(text)
        found.apply(AddressReport(index=2, address=address, present=True, port_id=0, number=0))
    return found


def read(
    environ: dict[str, str],
    *,
    own: tuple[str, ...] = OWN,
    interface: str | None = "eth0",
    scripts: Path = NOWHERE,
) -> Settings:
    """Return what variables mean on a host with a default route through eth0."""
    return environment.read(
        environ, interfaces=lambda: table(*own), guess_interface=lambda: interface, scripts=scripts
    )


def host(**variables: str) -> Any:  # noqa: ANN401 - so that tests can ask for any field
    """Return the virtual host of the least environment and some more variables."""
    return read({**LEAST, **variables}).node.virtual_hosts[0]


def refusal(environ: dict[str, str], **how: Any) -> SettingsError:  # noqa: ANN401 - as for `read`
    """Return the refusal of an environment."""
    with pytest.raises(SettingsError) as caught:
        read(environ, **how)
    return caught.value


def test_defaults() -> None:
    """What is not set is as the image has it."""
    found = host()
    assert (found.interface, found.vhid, found.password) == ("eth0", 1, b"secret")
    assert (found.addresses, found.source) == ((IPv4Interface("10.0.0.100/32"),), IPv4Address("10.0.0.5"))
    assert (found.advbase_s, found.advskew, found.dead_ratio, found.preempt) == (1, 0, 3, False)
    assert (found.transport, found.group) == (Transport.MULTICAST, IPv4Address("224.0.0.18"))
    assert (found.announce_after, found.dialect) == ((1, 2, 3, 4, 5), UCARP)
    assert found.manages_addresses
    assert found.routing is None


@pytest.mark.parametrize(
    ("variables", "field", "value"),
    [
        ({"UCARP_MASKLEN": "24"}, "addresses", (IPv4Interface("10.0.0.100/24"),)),
        ({"UCARP_INTERFACE": "eth0"}, "interface", "eth0"),
        ({"UCARP_SRCIP": "10.0.0.6"}, "source", IPv4Address("10.0.0.6")),
        ({"UCARP_VHID": "0x2a"}, "vhid", 42),
        ({"UCARP_GARP_TIMEOUT": "2"}, "announce_after", (1, 2)),
        ({"UCARP_GARP_TIMEOUT": "0"}, "announce_after", ()),
        ({"UCARP_GARP_TIMEOUT": "-1"}, "announce_after", ()),
        ({"UCARP_GARP_TIMEOUT": "010"}, "announce_after", tuple(range(1, 9))),
        ({"UCARP_BROADCAST": "0"}, "transport", Transport.BROADCAST),
        ({"UCARP_BROADCAST": ""}, "transport", Transport.MULTICAST),
        ({"CARPD_ADVBASE": "2"}, "advbase_s", 2),
        ({"CARPD_ADVSKEW": "100"}, "advskew", 100),
        ({"CARPD_DEAD_RATIO": "5"}, "dead_ratio", 5),
        ({"CARPD_PREEMPT": "True"}, "preempt", True),
        ({"CARPD_PREEMPT": "off"}, "preempt", False),
        ({"CARPD_GROUP": "239.1.2.3"}, "group", IPv4Address("239.1.2.3")),
        ({"CARPD_PEERS": "10.0.0.6, 10.0.0.7"}, "peers", (IPv4Address("10.0.0.6"), IPv4Address("10.0.0.7"))),
        ({"CARPD_PEERS": "10.0.0.6"}, "transport", Transport.UNICAST),
    ],
)
def test_each_variable(variables: dict[str, str], field: str, value: object) -> None:
    """Each variable is a setting."""
    assert getattr(host(**variables), field) == value


def test_several_addresses() -> None:
    """Both families, beside the image's one or in its place; with them all hosts are carpds."""
    six = {"CARPD_ADDRESSES": "10.0.0.101/24,2001:db8::100/64"}
    found = host(**six)
    assert list(map(str, found.addresses)) == ["10.0.0.100/32", "10.0.0.101/24", "2001:db8::100/64"]
    assert (found.dialect, found.source, found.source6) == (CARPD, IPv4Address("10.0.0.5"), IPv6Address("fe80::5"))
    alone = read({"CARPD_ADDRESSES": "2001:db8::100/64"}).node.virtual_hosts[0]
    assert (alone.source, alone.source6) == (None, IPv6Address("fe80::5"))
    given = host(UCARP_SRCIP="10.0.0.6,2001:db8::5", **six)
    assert list(map(str, given.sources.values())) == ["10.0.0.6", "2001:db8::5"]


def test_routing() -> None:
    """A table with the documented defaults, and with everything set; what is empty is not set."""
    found = host(UCARP_RTABLE="100", UCARP_MASKLEN="24", UCARP_RULE_PRIORITY="", UCARP_GATEWAY="10.0.0.254")
    assert (found.routing.table, found.routing.priority) == (100, None)
    assert str(found.routing.connected(found.addresses[0])) == "10.0.0.0/24"
    assert str(found.routing.gateway(found.addresses[0])) == "10.0.0.254"
    found = host(UCARP_RTABLE="100", UCARP_RULE_PRIORITY="500", UCARP_RTABLE_NETWORK_LENGTH="16")
    assert found.routing.priority == 500
    assert str(found.routing.connected(found.addresses[0])) == "10.0.0.0/16"
    assert host(UCARP_RTABLE="100").routing.connected(found.addresses[0]) is None


def test_routing_without_a_table() -> None:
    """The image takes no note of it; we say so."""
    found = read({**LEAST, "UCARP_GATEWAY": "10.0.0.254"})
    assert found.node.virtual_hosts[0].routing is None
    assert "UCARP_GATEWAY" in found.warnings[0]


@pytest.mark.parametrize(
    "own",
    [
        ("10.0.0.100/32", "10.0.0.5/24"),
        ("10.0.0.100/24", "10.0.0.5/24"),
        ("10.0.0.101/32", "10.0.0.5/24"),
        ("10.0.0.5/24", "10.0.0.6/24"),
        ("10.0.0.5/32", "10.0.0.100/24"),
    ],
)
def test_guess_of_the_source(own: tuple[str, ...]) -> None:
    """It is the first address that is not virtual, whatever a predecessor or another container left before it."""
    assert read(LEAST, own=own).node.virtual_hosts[0].source == IPv4Address("10.0.0.5")


def test_password_file(tmp_path: Path) -> None:
    """The whole file but for its trailing newlines, and before UCARP_PASS."""
    file = tmp_path / "password"
    file.write_bytes(b" two\nlines \n\n")
    assert host(UCARP_PASS_FILE=str(file)).password == b" two\nlines "
    assert "secret" not in repr(host(UCARP_PASS_FILE=str(file)))


def test_a_carriage_return_at_the_end_of_the_password_is_told(tmp_path: Path) -> None:
    """The image takes it as well, so it counts; but hosts with another kind of file have none."""
    file = tmp_path / "password"
    file.write_bytes(b"secret\r\n")
    found = read({**LEAST, "UCARP_PASS_FILE": str(file)})
    assert found.node.virtual_hosts[0].password == b"secret\r"
    assert found.warnings == (
        "the password ends with a carriage return, which counts: see whether the other hosts' does",
    )


def test_default_password_works_and_warns() -> None:
    """Somebody has it in a test network."""
    found = read({"UCARP_ADDR": "10.0.0.100"})
    assert found.node.virtual_hosts[0].password == b"password"
    assert "everybody knows" in found.warnings[0]
    assert not read(LEAST).warnings


@pytest.mark.parametrize(
    ("environ", "how", "status", "variable"),
    [
        ({}, {}, 1, "UCARP_ADDR"),
        ({"UCARP_ADDR": ""}, {}, 1, "UCARP_ADDR"),
        (LEAST, {"interface": None}, 2, "UCARP_INTERFACE"),
        (LEAST, {"own": ()}, 3, "UCARP_SRCIP"),
        (LEAST, {"own": ("10.0.0.100/24",)}, 3, "UCARP_SRCIP"),
        ({**LEAST, "UCARP_PASS_FILE": "/nonexistent"}, {}, 4, "UCARP_PASS_FILE"),
        ({**LEAST, "UCARP_PASS": "x" * 21}, {}, 2, "UCARP_PASS"),
        ({**LEAST, "UCARP_INTERFACE": "nowhere"}, {}, 2, "UCARP_INTERFACE"),
    ],
)
def test_exit_status(environ: dict[str, str], how: dict[str, Any], status: int, variable: str) -> None:
    """Each is the image's."""
    refused = refusal(environ, **how)
    assert (refused.status, [line.split()[0] for line in refused.lines]) == (status, [variable])


WRONG: Final = {
    "UCARP_ADDR": "10.0.0",
    "UCARP_MASKLEN": "33",
    "UCARP_SRCIP": "here",
    "UCARP_VHID": "300",
    "UCARP_PASS_FILE": "/nonexistent",
    "UCARP_GARP_TIMEOUT": "soon",
    "UCARP_RTABLE": "main",
    "UCARP_RTABLE_NETWORK_LENGTH": "0",
    "UCARP_GATEWAY": "router",
    "UCARP_RULE_PRIORITY": "-1",
    "CARPD_ADVBASE": "256",
    "CARPD_ADVSKEW": "x",
    "CARPD_DEAD_RATIO": "0",
    "CARPD_PREEMPT": "maybe",
    "CARPD_GROUP": "10.0.0.1",
    "CARPD_PEERS": "peer",
    "CARPD_ADDRESSES": "10.0.0.101",
}


def test_all_mistakes_at_once() -> None:
    """Each names its variable; the status is that of the first in the image's order."""
    refused = refusal(WRONG)
    assert sorted(line.split()[0] for line in refused.lines) == sorted(WRONG)
    assert refused.status == 4  # the image's script does not come to the others


@pytest.mark.parametrize("variable", sorted(WRONG))
def test_each_mistake(variable: str) -> None:
    """Alone it is told as well, and nothing else is."""
    further = {"UCARP_RTABLE": "100"} if variable.startswith(("UCARP_R", "UCARP_GATEWAY")) else {}
    refused = refusal({**LEAST, **further, variable: WRONG[variable]})
    assert [line.split()[0] for line in refused.lines] == [variable]


def test_a_prefix_length_of_no_bits_is_the_mistake_of_its_own_variable() -> None:
    """The address itself is right."""
    (line,) = refusal({**LEAST, "UCARP_MASKLEN": "0"}).lines
    assert line == "UCARP_MASKLEN 0: expected a number from 1 to 32"


def test_problems_of_lists() -> None:
    """A problem with a further address is one of the variable that has it."""
    assert refusal({**LEAST, "CARPD_ADDRESSES": "10.0.0.100/24"}).lines[0].startswith("CARPD_ADDRESSES 10.0.0.100")
    both = {**LEAST, "CARPD_PEERS": "10.0.0.6", "UCARP_BROADCAST": "1"}
    assert refusal(both).lines[0].startswith("UCARP_BROADCAST")
    empty = {**LEAST, "UCARP_PASS_FILE": os.devnull}
    assert refusal(empty).lines[0].startswith("UCARP_PASS_FILE")


def test_misspelt_variable() -> None:
    """It is told, but no mistake: Kubernetes sets some for a service that is called ucarp."""
    found = read({**LEAST, "UCARP_MASKLENGTH": "24", "UCARP_PORT_80_TCP": "tcp://10.0.0.1:80"})
    assert len(found.warnings) == 1
    assert "UCARP_MASKLEN?" in found.warnings[0]


def test_scripts(tmp_path: Path) -> None:
    """Scripts of the operator's get what the image's get, and do what it does; for one alone there is another."""
    for name in ("vip-up", "vip-down"):
        (tmp_path / name).write_text("#!/bin/sh\n", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    environ = {**LEAST, "UCARP_MASKLEN": "24", "UCARP_RTABLE": "100"}
    found = read(environ, scripts=tmp_path)
    scripts = found.scripts["eth0", 1]
    assert scripts[Hook.UP].argv == (str(tmp_path / "vip-up"), "eth0", "10.0.0.100", "24")
    assert scripts[Hook.DOWN].path == tmp_path / "vip-down"
    one = found.node.virtual_hosts[0]
    assert (one.manages_addresses, one.routing) == (False, None)
    (tmp_path / "vip-up").unlink()
    found = read(environ, scripts=tmp_path)
    assert found.scripts["eth0", 1][Hook.UP].path == environment.OWN_SCRIPTS / "vip-up"


# The image's own documented behaviour: what its script makes of the variables that it knows.


def ucarp_s(environ: dict[str, str], own: tuple[str, ...]) -> list[str] | int:
    """Return the words with which the image would start ucarp, or its exit status."""
    if not environ.get("UCARP_ADDR"):
        return 1
    own4 = [text.partition("/")[0] for text in own if ":" not in text]
    if not environ.get("UCARP_SRCIP") and not own4:
        return 3
    password = environ.get("UCARP_PASS") or "password"
    if environ.get("UCARP_PASS_FILE"):
        try:
            password = Path(environ["UCARP_PASS_FILE"]).read_text(encoding="utf-8").rstrip("\n")
        except OSError:
            return 4
    words = [
        f"--interface={environ.get('UCARP_INTERFACE') or 'eth0'}",
        f"--srcip={environ.get('UCARP_SRCIP') or own4[0]}",
        f"--vhid={environ.get('UCARP_VHID') or 1}",
        f"--pass={password}",
        f"--addr={environ['UCARP_ADDR']}",
        f"--prefix-length={environ.get('UCARP_MASKLEN') or 32}",
        "--shutdown",
    ]
    return words + ["--nomcast"] * bool(environ.get("UCARP_BROADCAST"))


VALUES: Final = {
    "UCARP_ADDR": ["10.0.0.100", "192.0.2.7", "", "10.0.0"],
    "UCARP_MASKLEN": ["24", "32", "", "33", "x"],
    "UCARP_INTERFACE": ["eth0", ""],
    "UCARP_SRCIP": ["10.0.0.5", "10.0.0.6", "", "x"],
    "UCARP_VHID": ["1", "255", "0x10", "", "0", "256", "one"],
    "UCARP_PASS": ["secret", "x" * 19, "x" * 20, "x" * 21, ""],
    "UCARP_PASS_FILE": ["", "/nonexistent", "{file}"],
    "UCARP_BROADCAST": ["", "0", "yes"],
}


def theirs_or_status(words: list[str]) -> VirtualHostConfig | int:
    """Return what ucarp's words mean, or the exit status that they have."""
    try:
        return command_line.read(words, first_interface=lambda: None).node.virtual_hosts[0]
    except SettingsError as error:
        return error.status


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(environ=st.fixed_dictionaries({}, optional={name: st.sampled_from(v) for name, v in VALUES.items()}))
def test_as_the_image(tmp_path: Path, environ: dict[str, str]) -> None:
    """The same settings as ucarp with the image's words, or the same exit status."""
    file = tmp_path / "password"
    file.write_bytes(b"from a file\n\n")
    environ = {name: value.format(file=file) for name, value in environ.items()}
    words = ucarp_s(environ, OWN)
    if isinstance(words, int):
        assert refusal(environ).status == words
        return
    theirs = theirs_or_status(words)
    if isinstance(theirs, int):
        assert refusal(environ).status == theirs
        return
    (ours,) = read(environ).node.virtual_hosts
    fields = ("interface", "vhid", "password", "addresses", "source", "transport", "group", "advbase_s", "advskew")
    further = ("dead_ratio", "preempt", "neutral", "ignore_carrier", "dialect")
    for field in (*fields, *further):
        assert getattr(ours, field) == getattr(theirs, field)
