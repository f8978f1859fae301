"""Each check finds what it is there for, says how to mend it, and is silent about a sound host."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.patients import facts, interface, packet, settings, sysctls, table, told
from triocarp.core import Link, Sealing, SourceMac, Transport
from triocarp.core.advertisement import internet_checksum
from triocarp.doctor.facts import Bridge, Facts, FirewallFacts, Mention, Program
from triocarp.doctor.finding import Verdict
from triocarp.doctor.main import CHECKS, examine
from triocarp.linux.privileges import Capability

if TYPE_CHECKING:
    from triocarp.daemon.settings import Settings

LONE = {"addresses": (IPv4Interface("10.0.0.100/32"),)}
CUSTOM = {"group": IPv4Address("239.1.2.3")}
UNICAST = {"transport": Transport.UNICAST, "peers": (IPv4Address("10.0.0.2"),)}
UCARP = Program(name="ucarp", addresses=("10.0.0.100",))
BEHIND = table({"eth0": ["10.0.0.1/24"], "lo": ["127.0.0.1/8", "10.0.0.100/32"]})
DEAF = (
    {
        "chain": {
            "family": "arp",
            "table": "t",
            "name": "base",
            "type": "filter",
            "hook": "input",
            "policy": "drop",
        }
    },
)
SNOOPING = Bridge(name="br0", snooping=True, querier=False)


def vrrp(vhid: int) -> bytes:
    """Return a VRRPv2 advertisement of one address."""
    unsummed = bytes((0x21, vhid, 100, 1, 0, 1, 0, 0, 10, 0, 0, 9)) + bytes(8)
    return unsummed[:6] + internet_checksum(unsummed).to_bytes(2, "big") + unsummed[8:]


def test_a_sound_host_has_nothing_to_mend() -> None:
    """And every check has said that it is fine, or worth a note."""
    found = examine(settings(), facts())
    assert {finding.verdict for finding in found} == {Verdict.FINE}
    assert len(found) >= len(CHECKS)


@pytest.mark.parametrize(
    ("config", "about", "said"),
    [
        ({}, {"table": table({"eth1": []}), "interfaces": {}}, "no such interface"),
        ({}, {"table": table({"eth0": ["10.0.0.9/24"]})}, "10.0.0.1 is not an address of eth0"),
        ({}, {"interfaces": interface(link=Link.NO_CARRIER)}, "it has no link: no carrier"),
        (UNICAST | {"peers": (IPv4Address("192.0.2.2"),)}, {}, "is in no network of eth0"),
        (
            {"routing_table": 5, "gateways": (IPv4Address("10.9.9.9"),)},
            {},
            "10.9.9.9 is in no network that table 5",
        ),
        ({}, {"missing": (Capability.CAP_NET_RAW,)}, "missing CAP_NET_RAW"),
        ({}, {"heard": (packet(password=b"hate"),)}, "signed with another password"),
        ({}, {"heard": (packet(payload=vrrp(7)),)}, "10.0.0.2 speaks VRRP with the number 7"),
        ({}, {"heard": (packet(ttl=254),)}, "comes through a router"),
        ({}, {"heard": (packet(destination="239.1.1.1"),)}, "which is not the group of this host"),
        ({}, {"heard": (packet(), packet(source="10.0.0.3"))}, "several hosts advertise as master"),
        ({}, {"interfaces": interface(multicast=False)}, "it takes no multicast"),
        (CUSTOM, {"interfaces": interface(bridge=SNOOPING)}, "br0 snoops on IGMP"),
        ({}, {"interfaces": interface(arp=False)}, "(NOARP)"),
        ({}, {"interfaces": sysctls(arp_ignore=8)}, "answers no ARP request"),
        (LONE, {"interfaces": sysctls(arp_ignore=2)}, "has no network of its own"),
        ({}, {"interfaces": sysctls(rp_filter=1), "default_interface": "eth9"}, "packets from beyond"),
        ({}, {"interfaces": sysctls(arp_filter=1), "default_interface": "eth9"}, "ARP requests from beyond"),
        ({}, {"interfaces": interface(kind="wlan")}, "cannot send from another MAC"),
        ({}, {"maker": "Amazon EC2"}, "carries no multicast"),
        ({}, {"table": table({"eth0": ["10.0.0.1/24", "10.0.0.100/24"]})}, "another tool put it on"),
        ({}, {"table": table({"eth0": ["10.0.0.1/24"], "eth1": ["10.0.0.100/32"]})}, "10.0.0.100 is on eth1"),
        ({}, {"table": BEHIND}, "10.0.0.100 is on lo, and this host answers for it here"),
        ({}, {"programs": {12: UCARP}}, "ucarp runs (process 12), and its command line names 10.0.0.100"),
        (
            {},
            {"table": table({"eth0": ["10.0.0.100/24", "10.0.0.1/24"]}), "daemons": frozenset({("eth0", 8)})},
            "no carpd runs with VHID 7, but one with 8",
        ),
        (
            {},
            {"firewall": FirewallFacts(ruleset=DEAF)},
            "the chain arp t base (hook input) drops ARP, by which clients",
        ),
        ({}, {"mentions": (Mention(path=Path("/x"), line=3, address="10.0.0.100", assigns=True),)}, "/x:3 names"),
        ({"sealing": Sealing.ENFORCE}, {"synchronised": False}, "sealing is enforced"),
    ],
)
def test_what_makes_carp_fail_is_found(config: dict[str, Any], about: dict[str, Any], said: str) -> None:
    """With a way to mend it."""
    found = told(settings(**config), facts(**about))
    (finding,) = [finding for finding in found if said in finding.found]
    assert finding.mend


@pytest.mark.parametrize(
    ("config", "about", "verdict", "said"),
    [
        ({}, {"heard": (packet(),)}, Verdict.NOTE, "10.0.0.2 is master of this group, with advskew 0"),
        ({"advbase_s": 2}, {"heard": (packet(),)}, Verdict.NOTE, "its advbase is 1, here 2"),
        ({}, {"heard": None, "why_not_heard": "no"}, Verdict.UNKNOWN, "nobody could listen: no"),
        ({}, {"firewall": FirewallFacts(ruleset=None, why_not="no nft")}, Verdict.UNKNOWN, "could not be read"),
        (UNICAST, {"firewall": FirewallFacts(legacy=("filter",))}, Verdict.UNKNOWN, "the older iptables"),
        (CUSTOM, {}, Verdict.NOTE, "only while a querier asks for it"),
        ({}, {"interfaces": interface(driver="hv_netvsc")}, Verdict.NOTE, "Hyper-V"),
        ({}, {"maker": "VMware, Inc."}, Verdict.NOTE, "reject forged transmits"),
        ({}, {"interfaces": interface(virtual_function=True)}, Verdict.NOTE, "(SR-IOV)"),
        ({}, {"programs": {12: Program(name="keepalived")}}, Verdict.NOTE, "keepalived runs (process 12)"),
        ({}, {"table": BEHIND, "interfaces": sysctls(arp_ignore=1)}, Verdict.NOTE, "10.0.0.100 is on lo, too"),
        ({}, {"synchronised": False}, Verdict.NOTE, "only sealed counters need that"),
        ({}, {"interfaces": sysctls(drop_gratuitous_arp=1)}, Verdict.NOTE, "does not notice when it moves"),
        (
            {},
            {"table": table({"eth0": ["10.0.0.1/24"], "eth1": ["10.0.0.5/24"]})},
            Verdict.NOTE,
            "any of them answers",
        ),
    ],
)
def test_what_may_be_right_is_no_reason_to_fail(
    config: dict[str, Any], about: dict[str, Any], verdict: Verdict, said: str
) -> None:
    """It is told, and nothing has to be mended for it."""
    config_of_carpd, host = settings(**config), facts(**about)
    assert any(said in finding.found for finding in told(config_of_carpd, host, verdict))
    assert not told(config_of_carpd, host)


@pytest.mark.parametrize(
    ("config", "about"),
    [
        ({}, {"heard": (packet(vhid=9, password=b"hate"), packet(payload=vrrp(9)))}),
        ({"source_mac": SourceMac.INTERFACE}, {"interfaces": interface(kind="wlan")}),
        ({"routing_table": 5}, {"interfaces": sysctls(rp_filter=1), "default_interface": "eth9"}),
        ({}, {"interfaces": sysctls(rp_filter=2), "default_interface": "eth9"}),
        ({}, {"interfaces": sysctls(arp_ignore=2)}),
        ({"manages_addresses": False, "up_hook": True}, {"missing": (Capability.CAP_NET_ADMIN,)}),
        (
            {},
            {
                "table": table({"eth0": ["10.0.0.1/24", "10.0.0.100/24"]}),
                "daemons": frozenset({("eth0", 7)}),
            },
        ),
        (UNICAST | {"routed_peers": True}, {"heard": (packet(destination="10.0.0.1", ttl=250),)}),
    ],
)
def test_what_looks_alike_and_is_right_is_not_complained_about(
    config: dict[str, Any], about: dict[str, Any]
) -> None:
    """Other groups on the segment, settings that fit, a carpd that holds its own address."""
    assert not told(settings(**config), facts(**about))


def test_nothing_is_said_of_an_interface_that_does_not_exist() -> None:
    """Neither that its firewall is fine nor how it answers ARP."""
    absent = facts(table=table({"eth1": []}), interfaces={})
    found = [finding for finding in examine(settings(), absent) if finding.about == "eth0"]
    assert not [finding for finding in found if finding.verdict is Verdict.FINE]


def test_who_did_not_want_to_listen_is_not_told_to_be_root() -> None:
    """The advice is about what kept it from listening."""
    for listened_s, advice in (
        (0, "give --listen some seconds"),
        (4, "run it as root, and where the interface is"),
    ):
        silent = facts(heard=None, why_not_heard="why", listened_s=listened_s)
        (finding,) = [each for each in told(settings(), silent, Verdict.UNKNOWN) if each.check == "vhid"]
        assert finding.mend == advice


def test_the_password_is_in_no_finding() -> None:
    """Whatever is wrong."""
    config: Settings = settings(password=b"hunter2hunter2")
    host: Facts = replace(facts(), heard=(packet(), packet(vip="10.0.0.9")), synchronised=False)
    assert "hunter2" not in repr(examine(config, host))
