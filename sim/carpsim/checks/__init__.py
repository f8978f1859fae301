"""Promises about simulated worlds, checked while they run: each named, each with its bound as a formula.

`Checks` is the watcher that looks on and tells each `Check` what is its business. The derivation of each bound
stands with its check. Safety: `one-holder`, `silent-outside-master`, `release-before-goodbye`, `lease-honoured`,
`no-orphan`, `announces-in-time`, `no-flapping`. Liveness, after the last fault has ended: `one-master`,
`preferred-master`, `clients-served`. What cannot be judged, because a cable loses frames or somebody is deaf for
good, is not: a verdict says how often its check had something to judge.

An attack is an excuse only where somebody may believe it. Forged advertisements, and replayed ones where all hosts
enforce seals, excuse nothing: every check holds as if nobody attacked. While others are replayed, and while
somebody spoofs ARP, what waits for an end of all disturbances waits for that of the attack, too.
"""

from carpsim.checks.announces_in_time import AnnouncesInTime
from carpsim.checks.check import Check
from carpsim.checks.clients_served import ClientsServed
from carpsim.checks.lease_honoured import LeaseHonoured
from carpsim.checks.looking_on import CHECKS, Checks
from carpsim.checks.no_flapping import NoFlapping
from carpsim.checks.no_orphan import NoOrphan
from carpsim.checks.one_holder import OneHolder
from carpsim.checks.one_master import OneMaster
from carpsim.checks.preferred_master import PreferredMaster
from carpsim.checks.release_before_goodbye import ReleaseBeforeGoodbye
from carpsim.checks.silent_outside_master import SilentOutsideMaster
from carpsim.checks.verdict import Bound, Verdict, violated

__all__ = [
    "CHECKS",
    "AnnouncesInTime",
    "Bound",
    "Check",
    "Checks",
    "ClientsServed",
    "LeaseHonoured",
    "NoFlapping",
    "NoOrphan",
    "OneHolder",
    "OneMaster",
    "PreferredMaster",
    "ReleaseBeforeGoodbye",
    "SilentOutsideMaster",
    "Verdict",
    "violated",
]
