"""How advertisements reach the other hosts."""

import enum


@enum.unique
class Transport(enum.Enum):
    """To whom an advertisement is addressed."""

    MULTICAST = "multicast"
    """To the group: every implementation's default."""

    BROADCAST = "broadcast"
    """To the group's IP address and the broadcast MAC, without joining the group (ucarp's ``--nomcast``)."""

    UNICAST = "unicast"
    """To each peer; what comes from anybody else is dropped."""
