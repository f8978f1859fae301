"""What carpd was told, whole and checked."""

import functools
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, final

from triocarp.core import Hook, NodeConfig, Transport
from triocarp.core.family import IPAddress

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
@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualHostNeeds:
    """What a virtual host needs of this machine, as far as it could be read.

    Attributes:
        interface: its name; None if it could not be read, or is told of already.
        sources: addresses that must be this machine's, by the field that has them.
        place_of: gives what the operator calls a field.
    """

    interface: str | None
    sources: Mapping[str, IPAddress]
    place_of: Callable[[str], str]

    @classmethod
    def of(
        cls, fields: Mapping[str, Any], place_of: Callable[[str], str], *, told: AbstractSet[str] = frozenset()
    ) -> Self:
        """Return what fields of a virtual host's configuration mean.

        Args:
            fields: those that could be read.
            place_of: gives what the operator calls a field.
            told: fields with which something else is wrong, and is told.
        """
        # With --nomcast ucarp does not look at the source address either.
        anywhere = fields.get("transport") is Transport.BROADCAST
        given = () if anywhere else [name for name in ("source", "source6") if fields.get(name) is not None]
        return cls(
            interface=None if "interface" in told else fields.get("interface"),
            sources={name: fields[name] for name in given if name not in told},
            place_of=place_of,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What carpd needs of this machine, as far as it could be read.

    Attributes:
        virtual_hosts: what each of them needs.
        journal: file that must be writable.
        as_ucarp: whether ucarp's words stand before ours.
    """

    virtual_hosts: tuple[VirtualHostNeeds, ...] = ()
    journal: Path | None = None
    as_ucarp: bool = True


@final
class SettingsError(Exception):
    """Raised when what carpd was told cannot be turned into settings.

    Attributes:
        lines: one for each mistake.
        status: exit status, as ucarp's where ucarp has one.
        needs: what the rest needs of this machine, so that this can be told in the same go.
    """

    def __init__(self, *lines: str, status: int = STATUS_SETTINGS, needs: Needs | None = None) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines
        self.status = status
        self.needs = needs or Needs()


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
        pid_file: where the process's number is kept; None for nowhere.
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
    pid_file: Path | None = None
    facility: str | None = None

    @property
    def needs(self) -> Needs:
        """What this needs of the machine that it shall run on."""
        return Needs(
            virtual_hosts=tuple(
                VirtualHostNeeds.of(
                    {name: getattr(host, name) for name in ("interface", "transport", "source", "source6")},
                    functools.partial(self.place_of, index),
                )
                for index, host in enumerate(self.node.virtual_hosts)
            ),
            journal=self.journal,
            as_ucarp=self.config is None,
        )

    def place_of(self, index: int, setting: str) -> str:
        """Return what the operator calls a setting: the option, the variable, or the path to the key in the file.

        Args:
            index: of the virtual host.
            setting: field of its configuration that has the same name in the file.
        """
        if self.config is not None:
            return f"{self.config}: virtual_host[{index}].{setting}:"
        return self.names.get(setting, setting)
