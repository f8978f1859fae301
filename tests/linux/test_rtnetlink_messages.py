import os
import subprocess
import sys
from ipaddress import IPv4Interface, IPv6Interface

import pytest

from triocarp.linux import rtnetlink_messages
from triocarp.linux.rtnetlink_messages import AddressReport, Report

ADDRESS = IPv4Interface("10.0.0.100/24")
ADDRESS6 = IPv6Interface("2001:db8::100/64")

# Each in a fresh interpreter: what is imported stays.
LEAN = """
import sys
import triocarp.linux.rtnetlink_messages
for name in ("asyncio", "sqlite3", "pyroute2.iproute", "pyroute2.ndb"):
    assert name not in sys.modules, name
"""
WHOLE_AFTERWARDS = """
import triocarp.linux.rtnetlink_messages
import pyroute2
from pyroute2 import IPRoute, netns
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
assert IPRoute is pyroute2.IPRoute
assert ifaddrmsg is triocarp.linux.rtnetlink_messages._AddressMessage
try:
    pyroute2.nonsense
except AttributeError:
    pass
else:
    raise AssertionError
"""
WHOLE_BEFORE = """
import pyroute2
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
import triocarp.linux.rtnetlink_messages
assert ifaddrmsg is triocarp.linux.rtnetlink_messages._AddressMessage
"""


@pytest.mark.parametrize("program", [LEAN, WHOLE_AFTERWARDS, WHOLE_BEFORE], ids=["lean", "after", "before"])
def test_imports(program: str) -> None:
    """Only the messages of pyroute2 are loaded, and whoever wants the rest of it gets it all the same."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_hold_on_the_wire() -> None:
    """The request is what the header files say: created or replaced, acknowledged, with address and lease."""
    assert bytes.fromhex(
        "3c000000 1400 0505 6400000a 00000000"  # struct nlmsghdr; the number is the address
        "02 18 00 00 07000000"  # struct ifaddrmsg
        "0800 0200 0a000064"  # IFA_LOCAL
        "0800 0100 0a000064"  # IFA_ADDRESS
        "1400 0600 03000000 03000000 00000000 00000000"  # IFA_CACHEINFO: preferred, valid
    ).replace(bytes.fromhex("6400000a"), int(ADDRESS.ip).to_bytes(4, sys.byteorder)) == (
        rtnetlink_messages.request_to_hold(7, ADDRESS, 3)
    )


def test_ipv6_hold_on_the_wire() -> None:
    """The request adds without duplicate address detection, deprecated, with our metric and our mark."""
    assert bytes.fromhex(
        "58000000 1400 0505 00000000 00000000"  # struct nlmsghdr
        "0a 40 00 00 07000000"  # struct ifaddrmsg
        "1400 0100 20010db8000000000000000000000100"  # IFA_ADDRESS
        "1400 0600 00000000 03000000 00000000 00000000"  # IFA_CACHEINFO: preferred, valid
        "0800 0800 02000000"  # IFA_FLAGS: IFA_F_NODAD
        "0800 0900 00100000"  # IFA_RT_PRIORITY
        "0500 0b00 70 000000"  # IFA_PROTO
    ) == rtnetlink_messages.request_to_hold(7, ADDRESS6, 3)


def test_ipv6_release_reads_back() -> None:
    """The request to release carries the address and the prefix length, which both must match."""
    request = rtnetlink_messages.request_to_release(7, ADDRESS6)

    assert (AddressReport(index=7, address=ADDRESS6, present=False, port_id=0, number=0),) == tuple(
        rtnetlink_messages.read(request)
    )
    assert len(request) == 16 + 8 + 20


def test_route_question_on_the_wire() -> None:
    """The question is what the header files say."""
    assert bytes.fromhex(
        "2c000000 1a00 0100 00000000 00000000"  # struct nlmsghdr
        "02 20 00 00 00 00 00 00 00200000"  # struct rtmsg, with RTM_F_FIB_MATCH
        "0800 0100 c0000201"  # RTA_DST
        "0800 0400 07000000"  # RTA_OIF
    ) == rtnetlink_messages.request_for_route(7, bytes((192, 0, 2, 1)))


@pytest.mark.parametrize(
    ("flags", "tentative", "duplicate"),
    [(0x02, False, False), (0x40, True, False), (0x44, True, False), (0x48, True, True), (0x08, True, True)],
    ids=["sound", "tentative", "optimistic", "failed", "failed and leased"],
)
def test_duplicate_address_detection(flags: int, *, tentative: bool, duplicate: bool) -> None:
    """An address that cannot be used yet, or never, is told from a sound one."""
    message = bytearray(rtnetlink_messages.request_to_release(7, ADDRESS6))
    message[16 + 2] = flags

    (report,) = rtnetlink_messages.read(bytes(message))

    assert isinstance(report, AddressReport)
    assert (tentative, duplicate) == (report.tentative, report.duplicate)


def test_release_reads_back() -> None:
    """The request to release carries the address alone, which the kernel matches with every prefix length."""
    request = rtnetlink_messages.request_to_release(7, ADDRESS)

    assert (AddressReport(index=7, address=ADDRESS, present=False, port_id=0, number=int(ADDRESS.ip)),) == tuple(
        rtnetlink_messages.read(request)
    )
    assert len(request) == 16 + 8 + 8


def test_several_messages() -> None:
    """A datagram of several messages is read to its end."""
    request = rtnetlink_messages.request_to_release(7, ADDRESS)

    assert len(list(rtnetlink_messages.read(request * 3))) == 3


@pytest.mark.parametrize("length", range(32))
def test_truncated_message(length: int) -> None:
    """A message that does not end says nothing, and raises nothing."""
    reports: list[Report] = list(
        rtnetlink_messages.read(rtnetlink_messages.request_to_release(7, ADDRESS)[:length])
    )

    assert reports == []
