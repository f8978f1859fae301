"""Trio's time and the engine's are one."""

import pytest
import trio

from carpsim import virtual_time
from carpsim.engine import Engine
from carpsim.virtual_time import VirtualTimer
from triocarp.core.timing import SECOND


def test_what_trio_tasks_and_the_engine_do_is_in_the_order_of_its_instants() -> None:
    """And whoever looks at the engine's time finds the present instant."""
    engine = Engine()
    seen: list[tuple[str, int]] = []

    def act() -> None:
        seen.append(("engine", engine.now))
        assert round(trio.current_time() * SECOND) == engine.now

    async def main() -> None:
        for tenths in (1, 3, 5):
            engine.at(tenths * SECOND // 10, act)
        for _ in range(3):
            await trio.sleep(0.2)
            seen.append(("task", engine.now))

    virtual_time.run(engine, main)
    assert [(who, round(at * 10 / SECOND)) for who, at in seen] == [
        ("engine", 1),
        ("task", 2),
        ("engine", 3),
        ("task", 4),
        ("engine", 5),
        ("task", 6),
    ]


def test_what_is_due_at_one_instant_is_dealt_with_one_after_the_other() -> None:
    """A task that waits for the first of two actions has done its work when the second one comes."""
    engine = Engine()
    seen: list[str] = []
    called = trio.Event()

    def call() -> None:
        seen.append("call")
        called.set()

    async def main() -> None:
        engine.at(SECOND, call)
        engine.at(SECOND, seen.append, "next")
        await called.wait()
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        seen.append("answer")
        await trio.sleep(1)

    virtual_time.run(engine, main)
    assert seen == ["call", "answer", "next"]


def test_what_a_task_has_done_by_the_engine_is_done() -> None:
    """However far away the next thing was, before it asked."""
    engine = Engine()
    rung: list[int] = []

    async def main() -> None:
        engine.at(60 * SECOND, rung.append, 60)
        await trio.sleep(1)
        engine.after(SECOND, lambda: rung.append(engine.now))
        await trio.sleep(2)

    virtual_time.run(engine, main)
    assert rung == [2 * SECOND]


def test_instants_are_exact_after_a_day() -> None:
    """An instant of trio's clock is a float of seconds, and yet no nanosecond is lost."""
    engine = Engine()
    timer = VirtualTimer(engine)
    deadline = 86_400 * SECOND + 1

    async def main() -> None:
        timer.set(deadline - 2)
        await timer.wait()
        timer.set(deadline)
        await timer.wait()

    virtual_time.run(engine, main)
    assert engine.now == deadline


def test_waiting_for_what_never_happens_is_a_mistake_and_no_hang() -> None:
    """Nothing is due, and nobody runs."""

    async def main() -> None:
        await trio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        virtual_time.run(Engine(), main)
    assert [str(error) for error in caught.value.exceptions] == [
        "everybody waits, and nothing is left that could happen"
    ]
