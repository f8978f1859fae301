"""Does somebody else manage the virtual addresses?"""

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Final

from triocarp.core import IPAddress, VirtualHostConfig
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts
from triocarp.doctor.finding import Finding, Verdict

_CHECK: Final = "other tools"
_KEEP_TO_THE_INTERFACE: Final = frozenset({1, 2, 8})
"""Values of `arp_ignore` with which an interface answers for its own addresses at most (ip-sysctl.rst)."""


def check(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield who has a virtual address already, or is about to put it on.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    found = [*_held(settings, facts), *_mentioned(facts), *_running(facts)]
    yield from found
    if not found:
        yield Finding(
            check=_CHECK, verdict=Verdict.FINE, found="nobody else seems to manage the virtual addresses"
        )


def _held(settings: Settings, facts: Facts) -> Iterator[Finding]:
    for host in settings.node.virtual_hosts:
        runs = (host.interface, host.vhid) in facts.daemons
        for address in host.addresses:
            if facts.table.variants_of(host.interface, address.ip) and not runs:
                yield _held_here(host, address.ip, facts)
            elsewhere = facts.table.holder_besides(host.interface, address.ip)
            if elsewhere is not None:
                yield Finding(
                    check=_CHECK,
                    about=host.interface,
                    verdict=Verdict.MEND,
                    found=f"{address.ip} is on {elsewhere}, which answers for it as well",
                    mend=f"take it off {elsewhere}, and out of the settings of whoever has put it there",
                )
            yield from _held_behind(host, address.ip, facts)


def _held_here(host: VirtualHostConfig, address: IPAddress, facts: Facts) -> Finding:
    others = [str(vhid) for interface, vhid in sorted(facts.daemons) if interface == host.interface]
    found = f"{address} is on it, and no carpd runs: another tool put it on, or left it behind"
    mend = "take it out of that tool's settings; carpd takes it off when it starts"
    if others:
        found = f"{address} is on it, and no carpd runs with VHID {host.vhid}, but one with {', '.join(others)}"
        mend = "give an address to one virtual host alone: both would become master, and both take it off"
    return Finding(check=_CHECK, about=host.interface, verdict=Verdict.MEND, found=found, mend=mend)


def _held_behind(host: VirtualHostConfig, address: IPAddress, facts: Facts) -> Iterator[Finding]:
    """Yield the interfaces without ARP that have an address, as behind an LVS director, or with kube-proxy's IPVS.

    Of IPv4 the host answers for it on every other interface, unless `arp_ignore` says otherwise; of IPv6 never.
    """
    interface = facts.interfaces.get(host.interface)
    for name in facts.table.names():
        report = facts.table.find(name)
        if name == host.interface or report is None or report.arp or not facts.table.variants_of(name, address):
            continue
        if address.is_link_local:
            continue
        ignore = 0 if interface is None else interface.sysctls.get("arp_ignore", 0)
        if isinstance(address, IPv4Address) and ignore not in _KEEP_TO_THE_INTERFACE:
            path = f"net.ipv4.conf.{host.interface.replace('.', '/')}"
            yield Finding(
                check=_CHECK,
                about=host.interface,
                verdict=Verdict.MEND,
                found=f"{address} is on {name}, and this host answers for it here, also as a backup",
                mend=f"take it off {name}; or, if it is there on purpose (LVS, IPVS): sysctl -w "
                f"{path}.arp_ignore=1 and {path}.arp_announce=2, and of all",
            )
        else:
            yield Finding(
                check=_CHECK,
                about=host.interface,
                verdict=Verdict.NOTE,
                found=f"{address} is on {name}, too: this host takes packets to it also as a backup, and does not "
                "answer for it here",
            )


def _mentioned(facts: Facts) -> Iterator[Finding]:
    for mention in facts.mentions:
        place = f"{mention.path}:{mention.line}"
        yield Finding(
            check=_CHECK,
            verdict=Verdict.MEND if mention.assigns else Verdict.NOTE,
            found=f"{place} names {mention.address}" + (", and seems to put it on" if mention.assigns else ""),
            mend="take it out there, so that carpd alone rules the address" if mention.assigns else "",
        )


def _running(facts: Facts) -> Iterator[Finding]:
    for process, program in sorted(facts.programs.items()):
        runs = f"{program.name} runs (process {process})"
        if program.addresses:
            yield Finding(
                check=_CHECK,
                verdict=Verdict.MEND,
                found=f"{runs}, and its command line names {', '.join(program.addresses)}",
                mend="stop it, and take it out of what starts it: one of them alone can hold the address",
            )
        else:
            yield Finding(
                check=_CHECK,
                verdict=Verdict.NOTE,
                found=runs,
                mend="make sure that it is about other addresses",
            )
