"""What carpd was told, whole and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

from triocarp.core import Hook, NodeConfig

STATUS_SETTINGS: Final = 1
"""Exit status of a setting that is wrong or missing, as ucarp's."""

STATUS_START: Final = 2
"""Exit status of a failure while starting, as ucarp's; a password that is too long counts as one there."""

SCRIPT_TIMEOUT_S_DEFAULT: Final = 30
"""How long a script may take. ucarp waits for ever, and says nothing to anybody meanwhile."""

SCRIPT_TIMEOUT_S_MAX: Final = 3600
"""The longest time that a script can be given."""

FLAGS: Final = {
    "interface": "-i/--interface",
    "vhid": "-v/--vhid",
    "password": "-p/--pass",
    "addresses": "-a/--addr",
    "source": "-s/--srcip",
    "group": "--mcastip",
    "advbase_s": "-b/--advbase",
    "advskew": "-k/--advskew",
    "dead_ratio": "-r/--deadratio",
}
"""The options of the command line, by the field of `VirtualHostConfig` that each is."""


@final
class SettingsError(Exception):
    """Raised when what carpd was told cannot be turned into settings.

    Attributes:
        lines: one for each mistake.
        status: exit status, as ucarp's where ucarp has one.
    """

    def __init__(self, *lines: str, status: int = STATUS_SETTINGS) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines
        self.status = status


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
        node: for the core.
        scripts: by interface and VHID, and then by hook; empty where carpd manages the addresses itself.
        real_time: ask the system for real-time scheduling.
        debug: log every event.
        journal: file that every input and every effect is written to; None for none.
        warnings: what the operator should know about these settings, one sentence each.
        config: the file that has them, its virtual hosts in the order of the node's; None if they are options.
        names: what the operator calls the fields of the virtual host if there is no such file.
        daemonize: run in the background.
        facility: of syslog, ``none`` for no syslog; None if nobody has chosen.
    """

    node: NodeConfig
    scripts: Mapping[tuple[str, int], Mapping[Hook, Script]]
    real_time: bool
    debug: bool
    journal: Path | None
    warnings: tuple[str, ...]
    config: Path | None = None
    names: Mapping[str, str] = field(default_factory=FLAGS.copy)
    daemonize: bool = False
    facility: str | None = None

    def place_of(self, index: int, setting: str) -> str:
        """Return what the operator calls a setting: the option, the variable, or the path to the key in the file.

        Args:
            index: of the virtual host.
            setting: field of its configuration that has the same name in the file.
        """
        if self.config is not None:
            return f"{self.config}: virtual_host[{index}].{setting}:"
        return self.names.get(setting, setting)
