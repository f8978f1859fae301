"""The CARP state machine without input and output: events and instants in, effects out.

Everything that a host *decides* is decided here, so that the state machine that is simulated is the one that
runs. Nothing here opens a socket, reads a clock or draws a random number of its own; the standard library is
all that it needs. The clock's origin is arbitrary; its unit is the nanosecond, as `int`.

A driver is a few lines, and `Runner` has most of them: feed an event, carry out the effects in order, feed
failures back, sleep until the deadline.
"""

from triocarp.core.advertisement import Advertisement, MalformedAdvertisementError
from triocarp.core.authentication import Authenticator
from triocarp.core.configuration import ConfigurationError, NodeConfig, Problem, VirtualHostConfig
from triocarp.core.datagram import read_datagram
from triocarp.core.dialect import UCARP, CounterStyle, Dialect, TieRule
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
from triocarp.core.events import (
    AddressChanged,
    DemotionRequested,
    EffectFailed,
    Event,
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
from triocarp.core.node import Node
from triocarp.core.ports import AddressPort, FramePort, HookPort, PortError, Ports, ReportPort
from triocarp.core.reasons import Cause, DropReason, PortFailure
from triocarp.core.reports import Notice, Noticed, PacketDropped, Report, StateChanged, Stopped
from triocarp.core.runner import Runner
from triocarp.core.statistics import Statistics
from triocarp.core.transitions import TRANSITIONS, ForbiddenTransitionError, State
from triocarp.core.virtual_host import VirtualHost

__all__ = [
    "TRANSITIONS",
    "UCARP",
    "Action",
    "AddressChanged",
    "AddressPort",
    "Advertisement",
    "Announce",
    "Authenticator",
    "Cause",
    "ConfigurationError",
    "CounterStyle",
    "DemotionRequested",
    "Dialect",
    "DropReason",
    "Effect",
    "EffectFailed",
    "Event",
    "Family",
    "ForbiddenTransitionError",
    "FramePort",
    "HealthChanged",
    "HoldAddresses",
    "Hook",
    "HookFinished",
    "HookOutcome",
    "HookPort",
    "IPAddress",
    "IPInterface",
    "Link",
    "LinkChanged",
    "MaintenanceChanged",
    "MalformedAdvertisementError",
    "Node",
    "NodeConfig",
    "Notice",
    "Noticed",
    "PacketDropped",
    "PacketReceived",
    "PacketUnreadable",
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
    "SendAdvertisement",
    "Started",
    "State",
    "StateChanged",
    "Statistics",
    "StopRequested",
    "Stopped",
    "SwitchOverRequested",
    "TieRule",
    "TimerExpired",
    "VirtualHost",
    "VirtualHostConfig",
    "WallClockChanged",
    "explain",
    "read_datagram",
]
