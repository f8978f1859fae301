"""The loops whose calls are measured do what their figures say."""

import pytest

from tests.bench.core_calls import Loop, loops_of_ours

LOOPS = {figure.name: loop for figure, loop in loops_of_ours().items()}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_loop_runs(loop: Loop) -> None:
    """Each runs as often as it is asked to; it raises where a call had another outcome than it is to measure."""
    assert loop(3) > 0
