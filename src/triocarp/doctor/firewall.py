"""Does the packet filter of this host drop advertisements, or the ARP by which clients find the address?

Packet sockets hear and speak outside of the IP layer: the hooks input and output of nftables and of iptables do
not see what they carry. What counts is the interface's own hooks, ingress and egress; and output for unicast
peers, whose packets go over the system's routes. ARP, which the kernel answers, goes through the hooks of the
family ``arp`` as well.
"""

from collections.abc import Iterator
from ipaddress import IPv4Interface
from typing import Final

from triocarp.core import Transport, VirtualHostConfig
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts
from triocarp.doctor.finding import Finding, Verdict
from triocarp.doctor.packet_filter import Fate, Packet, advertisement, arp, fates

_CHECK: Final = "firewall"
_ARP: Final = "arp"


def check(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield which chains drop advertisements or ARP.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    for host in settings.node.virtual_hosts:
        if host.interface in facts.interfaces:
            yield from _of_host(host, facts)
            yield from _arp_of_host(host, facts)


def _of_host(host: VirtualHostConfig, facts: Facts) -> Iterator[Finding]:
    firewall = facts.firewall
    unicast = host.transport is Transport.UNICAST
    if unicast and firewall.legacy:
        yield Finding(
            check=_CHECK,
            about=host.interface,
            verdict=Verdict.UNKNOWN,
            found=f"the older iptables has tables ({', '.join(firewall.legacy)}), which are not looked at",
            mend="look whether iptables-legacy -S OUTPUT lets protocol 112 go",
        )
    if firewall.ruleset is None:
        yield Finding(
            check=_CHECK,
            about=host.interface,
            verdict=Verdict.UNKNOWN,
            found=f"the rules could not be read: {firewall.why_not}",
            mend="look at nft list ruleset yourself: only ingress, egress and, to peers, output matter",
        )
        return
    hooks = {"ingress": host.group, "egress": host.group, **({"output": host.peers[0]} if unicast else {})}
    found: list[Finding] = []
    for hook, destination in hooks.items():
        packet = advertisement(host.interface, str(destination))
        for name, fate in fates(firewall.ruleset, hook, packet):
            found += _told(_CHECK, packet, hook, name, fate)
    yield from found
    if not found:
        yield Finding(
            check=_CHECK,
            about=host.interface,
            verdict=Verdict.FINE,
            found="no rule stands in the way of advertisements; input does not matter to packet sockets",
        )


def _arp_of_host(host: VirtualHostConfig, facts: Facts) -> Iterator[Finding]:
    address = next((str(each.ip) for each in host.addresses if isinstance(each, IPv4Interface)), None)
    if address is None:
        return
    for hook, reply in (("ingress", False), ("input", False), ("output", True), ("egress", True)):
        packet = arp(host.interface, address, reply=reply)
        for name, fate in fates(facts.firewall.ruleset or (), hook, packet):
            yield from _told(_ARP, packet, hook, name, fate)


def _told(check_name: str, packet: Packet, hook: str, chain: str, fate: Fate) -> Iterator[Finding]:
    if fate is Fate.DROPPED:
        yield Finding(
            check=check_name,
            about=packet.interface,
            verdict=Verdict.MEND,
            found=f"the chain {chain} (hook {hook}) drops {packet.shown}",
            mend=f"nft insert rule {chain} {packet.rule} accept",
        )
    elif fate is Fate.UNCERTAIN:
        yield Finding(
            check=check_name,
            about=packet.interface,
            verdict=Verdict.UNKNOWN,
            found=f"whether the chain {chain} (hook {hook}) drops {packet.shown} depends on what is not looked at",
            mend=f"to be sure: nft insert rule {chain} {packet.rule} accept",
        )
