"""How far sealed counters are used. `sealed_counter` has the construction."""

import enum


@enum.unique
class Sealing(enum.Enum):
    """How far sealed counters have been rolled out; see docs/sealed-counters.md."""

    OFF = "off"
    """Our counters are CARP's own, and nobody's seal is looked at."""

    OBSERVE = "observe"
    """Our counters are sealed, and what is wrong with a peer's is reported."""

    ENFORCE = "enforce"
    """Our counters are sealed, and what is unsealed, altered, replayed or stale is dropped."""
