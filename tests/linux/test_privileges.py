import ctypes
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ports.privilege import without_privileges
from triocarp.linux.privileges import (
    Capability,
    effective_capabilities,
    explain_missing,
    missing_capabilities,
    put_into_effect,
)

STATUS = "Name:\tcarpd\nCapInh:\t0000000000000000\nCapPrm:\t00000000ffffffff\nCapEff:\t{}\nCapBnd:\t0\n"


def in_thread(body: Callable[[], None]) -> None:
    """Run a function in a thread that ends with it: capabilities belong to threads."""
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()


def missing_names() -> tuple[str, ...]:
    """Return the names of what is missing."""
    return tuple(capability.name for capability in missing_capabilities())


def set_effective_to_nothing() -> None:
    """Keep only what is permitted: the two capabilities."""
    two = 1 << 12 | 1 << 13
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capset(struct.pack("=Ii", 0x2008_0522, 0), struct.pack("=6I", 0, two, 0, 0, 0, 0)) == 0


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("0000000000000000", set[Capability]()),
        ("0000000000001000", {Capability.CAP_NET_ADMIN}),
        ("0000000000002000", {Capability.CAP_NET_RAW}),
        ("0000000000003000", {Capability.CAP_NET_ADMIN, Capability.CAP_NET_RAW}),
        ("000001ffffffffff", {Capability.CAP_NET_ADMIN, Capability.CAP_NET_RAW}),
        ("ffffffffffffcfff", set[Capability]()),
    ],
)
def test_effective_capabilities(mask: str, expected: set[Capability]) -> None:
    """The two bits of the effective set count, and no other set does."""
    assert expected == effective_capabilities(STATUS.format(mask))


def test_no_mask() -> None:
    """A text that is no status file is refused with its own words."""
    with pytest.raises(ValueError, match="Name: nobody"):
        effective_capabilities("Name: nobody")


def test_without_privileges() -> None:
    """A thread without capabilities misses both, or the one that it asks for."""
    missing: list[tuple[Capability, ...]] = []

    without_privileges(lambda: missing.append(missing_capabilities()))
    without_privileges(lambda: missing.append(missing_capabilities([Capability.CAP_NET_RAW])))

    assert [tuple(Capability), (Capability.CAP_NET_RAW,)] == missing


@pytest.mark.kernel
def test_root_of_the_private_network() -> None:
    """Who is root misses nothing."""
    assert missing_capabilities() == ()


def test_explanation() -> None:
    """One line says what is missing, what for, and how to give it."""
    assert explain_missing([Capability.CAP_NET_RAW]) == (
        "missing CAP_NET_RAW (to send and receive advertisements): run as root, or with --cap-add NET_RAW in a"
        " container (Kubernetes: securityContext.capabilities.add [NET_RAW]), or with"
        " AmbientCapabilities=CAP_NET_RAW in a systemd unit"
    )


def test_explanation_where_nothing_can_be_gained() -> None:
    """It names the cause, and both ways out of it, in one line."""
    explanation = explain_missing(tuple(Capability), forbidden=True)

    assert "no-new-privileges" in explanation
    assert "allowPrivilegeEscalation: true" in explanation
    assert "runAsUser: 0" in explanation
    assert "\n" not in explanation


@pytest.mark.kernel
def test_permitted_capabilities_come_into_effect() -> None:
    """What a thread may have and has not is in effect afterwards, and programs that it starts can be given it."""
    found: list[tuple[str, ...]] = []

    def body() -> None:
        set_effective_to_nothing()
        found.append(missing_names())
        put_into_effect(hand_on=False)
        found.append(missing_names())
        put_into_effect(hand_on=True)
        status = Path("/proc/thread-self/status").read_text(encoding="ascii")
        found.append(tuple(line for line in status.splitlines() if line.startswith("CapAmb")))

    in_thread(body)

    assert found == [("CAP_NET_ADMIN", "CAP_NET_RAW"), (), ("CapAmb:\t0000000000003000",)]


def test_nothing_is_permitted() -> None:
    """Who may have nothing gets nothing, and no error."""
    found: list[tuple[str, ...]] = []

    def body() -> None:
        put_into_effect(hand_on=False)
        found.append(missing_names())

    without_privileges(body)

    assert found == [("CAP_NET_ADMIN", "CAP_NET_RAW")]


def test_explanation_of_both() -> None:
    """Both are named where both are missing."""
    explanation = explain_missing(tuple(Capability))

    assert "--cap-add NET_ADMIN --cap-add NET_RAW" in explanation
    assert "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW" in explanation
    assert "\n" not in explanation
