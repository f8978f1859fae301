"""Everything that was ever worth keeping for the fuzzer holds, on every Python and without one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())


def test_every_target_has_a_corpus() -> None:
    """A fuzzer that begins with nothing finds nothing."""
    assert set(TARGETS) == {path.parent.name for path in INPUTS}


@pytest.mark.parametrize("name", TARGETS)
def test_corpus_holds(name: str) -> None:
    """No input of the corpus breaks a promise."""
    for path in INPUTS:
        if path.parent.name == name:
            TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=300))
def test_random_bytes_hold(name: str, data: bytes) -> None:
    """Nor do random bytes."""
    TARGETS[name](data)
