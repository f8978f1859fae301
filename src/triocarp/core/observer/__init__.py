"""A passive observer: hears every frame of a segment, and names each host's role, the failovers and their causes.

It never sends, and needs nothing but the group's password and addresses: for captures of real life, and as a
witness beside our own hosts.
"""

from triocarp.core.observer.observed_group import ObservedGroup
from triocarp.core.observer.observer import HostView, Observer
from triocarp.core.observer.sightings import (
    Announced,
    Failover,
    FailoverCause,
    Host,
    Rejected,
    Role,
    RoleCause,
    RoleChanged,
    Sighting,
    TwoMastersOver,
    TwoMastersSeen,
    explain_sighting,
)

__all__ = [
    "Announced",
    "Failover",
    "FailoverCause",
    "Host",
    "HostView",
    "ObservedGroup",
    "Observer",
    "Rejected",
    "Role",
    "RoleCause",
    "RoleChanged",
    "Sighting",
    "TwoMastersOver",
    "TwoMastersSeen",
    "explain_sighting",
]
