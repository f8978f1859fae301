"""What a program without a type checker gets wrong about a configuration is told like any other mistake."""

from dataclasses import fields, replace
from ipaddress import IPv4Address, IPv4Interface, ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import ConfigurationError, NodeConfig, VirtualHostConfig

from .hosts import PLAIN


def problems_of(**changes: Any) -> list[str]:  # noqa: ANN401 - of wrong types on purpose
    """Return what is said of a configuration with some fields of wrong types."""
    with pytest.raises(ConfigurationError) as caught:
        replace(PLAIN, **changes)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"password": "s3cret word"}, "password of type str: expected bytes"),
        ({"vhid": True}, "vhid True: expected an int"),
        ({"advskew": 1.5}, "advskew 1.5: expected an int"),
        ({"preempt": 1}, "preempt 1: expected True or False"),
        ({"interface": b"eth0"}, "interface b'eth0': expected a str"),
        ({"source": "10.0.0.1"}, "source '10.0.0.1': expected an ipaddress.IPv4Address or None"),
        (
            {"source": IPv4Interface("10.0.0.5/24")},
            "source IPv4Interface('10.0.0.5/24'): expected an ipaddress.IPv4Address or None",
        ),
        ({"dialect": "carpd"}, "dialect 'carpd': expected a Dialect of triocarp.core"),
        ({"transport": "multicast"}, "transport 'multicast': expected one of Transport.MULTICAST, "),
        (
            {"addresses": ("10.0.0.100/24",)},
            "addresses[0] '10.0.0.100/24': expected an ipaddress.IPv4Interface or an ipaddress.IPv6Interface",
        ),
        (
            {"addresses": (IPv4Address("10.0.0.100"),)},
            "addresses[0] IPv4Address('10.0.0.100'): expected an ipaddress.IPv4Interface or an",
        ),
        (
            {"addresses": [ip_interface("10.0.0.100/24")]},
            "expected a tuple, each an ipaddress.IPv4Interface or an",
        ),
        ({"announce_after": 2}, "announce_after 2: expected a tuple, each an int"),
        ({"flap_damping": True}, "flap_damping True: expected a FlapDamping of triocarp.core or None"),
    ],
    ids=str,
)
def test_wrong_type_is_told_with_what_would_be_right(changes: dict[str, Any], expected: str) -> None:
    """The path to the field or its element, the value, and the type; nothing else is said of it."""
    (problem,) = problems_of(**changes)
    assert problem.startswith(expected) or expected in problem


def test_wrong_types_are_told_with_everything_else_that_is_wrong() -> None:
    """One reading is enough: what can be judged without the fields of wrong types is judged."""
    found = problems_of(password="secret", dialect="carpd", vhid=300, addresses=(ip_interface("10.0.0.0/24"),))
    assert [problem.partition(" ")[0] for problem in found] == ["password", "dialect", "vhid", "addresses[0]"]


def test_passwords_are_not_shown() -> None:
    """Not even those that are of the wrong type."""
    for name in ("password", "other_password"):
        assert "hush" not in "".join(problems_of(**{name: "hush"}))
    assert "..." in problems_of(interface=["eth0"] * 50)[0]


class Strange:
    """Of no type that a field may have."""


@given(st.sets(st.sampled_from([field.name for field in fields(VirtualHostConfig)]), min_size=1))
def test_no_field_takes_what_is_strange(names: set[str]) -> None:
    """Whichever fields it is given for, each is named, and no error comes from the inside."""
    found = problems_of(**dict.fromkeys(names, Strange()))
    assert {problem.partition(" ")[0] for problem in found} >= names


def test_prefix_of_everything_is_refused() -> None:
    """With /0 the kernel would take every address in the world for a neighbour."""
    (problem,) = problems_of(addresses=(ip_interface("10.0.0.100/0"),))
    assert problem.startswith("addresses[0] 10.0.0.100: expected a prefix length from 1 on")


@pytest.mark.parametrize(
    ("virtual_hosts", "expected"),
    [
        ((), "virtual_hosts (none): expected at least one VirtualHostConfig"),
        ([PLAIN], "expected a tuple, each a VirtualHostConfig of triocarp.core"),
        ((PLAIN, 3), "virtual_hosts[1] 3: expected a VirtualHostConfig of triocarp.core"),
    ],
    ids=["none", "a list", "something else"],
)
def test_node_has_virtual_hosts(virtual_hosts: Any, expected: str) -> None:  # noqa: ANN401 - of wrong types
    """At least one, in a tuple; that of a list would be in another's hands."""
    with pytest.raises(ConfigurationError, match=r"virtual_hosts") as caught:
        NodeConfig(virtual_hosts=virtual_hosts)
    assert expected in str(caught.value)
