"""The quadlet has no key that podman does not know, and keeps the promises that the manifests keep."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.manifests import DEPLOY
from tests.deploy.test_kubernetes import LEAVING_S

QUADLET = DEPLOY / "podman" / "carpd.container"
KEYS = {
    "Unit": {"Description", "Wants", "After"},
    "Container": {
        *(
            "AddCapability",
            "ContainerName",
            "DropCapability",
            "Environment",
            "Image",
            "Network",
            "NoNewPrivileges",
        ),
        *("HealthCmd", "HealthInterval", "HealthOnFailure", "HealthRetries", "HealthTimeout"),
        *("PodmanArgs", "ReadOnly", "Secret", "User"),
    },
    "Service": {"Restart", "RestartSec", "TimeoutStopSec"},
    "Install": {"WantedBy"},
}
"""Of podman-systemd.unit(5), which has more, and systemd.unit(5)."""

GENERATOR = "/usr/lib/systemd/system-generators/podman-system-generator"


def sections() -> dict[str, list[tuple[str, str]]]:
    """Return keys and values of the file, by section."""
    found: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in QUADLET.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            found[section] = []
        elif line and not line.startswith("#"):
            key, separator, value = line.partition("=")
            assert separator
            found[section].append((key, value))
    return found


def test_podman_knows_each_key() -> None:
    """Each section and key is one of podman's or systemd's; those that are not lists stand there once."""
    found = sections()
    assert found.keys() == KEYS.keys()
    for section, entries in found.items():
        names = [key for key, _ in entries]
        assert set(names) <= KEYS[section]
        assert len(set(names)) == len([name for name in names if name != "Environment"]) + ("Environment" in names)


def test_it_keeps_the_promises() -> None:
    """It has two capabilities, no other privilege, the host's network, time to leave, its password in a secret."""
    found = sections()
    container = dict(found["Container"])
    expected = {
        "User": "0",
        "DropCapability": "all",
        "AddCapability": "NET_ADMIN NET_RAW",
        "NoNewPrivileges": "true",
        "ReadOnly": "true",
        "Network": "host",
        "Secret": "carpd-password,mode=0400",
    }
    assert container.items() >= expected.items()
    assert ("Environment", "UCARP_PASS_FILE=/run/secrets/carpd-password") in found["Container"]
    stop = re.search(r"--stop-timeout=(\d+)", container["PodmanArgs"])
    assert stop is not None
    assert LEAVING_S < int(stop[1]) < int(dict(found["Service"])["TimeoutStopSec"])
    assert dict(found["Service"])["Restart"] == "always"


@pytest.mark.skipif(not Path(GENERATOR).exists(), reason="podman is not here, or is older than 4.4")
def test_podman_makes_a_service_of_it(tmp_path: Path) -> None:
    """Podman's generator takes the file, and starts podman with the options that are meant."""
    shutil.copy(QUADLET, tmp_path)
    made = subprocess.run(
        [GENERATOR, "--dryrun"],
        env=os.environ | {"QUADLET_UNIT_DIRS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--cap-add=net_admin" in made.stdout.lower()
    assert "--stop-timeout=75" in made.stdout


@pytest.mark.programs("systemd-analyze")
def test_systemd_takes_the_rest(tmp_path: Path) -> None:
    """What podman hands on to systemd as it stands is a unit that systemd takes without a word."""
    lines = ["Type=notify", "NotifyAccess=all", "ExecStart=/bin/true"]
    unit = tmp_path / "carpd.service"
    parts = {name: [f"{key}={value}" for key, value in entries] for name, entries in sections().items()}
    del parts["Container"]
    parts["Service"] += lines
    text = "".join(f"[{name}]\n" + "".join(f"{line}\n" for line in part) for name, part in parts.items())
    unit.write_text(text, encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", unit], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
