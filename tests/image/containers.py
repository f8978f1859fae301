"""The project's own Dockerfile, built on a base of Debian's, and run with podman on the hosts of a lab.

No registry is needed: `debootstrap` makes the base. Images and containers live in a directory of the test run.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.conftest import OUTER_NETWORK

if TYPE_CHECKING:
    import signal
    from collections.abc import Generator, Mapping, Sequence

    from triocarp.lab import Host

ROOT: Final = Path(__file__).parents[2]
BASE: Final = "localhost/base"
IMAGE: Final = "localhost/carpd"
ENTRY_POINT: Final = ("/opt/carpd/bin/python3", "-I", "-m", "triocarp.daemon", "--environment")
PATIENCE_S: Final = 30

CAPABILITIES: Final = ("--cap-drop", "all", "--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW")
MODES: Final = {
    "as root without new privileges": (
        *CAPABILITIES,
        *("--user", "0:0", "--security-opt", "no-new-privileges"),
    ),
    "as nobody with file capabilities": CAPABILITIES,
}
"""The ways in which the image is meant to be run."""

_PACKAGES: Final = "python3,python3-venv,ca-certificates,iproute2"
_PIP_ARGUMENTS: Final = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT")
_READABLE: Final = ("/etc/ssl/certs", "/etc/pip.conf")
_POLL_S: Final = 0.02
_numbers = itertools.count(1)


class Engine:
    """podman and buildah with images and containers of their own.

    Attributes:
        directory: where these are.
    """

    def __init__(self, directory: Path) -> None:
        """Take note of the directory.

        Args:
            directory: on a file system that an overlay can have for its lower layers.
        """
        self.directory = directory

    def build(self, run: str) -> None:
        """Build the base, unless it is there, and the image, unless another process of this test run has done so.

        Args:
            run: which test run it is.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            base, image = (self.directory / name for name in ("base-is-built", f"image-of-run-{run}-is-built"))
            if not base.exists():
                self._build_base()
                base.touch()
            if not image.exists():
                self._build_image()
                image.touch()

    def _build_base(self) -> None:
        tree = self.directory / "base"
        _outside("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(tree))
        container = self.buildah("from", "scratch").strip()
        self.buildah("copy", "-q", container, str(tree), "/")
        self.buildah("commit", "-q", "--rm", container, BASE)
        subprocess.run(["rm", "-rf", str(tree)], check=True)

    def _build_image(self) -> None:
        mounted = [f"--volume={path}:{path}:ro" for path in _READABLE if Path(path).exists()]
        told = [f"--build-arg={name}={os.environ[name]}" for name in _PIP_ARGUMENTS if os.environ.get(name)]
        how = ("--format", "docker", "--isolation", "chroot", "--network", "host")
        self.buildah("bud", *how, *mounted, *told, "--build-arg", f"BASE={BASE}", "-t", IMAGE, str(ROOT))

    def buildah(self, *words: str) -> str:
        """Run buildah on the machine's own network, and return its output."""
        return _outside("buildah", *self._places(), *words)

    def podman(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman to its end."""
        own = ("--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "none")
        argv = ["podman", *self._places(), "--tmpdir", str(self.directory / "tmp"), *own, *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def size(self, image: str) -> int:
        """Return the bytes of an image."""
        (found,) = json.loads(self.podman("image", "inspect", image).stdout)
        size: int = found["Size"]
        return size

    @contextlib.contextmanager
    def unpacked(self) -> Generator[Path]:
        """Give the tree of the image, for programs that are started in it without podman."""
        tree = self.podman("image", "mount", IMAGE).stdout.strip()
        try:
            yield Path(tree)
        finally:
            self.podman("image", "unmount", IMAGE)

    def _places(self) -> tuple[str, ...]:
        return (
            *("--root", str(self.directory / "storage"), "--runroot", str(self.directory / "run")),
            *("--storage-driver", "overlay"),
        )


def _outside(*argv: str) -> str:
    """Run a program on the machine's own network, which the tests have left, and return its output."""
    whole = ["nsenter", f"--net={os.environ[OUTER_NETWORK]}", *argv]
    done = subprocess.run(whole, capture_output=True, text=True, timeout=500, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Container:
    """A container of the image on a host, with a root file system that cannot be written to.

    Attributes:
        name: of the container.
        host: in whose network it is.
    """

    def __init__(
        self,
        engine: Engine,
        host: Host,
        variables: Mapping[str, str],
        *,
        options: Sequence[str] = CAPABILITIES,
        command: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            engine: has the image.
            host: in whose network.
            variables: its environment.
            options: of ``podman run``, for its privileges.
            command: further words for its entry point.
        """
        self.name = f"carpd-{os.getpid()}-{next(_numbers)}"
        self.host = host
        self._engine = engine
        engine.podman(
            *("run", "--detach", "--name", self.name, "--read-only", "--no-healthcheck"),
            *(
                "--ulimit",
                "nofile=1024:1024",
                "--ulimit",
                "nproc=1024:1024",
            ),  # podman's own may be too much for us
            *("--network", f"ns:/proc/{os.getpid()}/fd/{host.namespace.descriptor}"),
            *(word for name, value in variables.items() for word in ("--env", f"{name}={value}")),
            *(*options, IMAGE, *command),
        )

    @property
    def log(self) -> str:
        """What it has told so far."""
        done = self._engine.podman("logs", self.name)
        return done.stdout + done.stderr

    @property
    def process(self) -> int:
        """The number of its first process on the machine; 0 if it has ended."""
        return int(self._inspect("{{.State.Pid}}"))

    def _inspect(self, what: str) -> str:
        return self._engine.podman("inspect", "--format", what, self.name).stdout.strip()

    def wait_for_log(self, text: str) -> str:
        """Wait until it has told something, and return all that it has told."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in (log := self.log):
            assert time.monotonic() < deadline, f"no {text!r} in the log:\n{log}"
            time.sleep(_POLL_S)
        return log

    def exec(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a program in it."""
        return self._engine.podman("exec", self.name, *argv, check=False)

    def send(self, number: signal.Signals) -> None:
        """Send its first process a signal, from outside of its namespace: as an operator and a kernel do."""
        os.kill(self.process, number)

    def wait(self) -> int:
        """Wait for its end, and return its exit status."""
        return int(self._engine.podman("wait", self.name).stdout)

    def remove(self) -> None:
        """End it if it still runs, and remove it."""
        self._engine.podman("rm", "--force", "--time", "0", self.name, check=False)
