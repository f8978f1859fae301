"""What Docker and Kubernetes give a container that is not root's: no ambient capabilities, perhaps no new ones.

podman gives ambient ones, so here the program is started in the unpacked image, as they would do it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from tests.image.containers import ENTRY_POINT, IMAGE
from tests.image.test_failover import QUICK

if TYPE_CHECKING:
    import subprocess

    from tests.image.containers import Engine
    from tests.kernel.daemons import Site
    from triocarp.lab import Host

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

NOBODY: Final = (
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
    "--inh-caps=-all",
    "--ambient-caps=-all",
)
BOTH: Final = "--bounding-set=-all,+net_raw,+net_admin"


def run(engine: Engine, host: Host, *privileges: str, seconds: int = 5) -> subprocess.CompletedProcess[bytes]:
    """Start the image's program on a host as Docker would, and ask it to end after some seconds."""
    with engine.unpacked() as tree:
        inside = ["chroot", str(tree), "setpriv", *NOBODY, *privileges]
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={tree}/proc"]
        variables = [f"{name}={value}" for name, value in QUICK.items()]
        ended = ["timeout", "--preserve-status", str(seconds)]
        return host.run([*isolated, *inside, *ended, "env", *variables, *ENTRY_POINT], timeout_s=60)


def test_file_capabilities(site: Site, engine: Engine) -> None:
    """They are enough: it becomes master, and leaves in order."""
    done = run(engine, site.one, BOTH)
    assert b"Switching to state: MASTER" in done.stderr
    assert done.returncode == 0
    assert [holding.host for holding in site.holders.holdings] == ["one"]


def test_no_new_privileges(site: Site, engine: Engine) -> None:
    """It cannot work, and one line says why, and what to change."""
    done = run(engine, site.one, BOTH, "--no-new-privs")
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 2
    for word in (
        "no-new-privileges",
        "allowPrivilegeEscalation: true",
        "runAsUser: 0",
        "--user 0",
        "CAP_NET_ADMIN",
    ):
        assert word in line


def test_capability_out_of_bounds(site: Site, engine: Engine) -> None:
    """Without ``--cap-add NET_ADMIN`` it starts all the same, and says what is missing."""
    done = run(engine, site.one, "--bounding-set=-all,+net_raw")
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert "missing CAP_NET_ADMIN" in line
    assert "--cap-add NET_ADMIN" in line


def test_image(engine: Engine) -> None:
    """It is small beside its base, has a health check and labels, and runs as nobody."""
    (found,) = json.loads(engine.podman("image", "inspect", IMAGE).stdout)
    assert found["Config"]["User"] == "65534:65534"
    assert found["Config"]["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    assert found["Healthcheck"]["Test"] == ["CMD", "carpd", "--healthcheck"]
    assert engine.size(IMAGE) - engine.size("localhost/base") < 20_000_000
