from __future__ import annotations

from tests.bench.calm import Calm
from triocarp.lab import clock


def test_spans_of_different_lanes_do_not_overlap() -> None:
    """A span that touches another lane's is refused; the lane's own earlier span is replaced."""
    calm = Calm(2)

    assert calm.reserve(0, 100, 200)
    assert not calm.reserve(1, 150, 250)
    assert not calm.reserve(1, 0, 1000)
    assert calm.reserve(1, 200, 300)
    assert calm.reserve(0, 50, 200)
    calm.release(1)
    assert calm.reserve(0, 200, 300)


def test_a_span_waits_for_its_turn() -> None:
    """What begins now begins after the other lane's span."""
    calm = Calm(2)
    end = clock.now() + 50 * clock.MILLISECOND
    calm.reserve(0, 0, end)
    with calm.span(1, clock.MILLISECOND):
        assert clock.now() >= end
        assert not calm.reserve(0, end, end + clock.SECOND)
    assert calm.reserve(0, end, end + clock.SECOND)
