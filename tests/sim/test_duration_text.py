import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpsim.duration_text import read_duration, write_duration
from triocarp.core.timing import SECOND


@pytest.mark.parametrize(
    ("told", "duration"),
    [
        (0, 0),
        (1, SECOND),
        (0.1, SECOND // 10),
        (1e-9, 1),
        ("50us", 50_000),
        ("1.5s", 3 * SECOND // 2),
        ("5min", 300 * SECOND),
        ("1h", 3600 * SECOND),
        ("2 ms", 2_000_000),
        ("-3s", -3 * SECOND),
        ("7ns", 7),
    ],
)
def test_a_duration_is_a_number_of_seconds_or_a_text(told: float | str, duration: int) -> None:
    """Each way to write one means what it says."""
    assert read_duration(told) == duration


@pytest.mark.parametrize("told", ["", "5", "5 parsecs", "1e3s", "0.5ns", "s", True, None, [1], 1e30, float("nan")])
def test_what_is_none_is_refused(told: object) -> None:
    """Numbers without a unit in texts, other units, parts of a nanosecond, and other types are no durations."""
    with pytest.raises(ValueError):  # noqa: PT011 - whoever reads a file has the words
        read_duration(told)


@given(duration=st.integers(-(10**18), 10**18))
def test_what_is_written_is_read_as_it_was(duration: int) -> None:
    """To the nanosecond."""
    assert read_duration(write_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [(0, "0s"), (50_000, "50us"), (SECOND, "1s"), (1_500_000_000, "1.5s"), (300_000_000, "300ms")],
)
def test_a_duration_is_written_in_a_unit_that_suits_it(duration: int, text: str) -> None:
    """The largest unit of which it is at least one."""
    assert write_duration(duration) == text
