"""Does somebody else manage the virtual addresses?"""

from collections.abc import Iterator

from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts
from triocarp.doctor.finding import Finding, Verdict

_CHECK = "other tools"


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
                yield Finding(
                    check=_CHECK,
                    about=host.interface,
                    verdict=Verdict.MEND,
                    found=f"{address.ip} is on it, and no carpd runs: another tool put it on, or left it behind",
                    mend="take it out of that tool's settings; carpd takes it off when it starts",
                )
            elsewhere = facts.table.holder_besides(host.interface, address.ip)
            if elsewhere is not None:
                yield Finding(
                    check=_CHECK,
                    about=host.interface,
                    verdict=Verdict.MEND,
                    found=f"{address.ip} is on {elsewhere}, which answers for it as well",
                    mend=f"take it off {elsewhere}, and out of the settings of whoever has put it there",
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
    for process, name in sorted(facts.programs.items()):
        yield Finding(
            check=_CHECK,
            verdict=Verdict.NOTE,
            found=f"{name} runs (process {process})",
            mend="make sure that it is about other addresses",
        )
