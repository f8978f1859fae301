"""A private network for this process and its children, so that the machine's own network is never touched.

`enter` moves the whole process into a network namespace and a mount namespace of its own. Root needs nothing
else; an ordinary user needs a user namespace around them, in which they are root. Some systems forbid that,
each in its own way and some only *after* the process has moved (Ubuntu's AppArmor lets `unshare` succeed and
then denies everything inside). So the whole way is first walked by a forked child, and the caller moves only
when the child arrived: a process that is refused stays where and what it was.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from triocarp.lab import syscalls

ENVIRONMENT_VARIABLE: Final = "TRIOCARP_PRIVATE_NETWORK"
"""Set to `1` once inside, so that child processes (the workers of pytest-xdist) know that they are."""

_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1

_NETWORK: Final = syscalls.CLONE_NEWNET | syscalls.CLONE_NEWNS
_NETWORK_AND_USER: Final = _NETWORK | syscalls.CLONE_NEWUSER

# The switches by which systems forbid it: sysctl, value that forbids, value that allows.
_SYSCTLS: Final = (
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "10000"),
    ("user.max_net_namespaces", "0", "10000"),
    ("user.max_mnt_namespaces", "0", "10000"),
)


class PrivateNetworkUnavailable(Exception):  # noqa: N818 - a state of the system, not a mistake of the caller
    """The system forbids a private network; the message is one line that says what to type instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Where on the way into the private network the system said no."""

    step: str
    number: int


def entered() -> bool:
    """Tell whether this process, or an ancestor that started it, is in a private network already."""
    return os.environ.get(ENVIRONMENT_VARIABLE) == "1"


def enter() -> None:
    """Move this process into a private network; do nothing when it is in one already.

    Afterwards the process is root over a network that has nothing but a working `lo`, `/run` is an empty file
    system of its own (with `/run/netns`, so that `ip netns` works), and children inherit all this.

    Raises:
        PrivateNetworkUnavailable: the system forbids it; nothing has changed.
        RuntimeError: the process has several threads, which the kernel can't move together.
    """
    if entered():
        return
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208 - only the count matters
    if threads != 1:
        raise RuntimeError(f"a process enters a private network before it starts threads; it has {threads}")
    # In a container, root may lack the privilege and yet be allowed a user namespace: so it tries both ways.
    ways = (_NETWORK, _NETWORK_AND_USER) if os.geteuid() == 0 else (_NETWORK_AND_USER,)
    refusals: list[Refusal] = []
    for flags in ways:
        refusal = _rehearse(flags)
        if refusal is None:
            _move(flags)
            os.environ[ENVIRONMENT_VARIABLE] = "1"
            return
        refusals.append(refusal)
    raise PrivateNetworkUnavailable(explain(refusals[0], is_root=os.geteuid() == 0))


def _rehearse(flags: int) -> Refusal | None:
    """Walk the whole way in a forked child and tell where it was refused, if it was."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - the child is not measured
        # What the child can't explain counts as a refusal, too.
        status = struct.pack("=i", errno.EPERM) + b"rehearsal"
        try:
            _move(flags)
            status = b"\0"
        except _StepRefused as refused:
            status = struct.pack("=i", refused.refusal.number) + refused.refusal.step.encode()
        finally:
            os.write(writer, status)
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:  # noqa: PTH123 - a descriptor has no path
        report = pipe.read()
    os.waitpid(child, 0)
    if report == b"\0":
        return None
    return Refusal(number=struct.unpack("=i", report[:4])[0], step=report[4:].decode())


class _StepRefused(Exception):  # noqa: N818 - never leaves this module
    """One step of the way was refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def _move(flags: int) -> None:
    """Enter the namespaces and make them habitable."""
    uid, gid = os.geteuid(), os.getegid()
    step = "unshare"
    try:
        syscalls.unshare(flags)
        if flags & syscalls.CLONE_NEWUSER:
            step = "map"
            # Only a process that has given up setgroups(2) may map its group (user_namespaces(7)).
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")
        step = "mount"
        syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
        syscalls.mount("tmpfs", "/run", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=755")
        Path("/run/netns").mkdir()
        step = "sysctl"
        # Containers mount this read-only, and the hosts of a lab need it to keep their IPv6 quiet.
        with Path("/proc/sys/net/ipv4/ip_forward").open("a", encoding="ascii"):
            pass
        step = "link"
        _bring_loopback_up()
    except OSError as exc:
        raise _StepRefused(Refusal(step=step, number=exc.errno or errno.EPERM)) from exc


def _bring_loopback_up() -> None:
    """Bring `lo` up, in the way that needs no netlink."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def explain(refusal: Refusal, *, is_root: bool, sysctls: Path = Path("/proc/sys")) -> str:
    """Say in one line what forbids the private network, and what to type instead."""
    for name, forbidding, allowing in _SYSCTLS:
        try:
            value = (sysctls / name.replace(".", "/")).read_text(encoding="ascii").strip()
        except OSError:
            continue
        # The sysctls about unprivileged users are no obstacle to root.
        if value == forbidding and not (is_root and "unprivileged" in name):
            remedy = f"sudo sysctl -w {name}={allowing}"
            if not is_root:
                remedy = f"{_same_command_with_sudo()}   (or, once: {remedy})"
            return f"the system forbids private networks ({name}={value}); type instead: {remedy}"
    reason = f"{refusal.step}: {os.strerror(refusal.number)}"
    if is_root:
        return (
            f"this container forbids private networks ({reason}); start it instead with: "
            "--privileged   (or --cap-add SYS_ADMIN --security-opt seccomp=unconfined"
            " --security-opt apparmor=unconfined --security-opt systempaths=unconfined)"
        )
    remedy = _same_command_with_sudo()
    return f"the system forbids private networks to ordinary users ({reason}); type instead: {remedy}"


def _same_command_with_sudo() -> str:
    """Return the running command as one would type it with sudo, whose PATH lacks virtual environments."""
    command = shlex.join(["sudo", sys.executable, *sys.orig_argv[1:]])
    return command if command.isprintable() else "the same command with sudo"
