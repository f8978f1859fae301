"""A configuration that cannot work is refused whole, with every problem, and without the password."""

from dataclasses import FrozenInstanceError, replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from triocarp.core import ConfigurationError, NodeConfig, Problem, VirtualHostConfig
from triocarp.core.timing import SECOND

from .hosts import PLAIN, VIRTUAL_ADDRESS

NUMBER = "a number from {} to 255"
HOST_ADDRESS = "an address that a host can have"


def problems(**changes: int | bytes | IPv4Address | tuple[IPv4Interface, ...]) -> list[tuple[str, str, str]]:
    """Return what is wrong with the plain configuration after some changes."""
    with pytest.raises(ConfigurationError) as caught:
        replace(PLAIN, **changes)  # type: ignore[arg-type]
    assert "; ".join(map(str, caught.value.problems)) == str(caught.value)
    return [(problem.setting, problem.value, problem.accepted) for problem in caught.value.problems]


@pytest.mark.parametrize(("setting", "least"), [("vhid", 1), ("advbase_s", 0), ("advskew", 0), ("dead_ratio", 1)])
def test_number_out_of_range_is_refused(setting: str, least: int) -> None:
    """Each number is refused just below and just above its range, and accepted at both ends."""
    for value in (least - 1, 256):
        assert (setting, str(value), NUMBER.format(least)) in problems(**{setting: value})
    for value in (max(least, 1), 255):
        replace(PLAIN, **{setting: value})  # type: ignore[arg-type]


def test_interval_of_nothing_is_refused() -> None:
    """Advbase 0 with advskew 0 would advertise without pause; each alone may be 0."""
    ((setting, value, _),) = problems(advbase_s=0, advskew=0)
    assert (setting, value) == ("advbase_s", "0 with advskew 0")
    assert replace(PLAIN, advbase_s=0, advskew=1).interval == SECOND // 256


def test_settings_that_read_as_a_goodbye_are_refused() -> None:
    """255/255 on the wire says that the master is leaving; 255/254 does not."""
    ((setting, value, _),) = problems(advbase_s=255, advskew=255)
    assert (setting, value) == ("advbase_s", "255 with advskew 255")
    replace(PLAIN, advbase_s=255, advskew=254)


@pytest.mark.parametrize("length", [0, 21])
def test_password_of_wrong_length_is_refused(length: int) -> None:
    """A password has 1 to 20 bytes; the problem tells the length and nothing else."""
    ((setting, value, _),) = problems(password=b"x" * length)
    assert (setting, value) == ("password", f"of {length} bytes")


@pytest.mark.parametrize("length", [1, 19, 20])
def test_password_of_right_length_is_accepted(length: int) -> None:
    """20 bytes is what every kernel has room for."""
    replace(PLAIN, password=b"x" * length)


def test_ucarp_dialect_has_exactly_one_address() -> None:
    """None, and two, are refused."""
    accepted = "exactly one IPv4 address in the ucarp dialect"
    assert problems(addresses=()) == [("addresses", "(none)", accepted)]
    two = (VIRTUAL_ADDRESS, IPv4Interface("10.0.0.101/24"))
    assert problems(addresses=two) == [("addresses", "10.0.0.100/24, 10.0.0.101/24", accepted)]


@pytest.mark.parametrize("address", ["224.0.0.5", "0.0.0.0", "127.0.0.1", "255.255.255.255"])  # noqa: S104
def test_address_that_no_host_can_have_is_refused(address: str) -> None:
    """Neither the virtual nor the own address may be multicast, unspecified, loopback or broadcast."""
    assert problems(addresses=(IPv4Interface(f"{address}/24"),)) == [("addresses", address, HOST_ADDRESS)]
    assert problems(source=IPv4Address(address)) == [("source", address, HOST_ADDRESS)]


def test_virtual_address_as_source_is_refused() -> None:
    """The virtual address moves; advertising from it works on one host only."""
    ((setting, value, _),) = problems(source=VIRTUAL_ADDRESS.ip)
    assert (setting, value) == ("source", "10.0.0.100")


def test_group_must_be_multicast() -> None:
    """An address that is no group cannot be joined."""
    assert problems(group=IPv4Address("10.0.0.18")) == [("group", "10.0.0.18", "a multicast address")]


def test_all_problems_are_told_at_once() -> None:
    """Who repairs a configuration wants to do it once."""
    found = problems(
        vhid=0,
        advbase_s=-1,
        advskew=256,
        dead_ratio=0,
        password=b"",
        addresses=(),
        source=IPv4Address("224.0.0.1"),
        group=IPv4Address("10.0.0.18"),
    )
    assert [setting for setting, _, _ in found] == [
        "vhid",
        "advbase_s",
        "advskew",
        "dead_ratio",
        "password",
        "addresses",
        "source",
        "group",
    ]


def test_problem_is_one_sentence() -> None:
    """It names the setting, the value, and what would be right."""
    problem = Problem(setting="vhid", value="0", accepted="a number from 1 to 255")
    assert str(problem) == "vhid 0: expected a number from 1 to 255"


def test_password_is_never_shown() -> None:
    """Neither a configuration nor an error about it shows the password."""
    secret = b"the secret word"
    shown = [repr(replace(PLAIN, password=secret)), str(replace(PLAIN, password=secret))]
    shown.append(repr(NodeConfig(virtual_hosts=(replace(PLAIN, password=secret),))))
    for wrong in (secret, secret + b" is far too long"):
        with pytest.raises(ConfigurationError) as caught:
            replace(PLAIN, password=wrong, vhid=0)
        shown += [repr(caught.value), str(caught.value), repr(caught.value.problems)]
    assert not [text for text in shown if "secret" in text]


def test_configuration_is_immutable() -> None:
    """A host's configuration never changes under it."""
    with pytest.raises(FrozenInstanceError):
        PLAIN.vhid = 8  # type: ignore[misc]


def test_derived_times() -> None:
    """Interval, dead time and lease follow from the settings."""
    config = replace(PLAIN, advbase_s=2, advskew=128, dead_ratio=4)
    assert (config.interval, config.dead_time, config.lease_s) == (2_500_000_000, 8_500_000_000, 9)


def other(**changes: int | str | tuple[IPv4Interface, ...]) -> VirtualHostConfig:
    """Return a second virtual host that differs in VHID and address, and then in the changes."""
    second = replace(PLAIN, vhid=8, addresses=(IPv4Interface("10.0.0.101/24"),))
    return replace(second, **changes)  # type: ignore[arg-type]


def test_virtual_hosts_may_share_what_does_not_clash() -> None:
    """The same VHID on another interface, and another VHID on the same one, are fine."""
    third = other(vhid=7, interface="eth1", addresses=(IPv4Interface("10.1.0.100/24"),))
    assert len(NodeConfig(virtual_hosts=(PLAIN, other(), third)).virtual_hosts) == 3


def test_same_number_on_one_interface_is_refused() -> None:
    """Two virtual hosts with the same VHID would hear each other's advertisements."""
    with pytest.raises(ConfigurationError, match=r"virtual_hosts\[1\]\.vhid 7: expected .* on eth0"):
        NodeConfig(virtual_hosts=(PLAIN, other(vhid=7)))


@pytest.mark.parametrize("interface", ["eth0", "eth1"])
def test_same_address_twice_is_refused(interface: str) -> None:
    """An address belongs to one virtual host of a machine, whatever the interface or prefix length."""
    clash = other(interface=interface, addresses=(IPv4Interface("10.0.0.100/32"),))
    with pytest.raises(
        ConfigurationError, match=r"virtual_hosts\[1\]\.addresses .* virtual_hosts\[0\] does not have"
    ):
        NodeConfig(virtual_hosts=(PLAIN, clash))


def test_all_clashes_are_told_at_once() -> None:
    """Three equal virtual hosts are four problems."""
    with pytest.raises(ConfigurationError) as caught:
        NodeConfig(virtual_hosts=(PLAIN, PLAIN, PLAIN))
    assert len(caught.value.problems) == 4
