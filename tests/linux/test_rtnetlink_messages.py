import os
import subprocess
import sys
from ipaddress import IPv4Interface

import pytest

from triocarp.linux import rtnetlink_messages
from triocarp.linux.rtnetlink_messages import AddressReport, Report

ADDRESS = IPv4Interface("10.0.0.100/24")

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
