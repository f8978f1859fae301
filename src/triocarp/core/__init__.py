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
from triocarp.core.dialect import UCARP, CounterStyle, Dialect, TieRule
from triocarp.core.effects import (
    Action,
    Announce,
    Effect,
    HoldAddresses,
    Hook,
    Notice,
    Noticed,
    PacketDropped,
    ReleaseAddresses,
    RenewAddresses,
    Report,
    RunHook,
    Saying,
    SendAdvertisement,
    StateChanged,
    Stopped,
)
from triocarp.core.events import (
    AddressChanged,
    EffectFailed,
    Event,
    HookFinished,
    HookOutcome,
    Link,
    LinkChanged,
    PacketReceived,
    PacketUnreadable,
    Started,
    StopRequested,
    TimerExpired,
)
from triocarp.core.explanation import explain
from triocarp.core.ipv4 import read_datagram
from triocarp.core.node import Node
from triocarp.core.ports import AddressPort, FramePort, HookPort, PortError, Ports, ReportPort
from triocarp.core.reasons import Cause, DropReason, PortFailure
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
    "Dialect",
    "DropReason",
    "Effect",
    "EffectFailed",
    "Event",
    "ForbiddenTransitionError",
    "FramePort",
    "HoldAddresses",
    "Hook",
    "HookFinished",
    "HookOutcome",
    "HookPort",
    "Link",
    "LinkChanged",
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
    "TieRule",
    "TimerExpired",
    "VirtualHost",
    "VirtualHostConfig",
    "explain",
    "read_datagram",
]
