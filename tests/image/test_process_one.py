"""carpd as the first process of a container: signals, orphans, scripts and the health check."""

from __future__ import annotations

import os
import signal
import stat
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.image.containers import CAPABILITIES, MODES
from tests.image.test_failover import QUICK

if TYPE_CHECKING:
    from pathlib import Path

    from tests.image.conftest import Start
    from tests.image.containers import Container
    from tests.kernel.daemons import Site

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

PATIENCE_S: Final = 20

UP: Final = """#!/bin/sh
echo "up: $*"
( setsid sh -c 'sleep 0.2' & )
exec ip addr add "$2/$3" dev "$1"
"""
DOWN: Final = """#!/bin/sh
ip addr del "$2/$3" dev "$1" 2>/dev/null
echo "down: $*"
"""


def script(path: Path, text: str) -> Path:
    """Write a script that everybody may run."""
    path.write_text(text, encoding="ascii")
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return path


def zombies(container: Container) -> list[str]:
    """Return the lines of processes that have ended, and that nobody asks for."""
    text = container.exec("sh", "-c", "cat /proc/[0-9]*/stat").stdout
    return [line for line in text.splitlines() if line.rpartition(")")[2].split()[0] == "Z"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_signals(site: Site, start: Start, number: signal.Signals) -> None:
    """It is process 1, with nothing in between, and leaves in order on each of them."""
    container = start(site.one, QUICK)
    site.holders.wait_until_holder(site.one, timeout_s=30)
    assert container.exec("cat", "/proc/1/comm").stdout == "python3\n"
    container.send(number)
    assert container.wait() == 0
    assert site.holders.holders_now() == frozenset()


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_scripts(site: Site, start: Start, tmp_path: Path, mode: tuple[str, ...]) -> None:
    """Scripts that are mounted over the image's run, may change addresses, and leave no zombies."""
    mounts = (
        *("--volume", f"{script(tmp_path / 'up', UP)}:/etc/ucarp/vip-up:ro"),
        *("--volume", f"{script(tmp_path / 'down', DOWN)}:/etc/ucarp/vip-down:ro"),
    )
    container = start(site.one, {**QUICK, "UCARP_MASKLEN": "24"}, options=(*mode, *mounts))
    site.holders.wait_until_holder(site.one, timeout_s=30)
    container.wait_for_log("up: eth0 10.0.0.100 24")
    deadline = time.monotonic() + PATIENCE_S
    while zombies(container):
        assert time.monotonic() < deadline
    container.send(signal.SIGTERM)
    assert container.wait() == 0
    assert container.log.count("down: eth0 10.0.0.100 24") == 2
    assert site.holders.holders_now() == frozenset()


def test_one_script_alone(site: Site, start: Start, tmp_path: Path) -> None:
    """For the other one there is one that does what the image's does, with the routing table."""
    mount = ("--volume", f"{script(tmp_path / 'down', DOWN)}:/etc/ucarp/vip-down:ro")
    variables = {**QUICK, "UCARP_RTABLE": "100", "UCARP_RTABLE_NETWORK_LENGTH": "22", "UCARP_RULE_PRIORITY": "50"}
    start(site.one, variables, options=(*CAPABILITIES, *mount))
    site.holders.wait_until_holder(site.one, timeout_s=30)
    deadline = time.monotonic() + PATIENCE_S
    while "10.0.0.0/22 dev eth0" not in site.one.run(["ip", "route", "show", "table", "100"]).stdout.decode():
        assert time.monotonic() < deadline
    assert "50:\tfrom 10.0.0.100 lookup 100" in site.one.run(["ip", "rule"]).stdout.decode()


def test_health_check(site: Site, start: Start) -> None:
    """It says what the daemon is, only of this container, and fails while the daemon hangs."""
    container = start(site.one, QUICK)
    other = start(site.one, {**QUICK, "UCARP_VHID": "8", "UCARP_ADDR": "10.0.0.101"})
    site.holders.wait_until_holder(site.one, timeout_s=30)
    other.wait_for_log("ready: ")
    checked = container.exec("carpd", "--healthcheck")
    assert (checked.returncode, checked.stdout) == (0, "7@eth0 MASTER\n")
    process = container.process
    os.kill(process, signal.SIGSTOP)
    try:
        assert container.exec("carpd", "--healthcheck").returncode == 1
        assert other.exec("carpd", "--healthcheck").returncode == 0
    finally:
        os.kill(process, signal.SIGCONT)
