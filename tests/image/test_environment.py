"""Variables that are unset or wrong, in the image itself: its exit statuses, and what it says."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

import pytest

from tests.image.test_failover import QUICK

if TYPE_CHECKING:
    from tests.image.conftest import Start
    from tests.kernel.daemons import Site

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

ADDRESS: Final = {"UCARP_ADDR": "10.0.0.100"}


@pytest.mark.parametrize(
    ("variables", "status", "said"),
    [
        ({"UCARP_INTERFACE": "eth0"}, 1, ["UCARP_ADDR is not set"]),
        (ADDRESS, 2, ["UCARP_INTERFACE is not set"]),
        ({"UCARP_ADDR": "10.0.0.1", "UCARP_INTERFACE": "eth0"}, 3, ["UCARP_SRCIP is not set"]),
        ({**ADDRESS, "UCARP_INTERFACE": "eth0", "UCARP_PASS_FILE": "/nowhere"}, 4, ["UCARP_PASS_FILE '/nowhere'"]),
        (
            {**QUICK, "UCARP_VHID": "300", "CARPD_ADVSKEW": "x", "UCARP_PASS": "s"},
            1,
            ["UCARP_VHID 300: expected a number from 1 to 255", "CARPD_ADVSKEW 'x': expected a whole number"],
        ),
    ],
)
def test_wrong_variables(
    site: Site, start: Start, variables: dict[str, str], status: int, said: list[str]
) -> None:
    """Each mistake is told in a line that names its variable, and the status is the image's."""
    container = start(site.one, variables)
    assert container.wait() == status
    log = container.log
    assert len(log.splitlines()) == len(said)
    for line in said:
        assert f"carpd: {line}" in log


def test_guesses(site: Site, start: Start) -> None:
    """Interface and source address are found by the default route, past one that a predecessor left."""
    host = site.one
    host.remove_address("10.0.0.1/24")
    host.add_address("10.0.0.100/32")
    host.add_address("10.0.0.1/24")
    assert host.run(["ip", "route", "add", "default", "dev", "eth0"]).returncode == 0
    container = start(host, {**ADDRESS, "UCARP_VHID": "7", "UCARP_PASS": ""})
    log = container.wait_for_log("ready: ")
    assert "Using [eth0]" in log
    assert "from 10.0.0.1 to 224.0.0.18" in log
    assert "everybody knows" in log


def test_password_file_is_on_no_command_line(
    site: Site, start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither does the log show it."""
    file = tmp_path_factory.mktemp("secret") / "password"
    file.write_text("very secret\n", encoding="ascii")
    variables = {**QUICK, "UCARP_PASS": "", "UCARP_PASS_FILE": "/run/password"}
    options = ("--cap-drop", "all", "--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW")
    container = start(site.one, variables, options=(*options, "--volume", f"{file}:/run/password:ro"))
    log = container.wait_for_log("ready: ")
    assert "secret" not in log
    assert "secret" not in container.exec("cat", "/proc/1/cmdline").stdout
    container.send(signal.SIGTERM)
    assert container.wait() == 0
