"""May this host send from a MAC that is not its own?"""

from collections.abc import Iterator, Mapping
from typing import Final

from triocarp.core import SourceMac, Transport, VirtualHostConfig
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts, InterfaceFacts
from triocarp.doctor.finding import Finding, Verdict

_CHECK: Final = "source mac"
_OWN: Final = 'source_mac = "interface", which no receiver minds'
_NEVER: Final = frozenset({"wlan", "ipvlan"})
_MAKERS: Final[Mapping[str, str]] = {
    "vmware": "VMware: its switches reject forged transmits unless that is allowed",
    "microsoft": "Hyper-V: it drops spoofed MACs unless that is allowed",
    "amazon": "Amazon's cloud",
    "google": "Google's cloud",
    "digitalocean": "DigitalOcean's cloud",
    "hetzner": "Hetzner's cloud",
    "openstack": "OpenStack: port security drops foreign MACs and addresses",
    "alibaba": "Alibaba's cloud",
}
_CLOUDS: Final = ("amazon", "google", "digitalocean", "hetzner", "alibaba")


def check(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield what may drop frames from a virtual MAC, as far as it shows from here.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    maker = next((name for name in _MAKERS if name in facts.maker.lower()), None)
    for host in settings.node.virtual_hosts:
        interface = facts.interfaces.get(host.interface)
        if interface is not None:
            yield from _of_host(host, interface, maker)


def _of_host(host: VirtualHostConfig, interface: InterfaceFacts, maker: str | None) -> Iterator[Finding]:
    own = (host.source_mac or host.dialect.source_mac) is SourceMac.INTERFACE
    if maker in _CLOUDS and host.transport is not Transport.UNICAST:
        yield Finding(
            check=_CHECK,
            about=host.interface,
            verdict=Verdict.MEND,
            found=f"this is {_MAKERS[maker]}, which carries no multicast",
            mend='transport = "unicast" with peers, and scripts that tell the cloud where the address is',
        )
    if own:
        yield Finding(
            check=_CHECK, about=host.interface, verdict=Verdict.FINE, found="advertisements come from its own MAC"
        )
        return
    reasons = [
        *([f"a {interface.kind} cannot send from another MAC"] if interface.kind in _NEVER else []),
        *(["the system that rules the card may drop foreign MACs (SR-IOV)"] if interface.virtual_function else []),
        *([f"this is {_MAKERS[maker]}"] if maker is not None else []),
    ]
    for reason in reasons:
        sure = interface.kind in _NEVER
        yield Finding(
            check=_CHECK,
            about=host.interface,
            verdict=Verdict.MEND if sure else Verdict.NOTE,
            found=reason,
            mend=_OWN,
        )
    if not reasons:
        yield Finding(
            check=_CHECK,
            about=host.interface,
            verdict=Verdict.FINE,
            found="nothing here shows that foreign MACs are dropped; a hypervisor or a switch may, all the same",
        )
