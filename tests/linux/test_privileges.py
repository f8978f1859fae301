import pytest

from tests.ports.privilege import without_privileges
from triocarp.linux.privileges import Capability, effective_capabilities, explain_missing, missing_capabilities

STATUS = "Name:\tcarpd\nCapInh:\t0000000000000000\nCapPrm:\t00000000ffffffff\nCapEff:\t{}\nCapBnd:\t0\n"


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


def test_explanation_of_both() -> None:
    """Both are named where both are missing."""
    explanation = explain_missing(tuple(Capability))

    assert "--cap-add NET_ADMIN --cap-add NET_RAW" in explanation
    assert "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW" in explanation
    assert "\n" not in explanation
