"""What a check says."""

import enum
from dataclasses import dataclass
from typing import final


@enum.unique
class Verdict(enum.Enum):
    """What a finding means for the operator."""

    FINE = "fine"
    NOTE = "note"
    """Worth knowing, and perhaps as it shall be."""
    UNKNOWN = "unknown"
    """It could not be checked."""
    MEND = "mend"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: which check; a word.
        about: the interface or the virtual host; empty if it is the whole host.
        verdict: what it means.
        found: what was found, one sentence.
        mend: how to mend it; empty where nothing is to be done.
    """

    check: str
    about: str = ""
    verdict: Verdict
    found: str
    mend: str = ""
