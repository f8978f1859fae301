"""Do clients find the virtual address, and do their packets come in?"""

from collections.abc import Iterator
from ipaddress import IPv4Interface
from typing import Final

from triocarp.core import VirtualHostConfig
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts, InterfaceFacts
from triocarp.doctor.finding import Finding, Verdict

_NO_REPLY: Final = 8
_SAME_NETWORK_ONLY: Final = 2
_STRICT: Final = 1
_WHOLE: Final = 32


def check(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield what the interfaces' settings do to ARP and to arriving packets.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    for host in settings.node.virtual_hosts:
        interface = facts.interfaces.get(host.interface)
        if interface is None or not any(isinstance(address, IPv4Interface) for address in host.addresses):
            continue
        found = [*_arp(host, interface, facts), *_filters(host, interface, facts)]
        yield from found
        if all(finding.verdict is not Verdict.MEND for finding in found):
            shown = ", ".join(f"{name} {value}" for name, value in sorted(interface.sysctls.items()))
            yield Finding(
                check="arp",
                about=host.interface,
                verdict=Verdict.FINE,
                found=f"its settings let it answer for {_listed(host)} ({shown})",
            )


def _arp(host: VirtualHostConfig, interface: InterfaceFacts, facts: Facts) -> Iterator[Finding]:
    name = host.interface
    ignore = interface.sysctls.get("arp_ignore", 0)
    networks = [own.network for own in facts.table.addresses_of(name)]
    lone = [
        address
        for address in host.addresses
        if isinstance(address, IPv4Interface) and address.network.prefixlen == _WHOLE
    ]
    if not interface.arp:
        yield _mend(
            "arp",
            name,
            "it resolves no addresses (NOARP): no client finds the address",
            f"ip link set {name} arp on",
        )
    elif ignore == _NO_REPLY:
        yield _mend(
            "arp_ignore",
            name,
            "it is 8: this host answers no ARP request",
            f"sysctl -w {_path(name, 'arp_ignore')}=0, and of all",
        )
    elif ignore == _SAME_NETWORK_ONLY and lone:
        yield _mend(
            "arp_ignore",
            name,
            f"it is 2, and {lone[0]} has no network of its own: no ARP request for it is answered",
            f"sysctl -w {_path(name, 'arp_ignore')}=1, and of all; or give the address its prefix length",
        )
    twins = [
        other
        for other in facts.table.names()
        if other != name
        for own in facts.table.addresses_of(other)
        if own.network in networks and isinstance(own, IPv4Interface) and own.network.prefixlen < _WHOLE
    ]
    if twins and ignore == 0:
        yield Finding(
            check="arp_ignore",
            about=name,
            verdict=Verdict.NOTE,
            found=f"it is 0, and {', '.join(dict.fromkeys(twins))} is in the same network: any of them answers",
            mend=f"sysctl -w {_path(name, 'arp_ignore')}=1 and {_path(name, 'arp_announce')}=2, and of all",
        )
    if interface.sysctls.get("drop_gratuitous_arp", 0):
        yield Finding(
            check="drop_gratuitous_arp",
            about=name,
            verdict=Verdict.NOTE,
            found="it is 1: as a client of the address this host does not notice when it moves",
            mend=f"sysctl -w {_path(name, 'drop_gratuitous_arp')}=0",
        )


def _filters(host: VirtualHostConfig, interface: InterfaceFacts, facts: Facts) -> Iterator[Finding]:
    name = host.interface
    elsewhere = facts.default_interface not in {None, name}
    if host.routing_table:
        elsewhere = False
    for setting in ("rp_filter", "arp_filter"):
        if interface.sysctls.get(setting, 0) == _STRICT and elsewhere:
            what = "packets" if setting == "rp_filter" else "ARP requests"
            yield _mend(
                setting,
                name,
                f"it is 1, and the default route goes through {facts.default_interface}: {what} from beyond "
                f"the networks of {name} are dropped here",
                f"sysctl -w {_path(name, setting)}={2 if setting == 'rp_filter' else 0}, and of all",
            )


def _mend(check_name: str, about: str, found: str, mend: str) -> Finding:
    return Finding(check=check_name, about=about, verdict=Verdict.MEND, found=found, mend=mend)


def _path(interface: str, name: str) -> str:
    return f"net.ipv4.conf.{interface.replace('.', '/')}.{name}"


def _listed(host: VirtualHostConfig) -> str:
    return ", ".join(str(address.ip) for address in host.addresses if isinstance(address, IPv4Interface))
