"""Which of the two privileges that a CARP daemon needs this process has, and what to say when one is missing."""

import enum
import os
import struct
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

_CAPSET_VERSION: Final = 0x2008_0522  # _LINUX_CAPABILITY_VERSION_3
_CAPSET_HEADER: Final = struct.Struct("=Ii")  # version, process
_CAPSET_SETS: Final = struct.Struct("=6I")  # effective, permitted, inheritable: the low words, then the high ones
_PR_CAP_AMBIENT: Final = 47  # <linux/prctl.h>
_PR_CAP_AMBIENT_RAISE: Final = 2
_WORD: Final = 0xFFFF_FFFF

_STATUS: Final = Path("/proc/thread-self/status")
_EFFECTIVE: Final = "CapEff:"
_PERMITTED: Final = "CapPrm:"
_INHERITABLE: Final = "CapInh:"
_NO_NEW_PRIVILEGES: Final = "NoNewPrivs:"


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
    mask = _field(status, _EFFECTIVE)
    return frozenset(capability for capability in Capability if mask >> capability.value & 1)


def _field(status: str, name: str) -> int:
    """Return a hexadecimal number of a ``status`` file.

    Raises:
        ValueError: there is no such line.
    """
    for line in status.splitlines():
        if line.startswith(name):
            return int(line.removeprefix(name), 16)
    raise ValueError(f"no line {name!r} in {status!r}")


def put_into_effect(*, hand_on: bool) -> None:
    """Put those of the capabilities into effect that this thread is permitted to have.

    An interpreter with file capabilities may only permit them. If it also had the kernel put them into effect, the
    kernel would refuse to start it wherever one of them is out of bounds, and nobody would say why.

    Args:
        hand_on: give them to the programs that this thread starts, as ambient capabilities (capabilities(7)).

    Raises:
        OSError: ``/proc`` is not mounted, or the kernel refuses.
    """
    status = _STATUS.read_text(encoding="ascii", errors="replace")
    effective, permitted, inheritable = (_field(status, name) for name in (_EFFECTIVE, _PERMITTED, _INHERITABLE))
    wanted = permitted & sum(1 << capability.value for capability in Capability)
    if not hand_on and not wanted & ~effective:
        return
    import ctypes  # noqa: PLC0415 - few need it, and it takes time to load

    libc = ctypes.CDLL(None, use_errno=True)

    def call(result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    sets = (effective | wanted, permitted, inheritable | (wanted if hand_on else 0))
    words = _CAPSET_SETS.pack(*(number & _WORD for number in sets), *(number >> 32 for number in sets))
    call(libc.capset(_CAPSET_HEADER.pack(_CAPSET_VERSION, 0), words))
    if hand_on:
        for capability in Capability:
            if wanted >> capability.value & 1:
                call(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability.value, 0, 0))


def forbidden_to_gain() -> bool:
    """Return whether this interpreter has file capabilities that had no effect, as the process may gain none.

    Raises:
        OSError: ``/proc`` is not mounted.
    """
    if not _field(_STATUS.read_text(encoding="ascii", errors="replace"), _NO_NEW_PRIVILEGES):
        return False
    try:
        return bool(os.getxattr(sys.executable, "security.capability"))
    except OSError:
        return False


def missing_capabilities(needed: Collection[Capability] = tuple(Capability)) -> tuple[Capability, ...]:
    """Return those capabilities that the calling thread needs and does not have.

    Args:
        needed: CAP_NET_ADMIN may be left out where hooks move the address.

    Raises:
        OSError: ``/proc`` is not mounted.
    """
    effective = effective_capabilities(_STATUS.read_text(encoding="ascii", errors="replace"))
    return tuple(capability for capability in needed if capability not in effective)


def explain_missing(missing: Collection[Capability], *, forbidden: bool = False) -> str:
    """Return one line that says what is missing, what for, and how to give it.

    Args:
        missing: at least one.
        forbidden: whether the interpreter has file capabilities, and the process may not gain any.
    """
    what = " and ".join(f"{capability.name} (to {_NEEDED_FOR[capability]})" for capability in missing)
    short = [capability.name.removeprefix("CAP_") for capability in missing]
    options = " ".join(f"--cap-add {name}" for name in short)
    if forbidden:
        return (
            f"missing {what}: user {os.getuid()} has them from the file capabilities of {sys.executable}, which "
            "no-new-privileges switches off: let it gain privileges (Kubernetes: allowPrivilegeEscalation: true), "
            f"or run it as root (Kubernetes: runAsUser: 0, runAsNonRoot: false; Docker: --user 0) with {options}"
        )
    units = " ".join(capability.name for capability in missing)
    return (
        f"missing {what}: run as root, or with {options} in a container"
        f" (Kubernetes: securityContext.capabilities.add [{', '.join(short)}]),"
        f" or with AmbientCapabilities={units} in a systemd unit"
    )
