"""Is this host as the configuration says?"""

from collections.abc import Iterator

from triocarp.core import Link
from triocarp.daemon import starting
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts
from triocarp.doctor.finding import Finding, Verdict

_CHECK = "interface"


def check(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong or odd with settings, interfaces, source addresses, peers, gateways and the journal.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    for warning in settings.warnings:
        yield Finding(check="settings", verdict=Verdict.NOTE, found=warning)
    for line in starting.interface_obstacles(settings.needs, facts.table):
        yield Finding(
            check=_CHECK,
            verdict=Verdict.MEND,
            found=line,
            mend="carpd does not start: correct the name or address",
        )
    if facts.journal:
        yield Finding(
            check="journal",
            verdict=Verdict.MEND,
            found=f"{settings.journal}: {facts.journal}",
            mend="carpd does not start: correct the path, or make its directory",
        )
    for line in starting.unreachable_peers(settings, facts.table):
        yield Finding(check=_CHECK, verdict=Verdict.MEND, found=line, mend="set routed_peers, or correct the peer")
    for line in starting.unreachable_gateways(settings, facts.table):
        mend = "correct the gateway, or the prefix length of the connected route in the table"
        yield Finding(check="gateway", verdict=Verdict.MEND, found=line, mend=mend)
    for name, interface in facts.interfaces.items():
        if interface.link is Link.UP:
            yield Finding(check=_CHECK, about=name, verdict=Verdict.FINE, found="it is up and has carrier")
        else:
            yield Finding(
                check=_CHECK,
                about=name,
                verdict=Verdict.MEND,
                found=f"it has no link: {interface.link.value}",
                mend=f"ip link set {name} up, or look at the cable; a host without link does not take part",
            )
