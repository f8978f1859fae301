"""May this process do what carpd does?"""

from collections.abc import Iterator

from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts
from triocarp.doctor.finding import Finding, Verdict
from triocarp.linux.privileges import Capability, explain_missing


def check(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield which capabilities are missing. They are this process's: run the doctor as carpd runs.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    manages = any(host.manages_addresses for host in settings.node.virtual_hosts)
    missing = [each for each in facts.missing if manages or each is not Capability.CAP_NET_ADMIN]
    if missing:
        what, _, how = explain_missing(missing).partition(": ")
        yield Finding(check="capabilities", verdict=Verdict.MEND, found=what, mend=how)
    else:
        yield Finding(check="capabilities", verdict=Verdict.FINE, found="this process has those that carpd needs")
