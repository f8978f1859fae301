"""The order of what happens, and alarms."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from carpsim.engine import Alarm, Engine

INSTANTS = st.integers(min_value=0, max_value=20)


@given(st.lists(INSTANTS), INSTANTS)
def test_things_happen_in_the_order_of_their_instants_and_of_asking(instants: list[int], end: int) -> None:
    """Up to the end, that included; and the engine's time is the instant of each while it happens."""
    engine = Engine()
    done: list[tuple[int, int]] = []

    def note(number: int) -> None:
        done.append((engine.now, number))

    for number, instant in enumerate(instants):
        engine.at(instant, note, number)
    engine.run_until(end)
    assert done == sorted((instant, number) for number, instant in enumerate(instants) if instant <= end)
    assert engine.now == end


def test_what_has_passed_happens_next_and_time_never_goes_back() -> None:
    """Behind what was asked for before at the present instant."""
    engine = Engine()
    done: list[tuple[str, int]] = []

    def late() -> None:
        engine.after(0, lambda: done.append(("first", engine.now)))
        engine.at(3, lambda: done.append(("second", engine.now)))

    engine.at(10, late)
    engine.at(11, lambda: done.append(("third", engine.now)))
    engine.run_until(20)
    engine.run_until(5)
    assert done == [("first", 10), ("second", 10), ("third", 11)]
    assert engine.now == 20


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


@dataclass
class Model:
    """What an alarm should do, told by its definition.

    Attributes:
        deadline: the one that was set last, unless it has rung.
        rung: instants at which it must have rung.
    """

    deadline: int | None = None
    rung: list[int] = field(default_factory=list[int])

    def pass_time(self, begin: int, end: int) -> None:
        """Ring if the deadline comes in a span of time."""
        if self.deadline is not None and self.deadline <= end:
            self.rung.append(max(begin, self.deadline))
            self.deadline = None


@given(st.lists(st.tuples(st.integers(min_value=0, max_value=5), st.none() | INSTANTS), max_size=20))
def test_an_alarm_rings_neither_early_nor_late_nor_twice(orders: list[tuple[int, int | None]]) -> None:
    """However often its deadline is moved: forwards, backwards, into the past, to never."""
    engine = Engine()
    rung: list[int] = []
    alarm = Alarm(engine, lambda: rung.append(engine.now))
    model = Model()
    for wait, deadline in orders:
        begin = engine.now
        engine.run_until(begin + wait)
        model.pass_time(begin, engine.now)
        alarm.set(deadline)
        model.deadline = deadline
    begin = engine.now
    engine.run_until(100)
    model.pass_time(begin, 100)
    assert rung == model.rung


def test_an_alarm_may_set_itself_when_it_rings() -> None:
    """As a node does that advertises each second."""
    engine = Engine()
    rung: list[int] = []

    def ring() -> None:
        rung.append(engine.now)
        alarm.set(engine.now + 10)

    alarm = Alarm(engine, ring)
    alarm.set(5)
    engine.run_until(30)
    assert rung == [5, 15, 25]


def test_a_deadline_that_is_put_off_costs_one_wake_up() -> None:
    """The dead time of a backup that hears ten thousand advertisements fills no heap."""
    engine = Engine()
    alarm = Alarm(engine, lambda: None)
    for number in range(10_000):
        alarm.set(1_000_000 + number)
    woken = 0
    while engine.next_due is not None:
        engine.step()
        woken += 1
    assert woken == 2
