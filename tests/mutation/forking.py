"""A plugin for pytest that runs, in place of the tests, each mutant in a fork of its own.

The tests are collected once, with nothing mutated, and those that run a mutant's function are run in the fork, the
quickest ones first, until one fails. A fork thus costs no more than these tests. It does not see a change of what
runs once at import, for that has run: `tests.mutation` judges those that live here once more, in a new process.
"""

import gc
import json
import os
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Never, cast

import pytest

KILLED: Final = "killed"
SURVIVED: Final = "survived"
TIMEOUT: Final = "timeout"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take what is to be judged, and where to write how it went."""
    parser.addoption("--mutants", type=Path, help="JSON: the names of the tests of each mutant, in their order")
    parser.addoption("--verdicts", type=Path, help="where a JSON pair is written for each mutant, one a line")
    parser.addoption("--jobs", type=int, help="how many forks there are at a time")
    parser.addoption("--cpu-limit-s", type=int, help="how much processor time each process has")


def pytest_configure(config: pytest.Config) -> None:
    """Set the limit, which forks inherit and count anew."""
    limit_s: int | None = config.getoption("--cpu-limit-s")
    if limit_s is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Judge every mutant; with none named, run the tests as ever."""
    plan = session.config.getoption("--mutants")
    if plan is None:
        return None
    by_name = {item.nodeid: item for item in session.items}
    verdicts = cast("Path", session.config.getoption("--verdicts"))
    with verdicts.open("w", encoding="utf-8") as file:
        for verdict in _verdicts(
            session,
            {
                name: [by_name[test] for test in tests if test in by_name]
                for name, tests in json.loads(plan.read_text(encoding="utf-8")).items()
            },
        ):
            file.write(json.dumps(verdict) + "\n")
            file.flush()
    return True


def _verdicts(session: pytest.Session, todo: dict[str, list[pytest.Item]]) -> Iterator[tuple[str, str]]:
    running: dict[int, str] = {}
    gc.freeze()  # a collection in a fork would write to every page
    for name, items in todo.items():
        if len(running) == session.config.getoption("--jobs"):
            yield _next_of(running)
        pid = os.fork()
        if not pid:
            _judge(session, name, items)
        running[pid] = name
    while running:
        yield _next_of(running)


def _next_of(running: dict[int, str]) -> tuple[str, str]:
    pid, status = os.wait()
    name = running.pop(pid)
    if os.WIFSIGNALED(status):
        return name, TIMEOUT
    return name, KILLED if os.WEXITSTATUS(status) else SURVIVED


def _judge(session: pytest.Session, name: str, items: Sequence[pytest.Item]) -> Never:
    os.environ["MUTANT_UNDER_TEST"] = name
    failed = True
    try:
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                break
        failed = bool(session.testsfailed)
    finally:  # whatever was raised, even to end the process
        os._exit(failed)
