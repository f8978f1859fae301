"""``carpd doctor`` on real hosts: each thing is broken on purpose, and it says so; a sound host is left alone."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.kernel.daemons import environment, options, traces, wait_until
from tests.kernel.wire import PASSWORD, VIP
from triocarp.lab import INTERFACE

if TYPE_CHECKING:
    from tests.kernel.daemons import Site
    from triocarp.lab import Host

Findings: TypeAlias = "list[dict[str, str]]"

ENOUGH_S = "1.2"
"""To listen, for who advertises every 0.1 s."""

pytestmark = [pytest.mark.kernel]


def examine(host: Host, *flags: str, listen_s: str = "0.1", vhid: int = 7, password: str = PASSWORD) -> Findings:
    """Return what the doctor finds on a host, in the namespace of whose network it runs."""
    words = options(host, *flags, vhid=vhid, password=password)
    program = [sys.executable, "-m", "triocarp.daemon", "doctor", "--json", "--listen", listen_s, *words]
    done = host.namespace.run(["env", f"PYTHONPATH={environment()['PYTHONPATH']}", *program], timeout_s=60)
    findings: Findings = json.loads(done.stdout)["findings"]
    assert done.returncode == int(any(finding["verdict"] == "mend" for finding in findings)), done.stderr
    return findings


def to_mend(findings: Findings, *checks: str) -> str:
    """Return what is to be mended, of some checks or of all."""
    return "\n".join(
        finding["found"]
        for finding in findings
        if finding["verdict"] == "mend" and (not checks or finding["check"] in checks)
    )


def nft(host: Host, rules: str) -> None:
    """Add rules to a host's packet filter."""
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin") or "nft"
    done = host.namespace.run([program, "-f", "-"], stdin=rules.encode())
    assert done.returncode == 0, done.stderr


def ingress(policy: str = "accept") -> str:
    """Return a table with a chain where the interface's frames come in."""
    body = f"type filter hook ingress device {INTERFACE} priority 0; policy {policy};"
    return f"add table netdev strict\nadd chain netdev strict base {{ {body} }}\n"


def test_a_sound_host_is_left_alone_and_as_it_was(site: Site) -> None:
    """With a master on the segment, which is heard; and nothing of the host has changed."""
    site.master(site.two)
    before = traces(site.one)
    findings = examine(site.one, listen_s=ENOUGH_S)
    assert not to_mend(findings, "interface", "capabilities", "vhid", "firewall", "arp", "rp_filter", "igmp")
    assert any("10.0.0.2 is master of this group" in finding["found"] for finding in findings)
    assert traces(site.one) == before


def test_a_group_with_the_same_number_is_heard(site: Site) -> None:
    """It has another password; and a carpd that runs here, and holds its own address, is no trouble."""
    site.master(site.two)
    found = to_mend(examine(site.one, listen_s=ENOUGH_S, password="something else"), "vhid")
    assert "10.0.0.2 advertises the same vhid, signed with another password" in found
    assert VIP not in to_mend(examine(site.two), "other tools")


@pytest.mark.parametrize(
    ("path", "value", "flags", "check"),
    [
        (f"ipv4/conf/{INTERFACE}/arp_ignore", "8", [], "arp_ignore"),
        ("ipv4/conf/all/arp_ignore", "2", [], "arp_ignore"),
    ],
)
def test_settings_that_silence_arp_are_found(
    site: Site, path: str, value: str, flags: list[str], check: str
) -> None:
    """On the interface, or on all."""
    assert not to_mend(examine(site.one, *flags), check)
    site.one.namespace.set_sysctls({path: value})
    assert f"it is {value}" in to_mend(examine(site.one, *flags), check)


@pytest.mark.programs("ip")
def test_strict_filtering_beside_another_default_route_is_found(site: Site) -> None:
    """Clients beyond the segment would be dropped by this host."""
    site.one.namespace.set_sysctls({f"ipv4/conf/{INTERFACE}/rp_filter": "1"})
    assert not to_mend(examine(site.one), "rp_filter")
    for words in (
        "link add other type veth peer name far",
        "address add 10.9.0.1/24 dev other",
        "link set other up",
        "link set far up",
        "route add default via 10.9.0.2 dev other",
    ):
        done = site.one.namespace.run(["ip", *words.split()])
        assert done.returncode == 0, done.stderr
    assert "the default route goes through other" in to_mend(examine(site.one), "rp_filter")


@pytest.mark.programs("ip")
def test_an_address_that_somebody_else_put_on_is_found(site: Site) -> None:
    """On this interface, or on another one."""
    done = site.one.namespace.run(["ip", "address", "add", f"{VIP}/32", "dev", INTERFACE])
    assert done.returncode == 0, done.stderr
    assert f"{VIP} is on it, and no carpd runs" in to_mend(examine(site.one), "other tools")
    for words in (
        f"address del {VIP}/32 dev {INTERFACE}",
        "link add other type veth peer name far",
        f"address add {VIP}/32 dev other",
    ):
        done = site.one.namespace.run(["ip", *words.split()])
        assert done.returncode == 0, done.stderr
    assert f"{VIP} is on other, which answers for it" in to_mend(examine(site.one), "other tools")


@pytest.mark.programs("nft")
def test_a_firewall_is_followed(site: Site) -> None:
    """What drops at the interface is found, unless it lets protocol 112 pass; the hook input does not matter."""
    nft(
        site.one,
        "add table inet deaf\nadd chain inet deaf base { type filter hook input priority 0; policy drop; }\n",
    )
    assert not to_mend(examine(site.one), "firewall")
    nft(site.one, ingress(policy="drop"))
    assert "netdev strict base (hook ingress) drops protocol 112" in to_mend(examine(site.one), "firewall")
    nft(site.one, "add rule netdev strict base ip protocol 112 accept\n")
    assert not to_mend(examine(site.one), "firewall")
    nft(site.one, "insert rule netdev strict base ip daddr 224.0.0.18 meta l4proto 112 drop\n")
    assert "drops protocol 112" in to_mend(examine(site.one), "firewall")


@pytest.mark.programs("ip")
def test_an_address_on_lo_is_found(site: Site) -> None:
    """The kernel answers for it on every interface; with `arp_ignore` it does not, as behind an LVS director."""
    assert site.one.namespace.run(["ip", "address", "add", f"{VIP}/32", "dev", "lo"]).returncode == 0
    assert f"{VIP} is on lo, and this host answers for it here" in to_mend(examine(site.one), "other tools")
    site.one.namespace.set_sysctls({f"ipv4/conf/{INTERFACE}/arp_ignore": "1"})
    assert not to_mend(examine(site.one), "other tools")


@pytest.mark.programs("nft")
def test_rules_that_silence_arp_are_found_and_the_remedy_mends_them(site: Site) -> None:
    """In ARP's own family, and at the interface; and a rule about networks or the time to live is understood."""
    nft(site.one, "add table arp t\nadd chain arp t base { type filter hook input priority 0; }\n")
    nft(site.one, "add rule arp t base arp operation request drop\n")
    nft(site.one, ingress())
    nft(site.one, f"add rule netdev strict base arp daddr ip {VIP} drop\n")
    findings = [each for each in examine(site.one) if each["check"] == "arp" and each["verdict"] == "mend"]
    assert [each["found"].partition(" (")[0] for each in findings] == [
        "the chain netdev strict base",
        "the chain arp t base",
    ]
    for each in findings:
        nft(site.one, each["mend"].removeprefix("nft ") + "\n")
    assert not to_mend(examine(site.one), "arp", "firewall")
    for rule in (
        "ip daddr 224.0.0.0/4 drop",
        "ip ttl 255 drop",
        "ip ttl > 254 drop",
        "ip daddr 224.0.0.0-224.1.0.0 drop",
    ):
        nft(site.one, f"flush chain netdev strict base\nadd rule netdev strict base {rule}\n")
        assert "drops protocol 112" in to_mend(examine(site.one), "firewall"), rule


def test_an_interface_that_does_not_exist_has_no_firewall(site: Site) -> None:
    """Nothing is said to be fine about it."""
    findings = examine(site.one, "-i", "nowhere0", listen_s="0")
    assert not [each for each in findings if each["about"] == "nowhere0" and each["verdict"] == "fine"]


@pytest.mark.programs("ucarp")
def test_a_ucarp_with_the_same_address_is_to_be_stopped(site: Site) -> None:
    """It is no mere note; one with another address is."""
    words = ["ucarp", "-i", INTERFACE, "-s", "10.0.0.1", "-v", "9", "-p", PASSWORD, "-a", VIP]
    with site.one.namespace.popen([*words, "-n", "-b", "60"]) as running:
        try:
            wait_until(lambda: "runs (process" in str(examine(site.one, listen_s="0")), "the ucarp is seen")
            assert f"its command line names {VIP}" in to_mend(examine(site.one, listen_s="0"), "other tools")
            other = examine(site.one, "-a", "10.0.0.77", listen_s="0")
            assert "ucarp runs" not in to_mend(other, "other tools")
        finally:
            running.kill()


@pytest.mark.programs("nft")
def test_the_remedy_for_a_firewall_mends_it(site: Site) -> None:
    """The command that is printed is one that nft takes."""
    nft(site.one, ingress())
    nft(site.one, "add rule netdev strict base ip protocol 112 drop\n")
    (finding,) = [each for each in examine(site.one) if each["check"] == "firewall" and each["verdict"] == "mend"]
    nft(site.one, finding["mend"].removeprefix("nft ") + "\n")
    assert not to_mend(examine(site.one), "firewall")


@pytest.mark.programs("ip")
def test_an_interface_without_multicast_or_link_is_found(site: Site) -> None:
    """The remedies name it."""
    for words, check, said in (
        ("multicast off", "multicast", "it takes no multicast"),
        ("down", "interface", "it has no link: switched off"),
    ):
        done = site.one.namespace.run(["ip", "link", "set", INTERFACE, *words.split()])
        assert done.returncode == 0, done.stderr
        assert said in to_mend(examine(site.one), check)


@pytest.mark.programs("setpriv")
def test_an_ordinary_user_is_told_what_could_not_be_checked(site: Site) -> None:
    """Capabilities are missing, nobody could listen, and the rules are not known; none is guessed."""
    words = [sys.executable, "-m", "triocarp.daemon", "doctor", "--json", *options(site.one)]
    bare = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--ambient-caps=-all", "--no-new-privs"]
    done = site.one.namespace.run(
        ["env", f"PYTHONPATH={environment()['PYTHONPATH']}", *bare, *words], timeout_s=60
    )
    findings: Findings = json.loads(done.stdout)["findings"]
    assert "missing CAP_NET_ADMIN" in to_mend(findings, "capabilities")
    unknown = {finding["check"] for finding in findings if finding["verdict"] == "unknown"}
    assert unknown == {"vhid", "firewall"}
