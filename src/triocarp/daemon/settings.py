"""What carpd was told, whole and checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from triocarp.core import Hook, VirtualHostConfig

SCRIPT_TIMEOUT_S_DEFAULT = 30
"""How long a script may take. ucarp waits for ever, and says nothing to anybody meanwhile."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How to run one of the operator's scripts.

    Attributes:
        path: the program; run directly, without a shell.
        arguments: interface, virtual address as typed, and ``--xparam`` if it was given.
        timeout_s: seconds after which it is ended.
    """

    path: Path
    arguments: tuple[str, ...]
    timeout_s: float

    @property
    def argv(self) -> tuple[str, ...]:
        """The command, for running and for the log. A bare name means a file here, as for ucarp, not on PATH."""
        program = str(self.path)
        return (program if "/" in program else f"./{program}", *self.arguments)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that carpd was told.

    Attributes:
        virtual_host: for the core.
        scripts: by hook; empty where carpd manages the address itself.
        real_time: ask the system for real-time scheduling.
        debug: log every event.
        warnings: what the operator should know about these settings, one sentence each.
    """

    virtual_host: VirtualHostConfig
    scripts: dict[Hook, Script]
    real_time: bool
    debug: bool
    warnings: tuple[str, ...]
