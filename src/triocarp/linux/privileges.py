"""Which of the two privileges that a CARP daemon needs this process has, and what to say when one is missing."""

import enum
from collections.abc import Collection
from pathlib import Path
from typing import Final

_STATUS: Final = Path("/proc/thread-self/status")
_EFFECTIVE: Final = "CapEff:"


@enum.unique
class Capability(enum.Enum):
    """A privilege, with its number from <linux/capability.h>."""

    CAP_NET_ADMIN = 12
    CAP_NET_RAW = 13


_NEEDED_FOR: Final = {
    Capability.CAP_NET_ADMIN: "hold the virtual address",
    Capability.CAP_NET_RAW: "send and receive advertisements",
}


def effective_capabilities(status: str) -> frozenset[Capability]:
    """Return those capabilities that a thread has in effect.

    Args:
        status: the text of its ``status`` file in ``/proc`` (proc_pid_status(5)).

    Raises:
        ValueError: the text has no line ``CapEff:`` with a hexadecimal number.
    """
    for line in status.splitlines():
        if line.startswith(_EFFECTIVE):
            mask = int(line.removeprefix(_EFFECTIVE), 16)
            return frozenset(capability for capability in Capability if mask >> capability.value & 1)
    raise ValueError(f"no line {_EFFECTIVE!r} in {status!r}")


def missing_capabilities(needed: Collection[Capability] = tuple(Capability)) -> tuple[Capability, ...]:
    """Return those capabilities that the calling thread needs and does not have.

    Args:
        needed: CAP_NET_ADMIN may be left out where hooks move the address.

    Raises:
        OSError: ``/proc`` is not mounted.
    """
    effective = effective_capabilities(_STATUS.read_text(encoding="ascii", errors="replace"))
    return tuple(capability for capability in needed if capability not in effective)


def explain_missing(missing: Collection[Capability]) -> str:
    """Return one line that says what is missing, what for, and how to give it.

    Args:
        missing: at least one.
    """
    what = " and ".join(f"{capability.name} (to {_NEEDED_FOR[capability]})" for capability in missing)
    short = [capability.name.removeprefix("CAP_") for capability in missing]
    options = " ".join(f"--cap-add {name}" for name in short)
    units = " ".join(capability.name for capability in missing)
    return (
        f"missing {what}: run as root, or with {options} in a container"
        f" (Kubernetes: securityContext.capabilities.add [{', '.join(short)}]),"
        f" or with AmbientCapabilities={units} in a systemd unit"
    )
