"""The CARP state machine without input and output: events and instants in, effects out.

Everything that a host *decides* is decided here, so that the state machine that is simulated is the one that
runs. Nothing here opens a socket, reads a clock or draws a random number of its own; the standard library is
all that it needs. The clock's origin is arbitrary; its unit is the nanosecond, as `int`.

A driver is a few lines, and `Runner` has most of them: feed an event, carry out the effects in order, feed
failures back, sleep until the deadline.
"""

from triocarp.core.advertisement import PROTOCOL, Advertisement, MalformedAdvertisementError, parse
from triocarp.core.authentication import Authenticator, Keyring, covered_addresses
from triocarp.core.configuration import (
    CARP_GROUP,
    CARP_GROUP6,
    Draft,
    NodeConfig,
    VirtualHostConfig,
    problems_of_drafts,
)
from triocarp.core.datagram import read_datagram
from triocarp.core.demotion import Demotion, DemotionCause
from triocarp.core.dialect import (
    CARPD,
    DIALECTS,
    DRAGONFLY,
    FREEBSD,
    FREEBSD_9,
    NETBSD,
    OPENBSD,
    OPENBSD_7_3,
    UCARP,
    AddressOrder,
    CounterStyle,
    DemotionStyle,
    Dialect,
    LinkLocalRule,
    Silence,
    SourceMac,
    TieRule,
)
from triocarp.core.effects import (
    Action,
    Announce,
    Effect,
    HoldAddresses,
    Hook,
    ReleaseAddresses,
    RenewAddresses,
    RunHook,
    Saying,
    SendAdvertisement,
)
from triocarp.core.ethernet import multicast_mac
from triocarp.core.events import (
    AddressChanged,
    DemotionRequested,
    EffectFailed,
    Event,
    ForgedReceived,
    HealthChanged,
    HookFinished,
    HookOutcome,
    Link,
    LinkChanged,
    MaintenanceChanged,
    PacketReceived,
    PacketUnreadable,
    Started,
    StopRequested,
    SwitchOverRequested,
    TimerExpired,
    WallClockChanged,
)
from triocarp.core.explanation import explain
from triocarp.core.family import Family, IPAddress, IPInterface
from triocarp.core.flap_damping import FlapDamping
from triocarp.core.node import FailoverGroup, Node
from triocarp.core.policy_routing import PolicyRouting
from triocarp.core.ports import AddressPort, FramePort, HookPort, JournalPort, PortError, Ports, ReportPort
from triocarp.core.problem import ConfigurationError, Problem
from triocarp.core.reasons import Cause, DropReason, PortFailure
from triocarp.core.reports import (
    CloseCall,
    Notice,
    Noticed,
    OneWaySuspected,
    PacketDropped,
    Report,
    StateChanged,
    Stopped,
    TwoMasters,
)
from triocarp.core.runner import Runner
from triocarp.core.sealed_counter import SealVerdict
from triocarp.core.sealing import Sealing
from triocarp.core.sieve import Sieve
from triocarp.core.statistics import Statistics
from triocarp.core.transitions import TRANSITIONS, ForbiddenTransitionError, State
from triocarp.core.transport import Transport
from triocarp.core.virtual_host import VirtualHost

__all__ = [
    "CARPD",
    "CARP_GROUP",
    "CARP_GROUP6",
    "DIALECTS",
    "DRAGONFLY",
    "FREEBSD",
    "FREEBSD_9",
    "NETBSD",
    "OPENBSD",
    "OPENBSD_7_3",
    "PROTOCOL",
    "TRANSITIONS",
    "UCARP",
    "Action",
    "AddressChanged",
    "AddressOrder",
    "AddressPort",
    "Advertisement",
    "Announce",
    "Authenticator",
    "Cause",
    "CloseCall",
    "ConfigurationError",
    "CounterStyle",
    "Demotion",
    "DemotionCause",
    "DemotionRequested",
    "DemotionStyle",
    "Dialect",
    "Draft",
    "DropReason",
    "Effect",
    "EffectFailed",
    "Event",
    "FailoverGroup",
    "Family",
    "FlapDamping",
    "ForbiddenTransitionError",
    "ForgedReceived",
    "FramePort",
    "HealthChanged",
    "HoldAddresses",
    "Hook",
    "HookFinished",
    "HookOutcome",
    "HookPort",
    "IPAddress",
    "IPInterface",
    "JournalPort",
    "Keyring",
    "Link",
    "LinkChanged",
    "LinkLocalRule",
    "MaintenanceChanged",
    "MalformedAdvertisementError",
    "Node",
    "NodeConfig",
    "Notice",
    "Noticed",
    "OneWaySuspected",
    "PacketDropped",
    "PacketReceived",
    "PacketUnreadable",
    "PolicyRouting",
    "PortError",
    "PortFailure",
    "Ports",
    "Problem",
    "ReleaseAddresses",
    "RenewAddresses",
    "Report",
    "ReportPort",
    "RunHook",
    "Runner",
    "Saying",
    "SealVerdict",
    "Sealing",
    "SendAdvertisement",
    "Sieve",
    "Silence",
    "SourceMac",
    "Started",
    "State",
    "StateChanged",
    "Statistics",
    "StopRequested",
    "Stopped",
    "SwitchOverRequested",
    "TieRule",
    "TimerExpired",
    "Transport",
    "TwoMasters",
    "VirtualHost",
    "VirtualHostConfig",
    "WallClockChanged",
    "covered_addresses",
    "explain",
    "multicast_mac",
    "parse",
    "problems_of_drafts",
    "read_datagram",
]
