"""Is the clock right, where that matters?"""

from collections.abc import Iterator

from triocarp.core import Sealing
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts
from triocarp.doctor.finding import Finding, Verdict


def check(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield whether the clock is synchronised. Only sealed counters look at the time of day.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    modes = {host.sealing for host in settings.node.virtual_hosts}
    if facts.synchronised:
        yield Finding(check="clock", verdict=Verdict.FINE, found="the kernel vouches for it")
        return
    found = "the kernel does not call it synchronised"
    if Sealing.ENFORCE in modes:
        yield Finding(
            check="clock",
            verdict=Verdict.MEND,
            found=f"{found}, and sealing is enforced: hosts whose clocks differ do not believe each other",
            mend="run chrony, ntpd or systemd-timesyncd on every host",
        )
    else:
        yield Finding(check="clock", verdict=Verdict.NOTE, found=f"{found}; only sealed counters need that")
