"""A network namespace: opened, worked in, and emptied of processes when it is closed.

No thread that the caller knows ever changes its namespace. What must happen inside happens in a thread that
lives just for that (about 0.15 ms), and what it opens there, a socket or a process, stays there.
"""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeVar

from triocarp.lab import syscalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Result = TypeVar("Result")
Stream = int | IO[bytes] | None

# Kills all that runs in its own network namespace once its standard input ends, which the kernel sees to even
# when this process is killed. PR_SET_PDEATHSIG would be lost when a daemon drops its privileges, and would
# miss the daemon's scripts; process numbers that we noted might be another's by now; a namespace is what
# nothing else can be in.
_REAPER: Final = """
trap '' HUP INT TERM
read -r _
round=0
while [ $round -lt 1000 ]; do
    round=$((round + 1)) alive=
    for process in /proc/[0-9]*; do
        if [ "$process" != "/proc/$$" ] && [ "$process/ns/net" -ef "/proc/$$/ns/net" ]; then
            alive=1
            kill -KILL "${process#/proc/}"
        fi
    done 2>/dev/null
    [ "$alive" ] || exit 0
done
exit 1
"""


class NetworkNamespace:
    """A new network namespace, kept by an open descriptor and nothing else: it can't outlive its processes.

    Attributes:
        descriptor: The open file that stands for the namespace.
    """

    descriptor: int

    def __init__(self, name: str) -> None:
        """Create the namespace.

        Args:
            name: Under which `ip netns` finds it while this process lives.
        """
        self._closed = False
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._reaper: subprocess.Popen[bytes] | None = None
        self.descriptor = _in_thread(_create)
        # `ip netns` opens what it finds there, so a link to our descriptor serves, and no mount has to be
        # undone.
        self._link = Path("/run/netns") / name
        self._link.symlink_to(f"/proc/{os.getpid()}/fd/{self.descriptor}")

    def call(self, function: Callable[[], Result]) -> Result:
        """Run a function inside, in a thread of its own, and return its result or raise its exception."""

        def inside() -> Result:
            syscalls.setns(self.descriptor, syscalls.CLONE_NEWNET)
            return function()

        return _in_thread(inside)

    def popen(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = None,
        stderr: Stream = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        pass_fds: Iterable[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a program inside, which is killed when the namespace closes or this process dies.

        Args:
            argv: The program and its arguments.
            stdin: As for `subprocess.Popen`, but nothing by default.
            stdout: As for `subprocess.Popen`.
            stderr: As for `subprocess.Popen`.
            env: The program's environment instead of ours.
            cwd: Its working directory.
            pass_fds: Descriptors that it inherits.
        """
        with self._lock:
            if self._reaper is None:
                self._reaper = self.call(self._start_reaper)

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=env,
                cwd=cwd,
                pass_fds=tuple(pass_fds),
            )

        process = self.call(start)
        self._processes.append(process)
        return process

    def run(
        self, argv: Sequence[str | os.PathLike[str]], *, stdin: bytes = b"", timeout_s: float = 10
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a short program inside to its end and return what it printed, whatever its exit status.

        Raises:
            subprocess.TimeoutExpired: it took longer than `timeout_s`, and was killed.
        """
        return self.call(
            lambda: subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout_s, check=False)
        )

    def set_sysctls(self, values: Mapping[str, str]) -> None:
        """Write network settings of this namespace.

        Args:
            values: Values by path below `/proc/sys/net`; settings that the kernel does not have are left out.
        """

        def write() -> None:
            for path, value in values.items():
                try:
                    (Path("/proc/sys/net") / path).write_text(value, encoding="ascii")
                except FileNotFoundError:  # a kernel without IPv6
                    continue

        self.call(write)

    def close(self) -> None:
        """Kill what runs inside and let the namespace go; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        if self._reaper is not None and self._reaper.stdin is not None:
            self._reaper.stdin.close()
            self._reaper.wait()
        self._link.unlink(missing_ok=True)
        os.close(self.descriptor)

    def _start_reaper(self) -> subprocess.Popen[bytes]:
        # Its own session: an interrupt from the terminal must not end it before it has reaped.
        return subprocess.Popen(["/bin/sh", "-c", _REAPER], stdin=subprocess.PIPE, start_new_session=True)


def _create() -> int:
    """Give the calling thread a new namespace and return a descriptor of it."""
    syscalls.unshare(syscalls.CLONE_NEWNET)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _in_thread(function: Callable[[], Result]) -> Result:
    """Run a function in a thread that exists just for it."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(function())
        except BaseException as exc:  # noqa: BLE001 - it is raised again in the calling thread
            errors.append(exc)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
