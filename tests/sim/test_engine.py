"""Virtual time: its order, and alarms that ring once and at their instant."""

from hypothesis import given
from hypothesis import strategies as st

from carpsim.engine import Alarm, Engine

INSTANTS = st.integers(0, 20)
"""Few, so that many things fall on one."""


@given(st.lists(INSTANTS))
def test_order_is_that_of_instants_and_then_of_asking(instants: list[int]) -> None:
    """Whatever is asked for is done once, at its instant, the first asked first."""
    engine = Engine()
    done: list[tuple[int, int]] = []

    def act(number: int) -> None:
        done.append((engine.now, number))

    for number, instant in enumerate(instants):
        engine.at(instant, act, number)
    engine.run_until(20)
    assert done == sorted((instant, number) for number, instant in enumerate(instants))
    assert engine.next_due is None


@given(st.lists(st.tuples(INSTANTS, st.integers(-5, 5))))
def test_time_never_goes_back(asked: list[tuple[int, int]]) -> None:
    """What an action asks for in the past is done next, and after what is due now already."""
    engine = Engine()
    seen: list[int] = []

    def act(delay: int) -> None:
        seen.append(engine.now)
        engine.after(delay, lambda: seen.append(engine.now))

    for instant, delay in asked:
        engine.at(instant, act, delay)
    engine.run_until(25)
    assert seen == sorted(seen)
    assert len(seen) == 2 * len(asked)


@given(st.lists(INSTANTS), INSTANTS)
def test_time_passes_up_to_and_with_an_instant(instants: list[int], end: int) -> None:
    """Nothing later is done, and then it is that instant."""
    engine = Engine()
    done: list[int] = []
    for instant in instants:
        engine.at(instant, done.append, instant)
    engine.run_until(end)
    assert done == sorted(instant for instant in instants if instant <= end)
    assert engine.now == end
    assert engine.next_due == min((instant for instant in instants if instant > end), default=None)


@given(st.lists(INSTANTS))
def test_steps_are_the_run_one_by_one(instants: list[int]) -> None:
    """Who lets one thing happen after the other sees what who lets time pass sees."""
    stepped, run = Engine(), Engine()
    done: dict[Engine, list[tuple[int, int]]] = {stepped: [], run: []}

    def act(engine: Engine, number: int) -> None:
        done[engine].append((engine.now, number))

    for engine in done:
        for number, instant in enumerate(instants):
            engine.at(instant, act, engine, number)
    while stepped.next_due is not None:
        stepped.step()
    run.run_until(20)
    assert done[stepped] == done[run]


ORDERS = st.lists(st.tuples(INSTANTS, st.none() | INSTANTS))
"""When an alarm is set, and to which instant."""


def _must_ring(orders: list[tuple[int, int | None]]) -> list[int]:
    """Return when an alarm rings, by the words: at the deadline that was set last, or at once if that is past."""
    orders = sorted(orders, key=lambda order: order[0])
    rings: list[int] = []
    for number, (at, deadline) in enumerate(orders):
        replaced = orders[number + 1][0] if number + 1 < len(orders) else 1000
        if deadline is not None and (max(at, deadline) < replaced):
            rings.append(max(at, deadline))
    return rings


@given(ORDERS)
def test_alarm_rings_at_its_deadline_and_once(orders: list[tuple[int, int | None]]) -> None:
    """Never early, never late, never twice, however often it is set; a deadline that was replaced rings no more.

    What sets it anew at the very instant of its deadline comes first, as it was asked for first.
    """
    engine = Engine()
    rung: list[int] = []
    alarm = Alarm(engine, lambda: rung.append(engine.now))
    for at, deadline in orders:
        engine.at(at, alarm.set, deadline)
    engine.run_until(1000)
    assert rung == _must_ring(orders)


@given(st.lists(st.integers(0, 5), max_size=20))
def test_alarm_can_be_set_by_its_ring(delays: list[int]) -> None:
    """As a daemon does: each ring sets the next deadline, even one that has come already."""
    engine = Engine()
    rung: list[int] = []
    left = iter(delays)

    def ring() -> None:
        rung.append(engine.now)
        delay = next(left, None)
        alarm.set(None if delay is None else engine.now + delay)

    alarm = Alarm(engine, ring)
    alarm.set(0)
    engine.run_until(1000)
    assert rung == [sum(delays[:count]) for count in range(len(delays) + 1)]


def test_alarm_that_moves_into_the_future_costs_nothing() -> None:
    """A backup hears a master for an hour: the engine wakes its alarm once in a dead time, not once a packet."""
    engine = Engine()
    alarm = Alarm(engine, lambda: None)
    steps = 0
    for second in range(3600):
        alarm.set(second + 30)
        while engine.next_due is not None and engine.next_due <= second:
            engine.step()
            steps += 1
        engine.run_until(second)
    assert steps <= 3600 // 30 + 1


def test_what_shall_happen_next_comes_before_all_that_is_due() -> None:
    """And several such things in the order of asking."""
    engine = Engine()
    done: list[str] = []
    engine.at(0, done.append, "due")
    engine.next(done.append, "one")
    engine.next(done.append, "two")
    assert engine.next_due == 0
    engine.step()
    assert done == ["one"]
    engine.run_until(0)
    assert done == ["one", "two", "due"]
    assert engine.next_due is None
