"""Why things happened: the causes of transitions, the reasons for dropped packets, the kinds of failure.

Every transition and every drop carries one of these, so that logs, metrics and tests speak the same words.
"""

import enum


@enum.unique
class Cause(enum.Enum):
    """Why a virtual host changed its state. The values are FreeBSD's words where FreeBSD has them."""

    LINK_UP = "initialization complete"
    LINK_DOWN = "hardware interface down"
    MASTER_TIMED_OUT = "master timed out"
    MASTER_WILL_TIME_OUT = "master will time out"
    PREEMPTING = "preempting a slower master"
    BETTER_ADVERTISEMENT = "more frequent advertisement received"
    PEER_DEMOTED = "preempting a demoted master"
    TIE_LOST = "equal advertisement received"
    OVERSLEPT = "slept past the dead time"
    ADDRESS_FAILURE = "address could not be held"
    SWITCHED_OVER = "user requested"
    MAINTENANCE = "maintenance requested"
    GROUP_FAILED = "another virtual host of the failover group failed"
    STOPPED = "stopped by the operator"


@enum.unique
class DropReason(enum.Enum):
    """Why a received packet was dropped. The values are the BSD counters' names without ``carps_``.

    Those that no BSD counts have names of ours. ``badaddrs``, which the BSDs keep for VRRP, counts advertisements
    that have our password and other virtual addresses, as far as that can be told.
    """

    BAD_INTERFACE = "badif"
    SHORT_HEADER = "hdrops"
    BAD_TTL = "badttl"
    BAD_CHECKSUM = "badsum"
    BAD_VERSION = "badver"
    BAD_LENGTH = "badlen"
    BAD_AUTHENTICATION = "badauth"
    BAD_ADDRESSES = "badaddrs"
    BAD_VHID = "badvhid"
    BAD_TYPE = "badtype"
    BAD_DESTINATION = "baddest"
    BAD_SOURCE = "badsource"
    FRAGMENT = "fragment"
    FOREIGN = "foreign"
    OWN = "own"
    UNSEALED = "unsealed"
    ALTERED = "altered"
    STALE = "stale"
    UNPROVEN = "unproven"
    REPLAYED = "replayed"


@enum.unique
class PortFailure(enum.Enum):
    """What kind of failure kept a port from carrying out an effect."""

    NO_DEVICE = "no such device"
    NO_PERMISSION = "no permission"
    ADDRESS_TAKEN = "address taken"
    LINK_DOWN = "link is down"
    NO_ROUTE = "no route"
    TOO_LATE = "too late"
    WITHHELD = "withheld"
    NO_BUFFER = "no buffer space"
    OTHER = "failed"
