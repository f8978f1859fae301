"""What there is to do in this project: ``nox -s demo``, ``tests``, ``lint``, ``bench``; ``nox -l`` lists all.

After ``python3 -m venv .venv && .venv/bin/pip install nox`` no other preparation is needed.
"""

import os
import shutil
import subprocess
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2024.10.9"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "tests"]
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
OLDEST, NEWEST_KNOWN = 11, 15


def interpreters() -> list[str]:
    """Return every CPython from 3.11 on that this machine has: on PATH, or kept by pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: list[str] = []
    for minor in range(OLDEST, NEWEST_KNOWN + 1):
        kept = (
            sorted(pyenv.glob(f"3.{minor}.*/bin/python3.{minor}")) if os.access(pyenv, os.R_OK | os.X_OK) else []
        )
        on_path = shutil.which(f"python3.{minor}")
        for candidate in (*map(str, kept[-1:]), *((on_path,) if on_path else ())):
            # A shim on PATH may stand for a version that is switched off.
            if (
                subprocess.run(
                    [candidate, "-c", "import venv, ensurepip"], capture_output=True, check=False
                ).returncode
                == 0
            ):
                found.append(candidate)
                break
    return found


def install(session: nox.Session, *groups: str, extras: str = "") -> None:
    """Install the project for editing, with dependency groups of pyproject.toml."""
    requirements = [word for group in groups for word in nox.project.dependency_groups(PROJECT, group)]
    session.install("-e", f".[{extras}]" if extras else ".", *requirements)


@nox.session
def demo(session: nox.Session) -> None:
    """Three hosts share an address: crash, return, clean stop, killed daemon."""
    install(session, extras="demo")
    session.run("python", "-m", "triocarp.demo", *session.posargs)


INTERPRETERS = interpreters()


@nox.session(python=INTERPRETERS)
def tests(session: nox.Session) -> None:
    """Run the tests on every CPython that the machine has, real time on the oldest; arguments go to pytest."""
    install(session, "tests", extras="demo,sim")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("pytest", "-n", "4", "-m", "not (kernel or peers or image)")
    if session.python == INTERPRETERS[0]:
        run_in_real_time(session)


def run_in_real_time(session: nox.Session) -> None:
    """Run what waits for a real kernel and real peers, beside nothing that computes.

    These tests measure instants, which another guest of the same machine can disturb. So what failed is run
    once more, alone; whoever fails twice has failed, and the first failure stays in the output.
    """
    tests_in_real_time = ["-m", "(kernel or peers) and not image"]
    try:
        session.run("pytest", "-n", "4", *tests_in_real_time)
    except CommandFailed:
        session.warn("what failed in real time is run once more, alone")
        session.run("pytest", "--last-failed", *tests_in_real_time)


@nox.session
def image(session: nox.Session) -> None:
    """Build the container image on a base of Debian's and run it; needs root, podman, buildah and debootstrap."""
    install(session, "tests", extras="demo,sim")
    session.run("pytest", "-m", "image", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Hold the core to 100 % branch coverage."""
    install(session, "tests", extras="demo,sim")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "tests/core", "-p", "no:randomly")
    session.run("coverage", "combine")
    session.run("coverage", "report", "--include=src/triocarp/core/*", "--fail-under=100")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types."""
    install(session, "lint", extras="demo,sim")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages and the reference into docs/_build; every warning is an error."""
    install(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-E", "-b", "html", "docs", "docs/_build", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz what reads bytes from the network, and the node, for a minute each; arguments go to libFuzzer."""
    install(session, "tests", "fuzz", extras="demo,sim")
    options = session.posargs or ["-max_total_time=60"]
    for target in ("datagram", "node"):
        session.run("python", "-m", "tests.fuzz", target, "-max_len=600", *options)


@nox.session
def mutate(session: nox.Session) -> None:
    """Change the core in small ways, and see whether its tests notice; arguments: ``--sample 400 --seed 8``."""
    install(session, "tests", "mutate", extras="demo,sim")
    session.run("python", "-m", "tests.mutation", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure us and our peers in the same run, and print the tables: daemons, the core's calls, the simulator."""
    install(session, "bench", extras="sim")
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session
def validate(session: nox.Session) -> None:
    """Play the same scenes with simulated hosts and with real daemons, and compare what clients feel."""
    install(session, extras="sim")
    session.run("python", "-m", "tests.validate", *session.posargs)
