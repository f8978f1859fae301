"""What all tests share: the private network in which those marked `kernel` and `peers` run.

The process that starts the tests enters it before there are threads or workers, which inherit it. Where the
system forbids that, these tests are skipped with the reason; but in CI (`CI=true`) they fail, for a skipped
test checks nothing.

Hypothesis sets no deadlines in any of them, and in CI draws the same examples each time.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import settings

from triocarp.lab import Lan, private_network

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTER_NETWORK = "TRIOCARP_OUTER_NETWORK"
"""Variable with the network from which the tests have gone: whoever started them is still there."""

_KEY = "triocarp_private_network_refusal"
_refusal = pytest.StashKey[str]()
_PACKAGES = {"ip": "iproute2", "nft": "nftables", "start-stop-daemon": "dpkg", "systemd-analyze": "systemd"}
"""Debian's names of the packages that are not called like their program."""
_FOR_THE_IMAGE = ["podman", "buildah", "runc", "debootstrap", "ip"]

settings.register_profile("triocarp", deadline=None)
settings.register_profile("triocarp-ci", deadline=None, derandomize=True)
# Under mutation the tests run thousands of times; what survives a few examples is run again with CI's.
settings.register_profile("triocarp-mutated", deadline=None, derandomize=True, max_examples=10, database=None)


def _profile() -> str:
    if os.environ.get("CI") == "true":
        return "triocarp-ci"
    return "triocarp-mutated" if "MUTANT_UNDER_TEST" in os.environ else "triocarp"  # set by mutmut


settings.load_profile(_profile())


class _WorkerNode(Protocol):
    """What we use of xdist's controller of a worker."""

    config: pytest.Config
    workerinput: dict[str, object]


def pytest_configure(config: pytest.Config) -> None:
    """Enter the private network, or remember why not."""
    workerinput: dict[str, str] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        config.stash[_refusal] = workerinput[_KEY]
        return
    config.stash[_refusal] = ""
    if not private_network.entered():
        os.environ[OUTER_NETWORK] = f"/proc/{os.getppid()}/ns/net"
    try:
        private_network.enter()
    except private_network.PrivateNetworkUnavailable as exc:
        config.stash[_refusal] = str(exc)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: _WorkerNode) -> None:
    """Tell xdist's workers, which have threads and could not find out by themselves."""
    node.workerinput[_KEY] = node.config.stash[_refusal]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what can't run here, or fail it in CI."""
    peers = item.get_closest_marker("peers") is not None
    reason = ""
    image = item.get_closest_marker("image") is not None
    if peers or image or item.get_closest_marker("kernel") is not None:
        reason = item.config.stash[_refusal]
    needed = ["ucarp"] if peers else []
    if image:
        needed += _FOR_THE_IMAGE
        reason = reason or (
            "" if os.geteuid() == 0 else "podman needs root where its network is a lab's; use sudo"
        )
    for marker in item.iter_markers("programs"):
        needed.extend(marker.args)
    missing = [name for name in needed if find_program(name) is None]
    if missing and not reason:
        packages = " ".join(_PACKAGES.get(name, name) for name in missing)
        reason = f"missing programs: {', '.join(missing)}; type: sudo apt-get install {packages}"
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)


def find_program(name: str) -> str | None:
    """Return the path of a program, or None; an ordinary user's PATH lacks the directories of root's."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


@pytest.fixture
def lan() -> Iterator[Lan]:
    """Give a LAN without hosts; the test adds them, and nothing of it is left afterwards."""
    with Lan() as network:
        yield network


@pytest.fixture
def ucarp_program() -> str:
    """Give the path of the real ucarp, for tests marked `peers`."""
    program = find_program("ucarp")
    assert program is not None, "mark the test with pytest.mark.peers"
    return program
