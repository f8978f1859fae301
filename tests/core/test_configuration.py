"""A configuration that cannot work is refused whole, with every problem, and without the password."""

from dataclasses import FrozenInstanceError, fields, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from triocarp.core import (
    CARPD,
    DIALECTS,
    FREEBSD,
    NETBSD,
    OPENBSD,
    UCARP,
    ConfigurationError,
    Dialect,
    Draft,
    FlapDamping,
    NodeConfig,
    Problem,
    Sealing,
    Transport,
    VirtualHostConfig,
    problems_of_drafts,
)
from triocarp.core.sealed_counter import WINDOW_LIMIT
from triocarp.core.timing import SECOND
from triocarp.core.virtual_host_problems import DURATION_LIMIT

from .wire import DUAL, OWN, OWN6, PEER, PEER6, PLAIN, THIRD, VIRTUAL, VIRTUAL6, keyring_of, speaking

NUMBER = "a number from {} to 255"
HOST_ADDRESS = "an address that a host can have"


ANOTHER_S: Final = "another host's own address, each once"
UNICAST: Final = replace(DUAL, transport=Transport.UNICAST, peers=(PEER, PEER6))

every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)


def problems(config: VirtualHostConfig = PLAIN, /, **changes: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401 - of any field
    """Return what is wrong with a configuration, the plain one if none is named, after some changes."""
    with pytest.raises(ConfigurationError) as caught:
        replace(config, **changes)
    assert "; ".join(map(str, caught.value.problems)) == str(caught.value)
    return [(problem.setting, problem.value, problem.accepted) for problem in caught.value.problems]


def settings_at_fault(config: VirtualHostConfig, /, **changes: Any) -> list[str]:  # noqa: ANN401 - of any field
    """Return which settings are wrong after some changes; none if it all works."""
    try:
        replace(config, **changes)
    except ConfigurationError as error:
        return [problem.setting for problem in error.problems]
    return []


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
    accepted = "1 to 20 bytes (ucarp and BSD ifconfig: 19 at most)"
    for setting in ("password", "other_password"):
        assert problems(**{setting: b"x" * length}) == [(setting, f"of {length} bytes", accepted)]


@pytest.mark.parametrize("length", [1, 19, 20])
def test_password_of_right_length_is_accepted(length: int) -> None:
    """20 bytes is what every kernel has room for."""
    replace(PLAIN, password=b"x" * length)


def test_ucarp_dialect_has_exactly_one_address() -> None:
    """None, and two, are refused."""
    accepted = "exactly one IPv4 address in the ucarp dialect"
    assert problems(addresses=()) == [("addresses", "(none)", accepted)]
    two = (VIRTUAL, IPv4Interface("10.0.0.101/24"))
    assert problems(addresses=two) == [("addresses", "10.0.0.100/24, 10.0.0.101/24", accepted)]


@pytest.mark.parametrize("address", ["224.0.0.5", "0.0.0.0", "127.0.0.1", "255.255.255.255"])  # noqa: S104
def test_address_that_no_host_can_have_is_refused(address: str) -> None:
    """Neither the virtual nor the own address may be multicast, unspecified, loopback or broadcast."""
    assert problems(addresses=(IPv4Interface(f"{address}/24"),)) == [("addresses[0]", address, HOST_ADDRESS)]
    assert problems(source=IPv4Address(address)) == [("source", address, HOST_ADDRESS)]


def test_virtual_address_as_source_is_refused() -> None:
    """The virtual address moves; advertising from it works on one host only."""
    ((setting, value, _),) = problems(source=VIRTUAL.ip)
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


# What a dialect lets a host be.


@every_dialect
def test_advskew_ends_where_the_dialects_does(dialect: Dialect) -> None:
    """A ucarp takes 255, everybody else 254 at most (3.1)."""
    most = 255 if dialect is UCARP else 254
    replace(speaking(dialect), advskew=most)
    assert problems(speaking(dialect), advskew=256)[0] == ("advskew", "256", f"a number from 0 to {most}")
    assert bool(settings_at_fault(speaking(dialect), advskew=255)) == (dialect is not UCARP)


@every_dialect
def test_advbase_0_is_refused_where_it_flaps(dialect: Dialect) -> None:
    """Where the dead time does not multiply the skew, advbase 0 is refused, and the reason told (3.1, 3.2)."""
    if dialect.name in {"ucarp", "carpd", "openbsd", "openbsd-7.3"}:
        assert replace(speaking(dialect), advbase_s=0, advskew=10).dead_time == 3 * 10 * SECOND // 256
    else:
        ((setting, value, accepted),) = problems(speaking(dialect), advbase_s=0, advskew=10)
        assert (setting, value) == ("advbase_s", "0")
        assert accepted == (
            f"1 or more in the {dialect.name} dialect: with 0 the dead time is no longer than the interval, and "
            "two hosts would take the address from each other all the time"
        )


@every_dialect
def test_advbase_0_with_advskew_0_is_openbsds_least(dialect: Dialect) -> None:
    """It means 1/256 s to OpenBSD, and no interval at all to anybody else (3.2)."""
    if dialect.name.startswith("openbsd"):
        least = replace(speaking(dialect), advbase_s=0, advskew=0)
        assert (least.interval, least.dead_time) == (SECOND // 256, 3 * SECOND // 256)
    else:
        assert settings_at_fault(speaking(dialect), advbase_s=0, advskew=0) == ["advbase_s"]


@every_dialect
def test_empty_password_is_the_bsds(dialect: Dialect) -> None:
    """The BSDs have none by default; ucarp refuses that (2.1)."""
    refused = ["password"] if dialect in {UCARP, CARPD} else []
    assert refused == settings_at_fault(speaking(dialect), password=b"")
    assert settings_at_fault(speaking(dialect), password=bytes(21)) == ["password"]


def test_ucarp_knows_no_ipv6() -> None:
    """Neither as virtual nor as own address, and the dialect is named."""
    accepted = "an IPv4 address: the ucarp dialect has no other"
    assert problems(addresses=(VIRTUAL6,)) == [("addresses[0]", str(VIRTUAL6.ip), accepted)]
    assert problems(source6=OWN6) == [("source6", str(OWN6), accepted)]


@pytest.mark.parametrize("dialect", [CARPD, FREEBSD, OPENBSD], ids=lambda dialect: dialect.name)
def test_number_of_addresses_has_an_end(dialect: Dialect) -> None:
    """255 addresses are possible, of any mixture; none, and 256, are not."""
    addresses = tuple(ip_interface(f"10.0.1.{octet}/16") for octet in range(255))
    assert len(replace(speaking(dialect), addresses=addresses).addresses) == 255
    assert problems(speaking(dialect), addresses=(*addresses, VIRTUAL))[0][2] == "1 to 255 addresses"
    (none, *_) = problems(speaking(dialect), addresses=())
    assert none == ("addresses", "(none)", "1 to 255 addresses")


@given(st.lists(st.sampled_from(["10.0.0.1/24", "10.0.0.1/32", "10.0.0.2/24", "2001:db8::1/64"]), min_size=1))
def test_each_address_once(texts: list[str]) -> None:
    """An address is there once, whatever its prefix length."""
    addresses = tuple(map(ip_interface, texts))
    seen = [address.ip for address in addresses]
    repeated = [f"addresses[{place}]" for place, ip in enumerate(seen) if ip in seen[:place]]
    assert repeated == settings_at_fault(DUAL, addresses=addresses)


@pytest.mark.parametrize("address", ["ff02::5", "::", "::1"])
def test_ipv6_address_that_no_host_can_have_is_refused(address: str) -> None:
    """As with IPv4: no group, nothing unspecified, not the machine itself."""
    assert problems(DUAL, addresses=(ip_interface(f"{address}/64"),)) == [("addresses[0]", address, HOST_ADDRESS)]
    assert problems(DUAL, source6=ip_address(address)) == [("source6", address, HOST_ADDRESS)]


def test_ipv6_virtual_address_as_source_is_refused() -> None:
    """It moves as well."""
    ((setting, value, _),) = problems(DUAL, source6=VIRTUAL6.ip)
    assert (setting, value) == ("source6", str(VIRTUAL6.ip))


def test_host_needs_an_address_of_its_own() -> None:
    """Without any it could not advertise."""
    accepted = "the host's own address, of IPv4 or IPv6 or both"
    assert problems(source=None) == [("source", "(none)", accepted)]


@every_dialect
@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_bsd_needs_the_families_of_its_addresses(
    dialect: Dialect, has4: bool, has6: bool, from4: bool, from6: bool
) -> None:
    """A BSD takes over when it hears nothing over a family that it has, and is deaf to one that it has not."""
    assume((has4 or has6) and (from4 or from6))
    addresses = (VIRTUAL,) * has4 + (VIRTUAL6,) * has6
    found = settings_at_fault(
        replace(DUAL),
        dialect=dialect,
        addresses=addresses,
        source=OWN if from4 else None,
        source6=OWN6 if from6 else None,
    )
    if dialect is UCARP:
        assert bool(found) == (has6 or from6)
    elif dialect is CARPD:
        assert found == []
    else:
        assert found == ["source"] * (has4 != from4) + ["source6"] * (has6 != from6)


def test_family_without_a_source_is_explained() -> None:
    """Whoever reads the problem knows what would go wrong, in either direction."""
    ((setting, value, accepted),) = problems(speaking(NETBSD, dual=True), source6=None)
    assert (setting, value) == ("source6", "(none)")
    assert accepted.startswith("an address: there is a virtual one of IPv6, and netbsd hosts take over when")
    ((setting, value, accepted),) = problems(speaking(NETBSD), source6=OWN6)
    assert (setting, value) == ("source6", str(OWN6))
    assert accepted == "none: netbsd hosts do not hear IPv6 without a virtual address of it"


# Transport.


def test_unicast_needs_peers() -> None:
    """Nobody else would hear the host."""
    accepted = "at least one: with unicast nobody else hears us"
    assert problems(transport=Transport.UNICAST) == [("peers", "(none)", accepted)]


@pytest.mark.parametrize("transport", [Transport.MULTICAST, Transport.BROADCAST])
def test_only_unicast_has_peers(transport: Transport) -> None:
    """With a group, peers and routers between them have no meaning, and would be forgotten silently."""
    found = problems(transport=transport, peers=(PEER, PEER6), routed_peers=True)
    assert found[:2] == [
        ("peers", f"{PEER}, {PEER6}", f"none with {transport.value} transport"),
        ("routed_peers", "yes", "no, or unicast transport"),
    ]


def test_peers_are_other_hosts() -> None:
    """Neither ourselves nor the virtual address nor a group nor anybody twice; each is named by its place."""
    wrong = (OWN, PEER, VIRTUAL.ip, PEER, OWN6, VIRTUAL6.ip, IPv4Address("224.0.0.18"), PEER6)
    expected = [(f"peers[{index}]", str(wrong[index]), ANOTHER_S) for index in (0, 2, 3, 4, 5, 6)]
    assert expected == problems(UNICAST, peers=wrong)


def test_peer_needs_a_source_of_its_family() -> None:
    """We could not advertise to it."""
    ((setting, value, accepted),) = problems(UNICAST, source6=None)
    assert (setting, value) == ("peers[1]", str(PEER6))
    assert accepted == "an address of a family in which we have a source; there is none of IPv6"


@every_dialect
def test_source_needs_a_peer_of_its_family(dialect: Dialect) -> None:
    """A BSD that can hear nobody over a family would be master for ever, whatever it hears over the other."""
    if dialect is UCARP:
        assert not settings_at_fault(PLAIN, transport=Transport.UNICAST, peers=(PEER,))
        return
    replace(UNICAST, dialect=dialect)
    ((setting, value, accepted),) = problems(UNICAST, dialect=dialect, peers=(PEER, THIRD))
    assert (setting, value) == ("peers", f"{PEER}, {THIRD}")
    assert accepted == "one of IPv6 as well, since there is a source of it: nobody would be heard over it"


def test_ipv6_group_must_be_multicast() -> None:
    """As IPv4's."""
    assert problems(DUAL, group6=OWN6) == [("group6", str(OWN6), "a multicast address")]


@pytest.mark.parametrize(
    ("setting", "changes"),
    [
        ("addresses[0]", {"addresses": (IPv6Interface("fe80::100%eth0/64"),)}),
        ("source6", {"source6": IPv6Address("fe80::5%eth0")}),
        ("group6", {"group6": IPv6Address("ff02::12%eth0")}),
        ("peers[1]", {"peers": (PEER, IPv6Address("fe80::9%eth0"))}),
        ("unsealed_peers[0]", {"unsealed_peers": (IPv6Address("fe80::9%eth0"),), "sealing": Sealing.OBSERVE}),
    ],
)
def test_address_with_a_scope_is_refused(setting: str, changes: dict[str, Any]) -> None:
    """What comes from the wire has no scope, so such an address would never be recognised."""
    ((found, value, accepted),) = problems(UNICAST, **changes)
    assert found == setting
    assert value.partition("/")[0].endswith("%eth0")
    assert accepted == "an address without a scope: the interface is eth0"


# Details.


@pytest.mark.parametrize("setting", ["preempt_delay", "hold_down", "announce_refresh"])
def test_duration_out_of_range_is_refused(setting: str) -> None:
    """Nothing can begin before it begins, and what takes longer than a day was meant in another unit."""
    for right in (0, DURATION_LIMIT):
        assert not settings_at_fault(PLAIN, preempt=True, **{setting: right})
    accepted = f"nanoseconds from 0 to {DURATION_LIMIT}"
    for wrong in (-1, DURATION_LIMIT + 1):
        assert problems(preempt=True, **{setting: wrong}) == [(setting, str(wrong), accepted)]


@pytest.mark.parametrize("window", [0, -1, WINDOW_LIMIT + 1])
def test_seal_window_has_two_ends(window: int) -> None:
    """A window of nothing believes nobody; beyond the limit a seal could mean two instants."""
    assert problems(seal_window=window) == [("seal_window", str(window), f"nanoseconds from 1 to {WINDOW_LIMIT}")]
    for right in (1, WINDOW_LIMIT):
        replace(PLAIN, seal_window=right)


def test_preempt_delay_needs_preempt() -> None:
    """It delays something that would not happen."""
    accepted = "0, or preempt to be set as well"
    assert problems(preempt_delay=SECOND) == [("preempt_delay", str(SECOND), accepted)]


@pytest.mark.parametrize("wrong", [{"losses": 0}, {"within": 0}, {"hold_down": 0}])
def test_flap_damping_of_nothing_is_refused(wrong: dict[str, int]) -> None:
    """Each of its numbers is above 0."""
    damping = FlapDamping(**wrong)
    value = f"{damping.losses} within {damping.within}, hold-down {damping.hold_down}"
    assert problems(flap_damping=damping) == [("flap_damping", value, "numbers above 0")]
    replace(PLAIN, flap_damping=FlapDamping(losses=1, within=1, hold_down=1))


@pytest.mark.parametrize("wrong", [(0,), (2, -1), (2, 3, 65536)])
def test_announcement_before_the_first_is_refused(wrong: tuple[int, ...]) -> None:
    """Repetitions are counted from the next advertisement on; there need be none."""
    ((setting, value, _),) = problems(announce_after=wrong)
    assert (setting, value) == (f"announce_after[{len(wrong) - 1}]", str(wrong[-1]))
    replace(PLAIN, announce_after=())
    replace(PLAIN, announce_after=(1, 65535))


@pytest.mark.parametrize("length", [1, 5, 7])
def test_link_layer_address_has_six_bytes(length: int) -> None:
    """Or there is none."""
    ((setting, value, accepted),) = problems(speaking(OPENBSD), link_layer_address=bytes(length))
    assert (setting, value, accepted) == ("link_layer_address", bytes(length).hex(":"), "6 bytes, or none")


@every_dialect
def test_link_layer_address_is_openbsds(dialect: Dialect) -> None:
    """Nobody else signs one; and OpenBSD does not sign its default, so that it is none either (2.4)."""
    custom = bytes.fromhex("02aabbccddee")
    is_openbsd = dialect.name.startswith("openbsd")
    if is_openbsd:
        assert replace(speaking(dialect), link_layer_address=custom).link_layer_address == custom
        replace(speaking(dialect), link_layer_address=bytes.fromhex("00005e000108"))
    else:
        ((setting, value, accepted),) = problems(speaking(dialect), link_layer_address=custom)
        assert (setting, value) == ("link_layer_address", "02:aa:bb:cc:dd:ee")
        assert accepted == f"none in the {dialect.name} dialect: only OpenBSD signs it"
    default = bytes.fromhex("00005e000107")
    assert settings_at_fault(speaking(dialect), link_layer_address=default) == ["link_layer_address"]


def test_name_of_a_failover_group_is_nobodys_own() -> None:
    """7@eth0 is the group of a virtual host that is alone; another one would join it unawares."""
    ((setting, value, _),) = problems(failover_group="7@eth0")
    assert (setting, value) == ("failover_group", "7@eth0")
    assert (PLAIN.group_name, replace(PLAIN, failover_group="routers").group_name) == ("7@eth0", "routers")


# Passwords.


@given(st.binary(min_size=1, max_size=20), st.binary(min_size=1, max_size=20))
def test_other_password_is_another_one(password: bytes, other: bytes) -> None:
    """Two passwords that make the same key are one, and the change of password would do nothing (2.1)."""
    found = settings_at_fault(PLAIN, password=password, other_password=other)
    keys = [replace(PLAIN, password=key) for key in (password, other)]
    same = keyring_of(keys[0]).digest(1) == keyring_of(keys[1]).digest(1)
    assert found == (["other_password"] if same else [])


@pytest.mark.parametrize("length", [0, 21])
def test_other_password_has_the_same_limits(length: int) -> None:
    """And tells as little about itself."""
    ((setting, value, _),) = problems(other_password=b"x" * length)
    assert (setting, value) == ("other_password", f"of {length} bytes")


def test_other_password_is_never_shown() -> None:
    """Neither a configuration nor an error about it shows the other password."""
    secret = b"hush"
    config = replace(PLAIN, other_password=secret)
    shown = [repr(config), str(config), repr(NodeConfig(virtual_hosts=(config,)))]
    for wrong in (secret, secret * 6):
        with pytest.raises(ConfigurationError) as caught:
            replace(PLAIN, password=secret, other_password=wrong)
        shown += [repr(caught.value), str(caught.value), repr(caught.value.problems)]
    assert not [text for text in shown if "hush" in text]


# Several virtual hosts.


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
        ConfigurationError, match=r"virtual_hosts\[1\]\.addresses\[0\] .* virtual_hosts\[0\] does not have"
    ):
        NodeConfig(virtual_hosts=(PLAIN, clash))


def test_all_clashes_are_told_at_once() -> None:
    """Three equal virtual hosts are four problems."""
    with pytest.raises(ConfigurationError) as caught:
        NodeConfig(virtual_hosts=(PLAIN, PLAIN, PLAIN))
    assert len(caught.value.problems) == 4


def test_link_local_address_means_another_on_each_interface() -> None:
    """The same IPv6 link-local address may be virtual on two interfaces, though not twice on one (RFC 4007)."""
    link_local = IPv6Interface("fe80::100/64")
    first = replace(DUAL, addresses=(VIRTUAL, link_local))
    second = replace(first, vhid=8, addresses=(link_local,), interface="eth1")
    NodeConfig(virtual_hosts=(first, second))
    with pytest.raises(ConfigurationError, match=r"virtual_hosts\[1\]\.addresses\[0\] fe80::100: expected"):
        NodeConfig(virtual_hosts=(first, replace(second, interface="eth0")))
    of_ipv4 = replace(DUAL, addresses=(IPv4Interface("169.254.0.1/16"),))
    with pytest.raises(ConfigurationError, match=r"virtual_hosts\[1\]\.addresses\[0\] 169\.254\.0\.1"):
        NodeConfig(virtual_hosts=(of_ipv4, replace(of_ipv4, interface="eth1")))


def test_sets_of_addresses_may_not_overlap() -> None:
    """Every address that two virtual hosts share is named."""
    first = replace(DUAL, addresses=tuple(ip_interface(f"10.0.1.{octet}/24") for octet in range(1, 5)))
    second = replace(first, vhid=8, addresses=(*first.addresses[2:], VIRTUAL6))
    with pytest.raises(ConfigurationError) as caught:
        NodeConfig(virtual_hosts=(first, second))
    assert [problem.value for problem in caught.value.problems] == ["10.0.1.3", "10.0.1.4"]


def test_source_is_no_virtual_address_of_another_virtual_host() -> None:
    """That one moves, in whatever order the virtual hosts stand; a link-local one only counts on its interface."""
    on_virtual = replace(DUAL, vhid=8, addresses=(IPv4Interface("10.0.0.101/24"),), source=VIRTUAL.ip)
    for first, second in ((DUAL, on_virtual), (on_virtual, DUAL)):
        with pytest.raises(ConfigurationError) as caught:
            NodeConfig(virtual_hosts=(first, second))
        ((setting, accepted),) = [(problem.setting, problem.accepted) for problem in caught.value.problems]
        place, holder = (1, 0) if first is DUAL else (0, 1)
        assert setting == f"virtual_hosts[{place}].source"
        expected = f"the host's own address, not the virtual one of virtual_hosts[{holder}]: that one moves"
        assert accepted == expected
    link_local = replace(DUAL, addresses=(ip_interface("fe80::77/64"),))
    on_it = replace(on_virtual, source=OWN, source6=IPv6Address("fe80::77"))
    with pytest.raises(ConfigurationError, match=r"virtual_hosts\[1\]\.source6 fe80::77"):
        NodeConfig(virtual_hosts=(link_local, on_it))
    NodeConfig(virtual_hosts=(link_local, replace(on_it, interface="eth1")))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"sealing": Sealing.ENFORCE}, {}, r"sealing off: expected enforce, as virtual_hosts\[0\] .* two parts"),
        ({}, {"sealing": Sealing.ENFORCE}, r"sealing enforce: expected off, as virtual_hosts\[0\]"),
        (
            {"sealing": Sealing.ENFORCE},
            {"sealing": Sealing.ENFORCE, "seal_window": 5 * SECOND},
            r"seal_window 5 s: expected 2 s, as virtual_hosts\[0\]",
        ),
        ({"ignore_carrier": True}, {}, r"ignore_carrier no: expected the same as virtual_hosts\[0\], .* on eth0"),
        ({}, {"ignore_carrier": True}, r"ignore_carrier yes: expected the same as virtual_hosts\[0\]"),
    ],
    ids=["not sealed", "sealed", "windows", "heeded", "ignored"],
)
def test_failover_group_that_could_not_go_together_is_refused(
    first: dict[str, object], second: dict[str, object], expected: str
) -> None:
    """Who takes over later at a start, or stays when the carrier is lost, would leave the others alone."""
    one, two = replace(PLAIN, **first), other(**second)  # type: ignore[arg-type]
    NodeConfig(virtual_hosts=(one, two))  # each is alone
    NodeConfig(virtual_hosts=(replace(one, failover_group="in"), replace(two, failover_group="out")))
    one, two = replace(one, failover_group="in"), replace(two, failover_group="in")
    with pytest.raises(ConfigurationError, match=rf"^virtual_hosts\[1\]\.{expected}") as caught:
        NodeConfig(virtual_hosts=(one, two))
    assert problems_of_drafts([Draft(fields=of(one)), Draft(fields=of(two))]) == caught.value.problems


def test_failover_group_may_differ_in_what_it_goes_together_with() -> None:
    """Observing seals changes nothing, nor does the carrier of another interface."""
    one = replace(PLAIN, failover_group="in", ignore_carrier=True, sealing=Sealing.OBSERVE, seal_window=SECOND)
    NodeConfig(virtual_hosts=(one, other(failover_group="in", interface="eth1")))


# Drafts: virtual hosts of which not everything is known.


def of(config: VirtualHostConfig, /, **changes: Any) -> dict[str, object]:  # noqa: ANN401 - of any field
    """Return the fields of a configuration after some changes, however wrong."""
    return {field.name: getattr(config, field.name) for field in fields(config)} | changes


def found_in(*drafts: Draft) -> list[str]:
    """Return which settings of some drafts are wrong."""
    return [problem.setting for problem in problems_of_drafts(drafts)]


def test_drafts_are_judged_together() -> None:
    """All problems of all virtual hosts, and the clashes between any two, each named by its place."""
    drafts = [
        Draft(fields=of(PLAIN)),
        Draft(fields=of(PLAIN, vhid=0, password=b"")),
        Draft(fields=of(PLAIN, addresses=(IPv4Interface("10.0.0.101/24"),))),
        Draft(fields=of(UNICAST, peers=(), vhid=10)),
        Draft(fields=of(PLAIN, vhid=9)),
    ]
    assert found_in(*drafts) == [
        "virtual_hosts[1].vhid",
        "virtual_hosts[1].password",
        "virtual_hosts[3].peers",
        "virtual_hosts[2].vhid",
        "virtual_hosts[1].addresses[0]",
        "virtual_hosts[3].addresses[0]",
        "virtual_hosts[4].addresses[0]",
    ]
    assert problems_of_drafts([drafts[0], Draft(fields=of(other()))]) == ()
    assert problems_of_drafts([]) == ()


def test_a_draft_without_unknown_values_has_the_problems_of_its_configuration() -> None:
    """And in the same words."""
    wrong: dict[str, Any] = {"vhid": 0, "advskew": 300, "peers": (OWN, PEER6), "source6": OWN6}
    told = [problem.within("virtual_hosts[0]") for problem in problems_of_drafts([])]
    with pytest.raises(ConfigurationError) as caught:
        replace(PLAIN, **wrong)
    told += [problem.within("virtual_hosts[0]") for problem in caught.value.problems]
    assert told == list(problems_of_drafts([Draft(fields=of(PLAIN, **wrong))]))


@every_dialect
@given(st.data())
def test_what_is_wrong_with_a_draft_is_wrong_whatever_is_unknown(dialect: Dialect, data: st.DataObject) -> None:
    """A value that is not known takes problems away, and never brings one that was not there."""
    wrong: dict[str, Any] = {
        "vhid": 0,
        "advskew": 300,
        "advbase_s": 0,
        "preempt_delay": SECOND,
        "password": b"x" * 21,
        "other_password": b"x" * 21,
        "addresses": (VIRTUAL, VIRTUAL, VIRTUAL6),
        "source": VIRTUAL.ip,
        "source6": OWN6,
        "group6": OWN6,
        "peers": (PEER, PEER),
        "transport": Transport.UNICAST,
        "link_layer_address": b"12345",
        "failover_group": "7@eth0",
    }
    changes = {name: wrong[name] for name in data.draw(st.sets(st.sampled_from(sorted(wrong))))}
    known = of(speaking(dialect), **changes)
    unknown = data.draw(st.frozensets(st.sampled_from(sorted(known))))
    whole = set(found_in(Draft(fields=known)))
    assert set(found_in(Draft(fields=known, unknown=unknown))) <= whole
    for name in unknown:
        assert f"virtual_hosts[0].{name}" not in found_in(Draft(fields=known, unknown=unknown))


def test_what_is_wrong_in_every_dialect_is_told_without_knowing_which() -> None:
    """An advskew of 300 is nobody's; one of 255 is ucarp's."""
    unknown = frozenset({"dialect"})
    assert found_in(Draft(fields=of(PLAIN, advskew=300), unknown=unknown)) == ["virtual_hosts[0].advskew"]
    assert found_in(Draft(fields=of(PLAIN, advskew=255, advbase_s=0), unknown=unknown)) == []


def test_elements_that_are_known_are_judged_without_the_others() -> None:
    """A virtual address that no host can have is wrong whatever stands beside it; their number is not known."""
    two = (IPv4Interface("10.0.0.100/24"), IPv4Interface("10.0.0.0/24"))
    incomplete = frozenset({"addresses"})
    assert found_in(Draft(fields=of(PLAIN, addresses=two, dialect=CARPD), incomplete=incomplete)) == [
        "virtual_hosts[0].addresses[1]"
    ]
    assert found_in(Draft(fields=of(PLAIN, addresses=()), incomplete=incomplete)) == []
    clash = Draft(fields=of(other(), addresses=(VIRTUAL,)), incomplete=incomplete)
    assert found_in(Draft(fields=of(PLAIN)), clash) == ["virtual_hosts[1].addresses[0]"]


def test_fields_that_must_be_there_are_unknown_without_a_value() -> None:
    """Nothing is said about them: whoever made the draft knows that they are missing."""
    assert found_in(Draft(fields={"source": OWN})) == []
    assert found_in(Draft(fields={"source6": IPv6Address("fe80::5%eth0"), "dialect": CARPD})) == [
        "virtual_hosts[0].source6"
    ]


@pytest.mark.parametrize("address", ["10.0.0.0/24", "10.0.0.255/24", "10.0.0.7/30", "10.0.0.4/30"])
def test_the_networks_own_addresses_are_no_hosts(address: str) -> None:
    """All zeros and all ones behind the prefix name the network and all its hosts (RFC 1122, 3.2.1.3)."""
    wrong = IPv4Interface(address)
    accepted = f"{HOST_ADDRESS}: it is the network's or the broadcast address of {wrong.network}"
    assert problems(addresses=(wrong,)) == [("addresses[0]", str(wrong.ip), accepted)]


@pytest.mark.parametrize("address", ["10.0.0.0/31", "10.0.0.1/31", "10.0.0.0/32", "10.0.1.0/16", "2001:db8::/64"])
def test_networks_without_such_addresses_have_none(address: str) -> None:
    """A link of two hosts, a single address (RFC 3021), and IPv6."""
    replace(DUAL, addresses=(ip_interface(address),))


def test_derived_addresses() -> None:
    """Sources by family, destinations of each transport, passwords in their order, the name in FreeBSD's way."""
    assert (list(DUAL.sources.values()), DUAL.name) == ([OWN, OWN6], "7@eth0")
    assert DUAL.destinations == (IPv4Address("224.0.0.18"), IPv6Address("ff02::12"))
    assert replace(DUAL, source=None).destinations == (IPv6Address("ff02::12"),)
    assert UNICAST.destinations == (PEER, PEER6)
    assert replace(PLAIN, other_password=b"old").passwords == (PLAIN.password, b"old")
    assert PLAIN.passwords == (PLAIN.password,)


def test_peers_that_need_not_seal_are_refused_where_nobody_looks_at_seals() -> None:
    """With sealing off they would mean nothing, and whoever lists them believes to be protected."""
    ((setting, value, accepted),) = problems(unsealed_peers=(PEER, OWN6))
    assert (setting, value) == ("unsealed_peers", f"{PEER}, {OWN6}")
    assert accepted == "none, or sealing to observe or enforce: nobody's seal is looked at while it is off"


@pytest.mark.parametrize("sealing", [Sealing.OBSERVE, Sealing.ENFORCE])
def test_peers_may_go_unsealed_where_seals_are_looked_at(sealing: Sealing) -> None:
    """In a trial, too, so that the list is complete before it counts."""
    assert replace(PLAIN, unsealed_peers=(PEER,), sealing=sealing).unsealed_peers == (PEER,)
