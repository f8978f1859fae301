"""Hosts for the doctor to look at: a sound one, and changes to it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, ip_interface
from typing import TYPE_CHECKING, Any, Final

from triocarp.core import Authenticator, Link, NodeConfig, PacketReceived, VirtualHostConfig, covered_addresses
from triocarp.core.advertisement import Advertisement
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts, InterfaceFacts
from triocarp.doctor.finding import Finding, Verdict
from triocarp.doctor.main import examine
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.rtnetlink_messages import AddressReport, LinkReport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PASSWORD: Final = b"love"
VHID: Final = 7
SYSCTLS: Final = {"arp_announce": 0, "arp_filter": 0, "arp_ignore": 0, "drop_gratuitous_arp": 0, "rp_filter": 0}
SOUND: Final = InterfaceFacts(link=Link.UP, sysctls=SYSCTLS)


def settings(**fields: Any) -> Settings:  # noqa: ANN401 - whatever the field is
    """Return settings of carpd with one virtual host on eth0, 10.0.0.100/24."""
    usual: dict[str, Any] = {
        "interface": "eth0",
        "vhid": VHID,
        "password": PASSWORD,
        "addresses": (IPv4Interface("10.0.0.100/24"),),
        "source": IPv4Address("10.0.0.1"),
    }
    host = VirtualHostConfig(**(usual | fields))
    return Settings(
        node=NodeConfig(virtual_hosts=(host,)), scripts={}, real_time=True, debug=False, journal=None, warnings=()
    )


def table(addresses: Mapping[str, Sequence[str]] | None = None, *, link: Link = Link.UP) -> InterfaceTable:
    """Return a host's interfaces, by default eth0 with 10.0.0.1/24; `lo` does no ARP."""
    found = InterfaceTable()
    for index, (name, own) in enumerate((addresses or {"eth0": ["10.0.0.1/24"]}).items(), 1):
        report = LinkReport(
            index=index, name=name, link=link, hardware_address=bytes(6), loopback=name == "lo", arp=name != "lo"
        )
        found.apply(report)
        for address in own:
            found.apply(
                AddressReport(index=index, address=ip_interface(address), present=True, port_id=0, number=0)
            )
    return found


def facts(**changes: Any) -> Facts:  # noqa: ANN401 - whatever the field is
    """Return the facts about a sound host, with changes."""
    sound = Facts(table=table(), interfaces={"eth0": SOUND}, default_interface="eth0", listened_s=4.0)
    return replace(sound, **changes)


def interface(**changes: Any) -> dict[str, InterfaceFacts]:  # noqa: ANN401 - whatever the field is
    """Return eth0 with changes."""
    return {"eth0": replace(SOUND, **changes)}


def sysctls(**values: int) -> dict[str, InterfaceFacts]:
    """Return eth0 with other settings of its own."""
    return interface(sysctls={**SYSCTLS, **values})


def packet(
    *,
    source: str = "10.0.0.2",
    destination: str = "224.0.0.18",
    password: bytes = PASSWORD,
    vhid: int = VHID,
    vip: str = "10.0.0.100",
    ttl: int = 255,
    payload: bytes | None = None,
) -> PacketReceived:
    """Return an advertisement that was heard on eth0, by default a master's of the group."""
    if payload is None:
        digest = Authenticator(password, vhid, covered_addresses([IPv4Address(vip)])).digest(5)
        payload = Advertisement(vhid=vhid, advskew=0, advbase_s=1, counter=5, digest=digest).build()
    return PacketReceived(
        interface="eth0",
        source=IPv4Address(source),
        destination=IPv4Address(destination),
        ttl=ttl,
        payload=payload,
    )


def told(config: Settings, about: Facts, verdict: Verdict = Verdict.MEND) -> list[Finding]:
    """Return the findings with a verdict."""
    return [finding for finding in examine(config, about) if finding.verdict is verdict]
