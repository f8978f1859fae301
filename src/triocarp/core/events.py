"""What can happen to a host. Events go into `Node.handle`; they say what was observed and never what to do."""

import enum
from dataclasses import dataclass
from typing import TypeAlias, final

from triocarp.core.effects import Action, Hook
from triocarp.core.family import Family, IPAddress, IPInterface
from triocarp.core.reasons import DropReason, PortFailure


@enum.unique
class Link(enum.Enum):
    """The condition of a network interface."""

    UP = "up"
    NO_CARRIER = "no carrier"
    DOWN = "switched off"
    ABSENT = "the interface is gone; waiting for it"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The host begins. Comes first and once; the links are reported afterwards."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TimerExpired:
    """The deadline has come. An early or repeated one changes nothing."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PacketReceived:
    """A whole IP packet of protocol 112 arrived.

    Attributes:
        interface: where.
        source: IP source address; may be unspecified (0.0.0.0) or a virtual address.
        destination: IP destination address.
        ttl: time to live, or hop limit.
        payload: what follows the IP header.
    """

    interface: str
    source: IPAddress
    destination: IPAddress
    ttl: int
    payload: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PacketUnreadable:
    """Something arrived that is no sound IP packet of protocol 112.

    Attributes:
        interface: where.
        reason: what is wrong with it.
        source: IP source address, where it could be read.
    """

    interface: str
    reason: DropReason
    source: IPAddress | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ForgedReceived:
    """Advertisements that nobody with our password and addresses had signed, so many that a `Sieve` took them.

    Attributes:
        interface: where.
        vhid: that they claim; of one of our virtual hosts.
        family: over which.
        count: how many, 1 or more.
    """

    interface: str
    vhid: int
    family: Family
    count: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """An interface is in this condition now. Repeating the same condition changes nothing.

    Attributes:
        interface: its name.
        link: its condition.
        hardware_address: its MAC, 6 bytes; empty while it is absent.
    """

    interface: str
    link: Link
    hardware_address: bytes = b""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChanged:
    """Somebody else than this host put a virtual address on its interface, or took it off.

    Repeating what is already so changes nothing, so that a driver which lost notifications reports all it sees.

    Attributes:
        interface: its name.
        address: the virtual address.
        present: whether the interface has it now.
    """

    interface: str
    address: IPInterface
    present: bool


@enum.unique
class HookOutcome(enum.Enum):
    """How a hook ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    NOT_STARTED = "could not be started"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HookFinished:
    """A hook that `RunHook` asked for has ended, well or not. One that does not run changes nothing.

    Attributes:
        interface: of the virtual host.
        vhid: of the virtual host.
        hook: which one.
        outcome: how it ended. The protocol goes on all the same, as ucarp's does.
        detail: more words: the script, its exit status.
    """

    interface: str
    vhid: int
    hook: Hook
    outcome: HookOutcome
    detail: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectFailed:
    """An effect could not be carried out.

    Attributes:
        effect: the one that failed.
        failure: what kind of failure it was.
        detail: the port's own words, for people.
    """

    effect: Action
    failure: PortFailure
    detail: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WallClockChanged:
    """The wall clock is now this far from the clock of the instants: told at the start, and when it was set.

    Only sealed counters look at it. Repeat it now and then, for the two clocks drift apart.

    Attributes:
        offset: nanoseconds to add to an instant to have nanoseconds since the Unix epoch.
    """

    offset: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChanged:
    """A health check of the host's service has a new result.

    Attributes:
        check: its name.
        healthy: whether it passed.
        failover_group: the virtual hosts that it is about; None for all.
    """

    check: str
    healthy: bool
    failover_group: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceChanged:
    """The operator takes the host out of service, or puts it back. A master hands over at once.

    Attributes:
        active: whether it is out of service now.
        failover_group: the virtual hosts that it is about; None for all.
    """

    active: bool
    failover_group: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DemotionRequested:
    """The operator sets how much the host shall count as worse; it stands in the place of what was asked before.

    Attributes:
        amount: added to the other causes' amounts; may be negative, which makes up for them. What is compared
            and sent for the sum is clamped: advskew to 0 to 240, OpenBSD's byte to 0 to 255.
        failover_group: the virtual hosts that it is about; None for all.
    """

    amount: int
    failover_group: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchOverRequested:
    """The operator asks a master to hand over now, and not to come back for a while (ucarp's SIGUSR2).

    Attributes:
        hold_down: nanoseconds in which the host does not become master, whatever it hears.
        failover_group: the virtual hosts that it is about; None for all.
    """

    hold_down: int
    failover_group: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested:
    """The operator asks the host to leave.

    `Stopped` follows when it has left: the deadline is then the present instant, and the report comes with the
    `TimerExpired` after it, because only then is it known that no effect of the leaving has failed.
    """


Event: TypeAlias = (
    Started
    | TimerExpired
    | PacketReceived
    | PacketUnreadable
    | ForgedReceived
    | LinkChanged
    | AddressChanged
    | HookFinished
    | EffectFailed
    | WallClockChanged
    | HealthChanged
    | MaintenanceChanged
    | DemotionRequested
    | SwitchOverRequested
    | StopRequested
)
"""All that a `Node` can be told."""
