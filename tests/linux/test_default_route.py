"""The interface of the default route, as the kernel lists routes."""

import pytest

from triocarp.linux.default_route import best_default_interface

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"


def line(
    interface: str, *, destination: str = "00000000", flags: int = 3, metric: int = 0, mask: str = "0" * 8
) -> str:
    """Return a line of /proc/net/route."""
    return f"{interface}\t{destination}\t0100000A\t{flags:04X}\t0\t0\t{metric}\t{mask}\t0\t0\t0   "


@pytest.mark.parametrize(
    ("lines", "interface"),
    [
        ([], None),
        ([line("eth0")], "eth0"),
        ([line("eth0", metric=100), line("wlan0", metric=50)], "wlan0"),
        ([line("eth0", metric=100), line("eth1", metric=100)], "eth0"),
        ([line("ppp0", flags=1)], "ppp0"),
        ([line("eth0", flags=0x201)], None),
        ([line("eth0", flags=2)], None),
        ([line("eth0", destination="0000000A", mask="00FFFFFF")], None),
        ([line("eth0", mask="00000080"), line("eth1")], "eth1"),
    ],
)
def test_best_default_interface(lines: list[str], interface: str | None) -> None:
    """The least metric counts, then the order, with a gateway or without; half of the world is no default."""
    assert best_default_interface("\n".join((HEAD, *lines, ""))) == interface
