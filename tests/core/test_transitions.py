"""The transition table decides alone, and the documentation shows it as it is."""

import importlib.util
import itertools
from pathlib import Path

import pytest

from triocarp.core import TRANSITIONS, Cause, ForbiddenTransitionError, State
from triocarp.core.transitions import next_state

DOCS = Path(__file__).parents[2] / "docs"
PAIRS = tuple(itertools.product(State, Cause))


@pytest.mark.parametrize(("state", "cause"), PAIRS, ids=lambda member: member.name)
def test_every_pair_is_in_the_table_or_forbidden(state: State, cause: Cause) -> None:
    """Each state and cause leads where the table says, or raises an error that names both."""
    if (state, cause) in TRANSITIONS:
        assert TRANSITIONS[state, cause] is next_state(state, cause)
    else:
        with pytest.raises(ForbiddenTransitionError, match=f"from {state.value} .*{cause.value}"):
            next_state(state, cause)


def test_every_transition_is_listed() -> None:
    """The table is the specification's, written out here a second time as a set of words."""
    expected = {
        "INIT LINK_UP BACKUP",
        "BACKUP MASTER_TIMED_OUT MASTER",
        "BACKUP MASTER_WILL_TIME_OUT MASTER",
        "BACKUP PREEMPTING MASTER",
        "BACKUP PEER_DEMOTED MASTER",
        "BACKUP LINK_DOWN INIT",
        "BACKUP STOPPED INIT",
        "MASTER BETTER_ADVERTISEMENT BACKUP",
        "MASTER TIE_LOST BACKUP",
        "MASTER OVERSLEPT BACKUP",
        "MASTER ADDRESS_FAILURE BACKUP",
        "MASTER SWITCHED_OVER BACKUP",
        "MASTER MAINTENANCE BACKUP",
        "MASTER GROUP_FAILED BACKUP",
        "MASTER LINK_DOWN INIT",
        "MASTER STOPPED INIT",
    }
    assert expected == {f"{old.name} {cause.name} {new.name}" for (old, cause), new in TRANSITIONS.items()}


def test_every_cause_is_used() -> None:
    """There is no cause that can never be reported."""
    assert set(Cause) == {cause for _, cause in TRANSITIONS}


@pytest.mark.parametrize("begin", State)
def test_every_state_is_reached_from_every_other(begin: State) -> None:
    """Whatever happened, a host can become anything again."""
    reached, edge = {begin}, {begin}
    while edge:
        edge = {new for (old, _), new in TRANSITIONS.items() if old in edge} - reached
        reached |= edge
    assert set(State) == reached


def test_nothing_but_backup_becomes_master() -> None:
    """Whoever becomes master has listened before."""
    assert {State.BACKUP} == {old for (old, _), new in TRANSITIONS.items() if new is State.MASTER}


def test_diagram_is_up_to_date() -> None:
    """``docs/state-machine.md`` is what ``docs/state_diagram.py`` draws; if not, run that script."""
    spec = importlib.util.spec_from_file_location("state_diagram", DOCS / "state_diagram.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "state-machine.md").read_text(encoding="utf-8") == module.draw()
