"""How the tables of a sweep were made: what belongs into a paper's appendix, and what tells sweeps apart."""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self, final

from carpsim.named_file import write_text
from carpsim.sweep import Run, Sweep, SweepError

_PACKAGES: Final = ("triocarp", "pyarrow", "numpy", "matplotlib")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What was run in one go.

    Attributes:
        runs: how many.
        wall_s: seconds that they took.
        packages: versions of all that took part, by name.
        python: its version.
        platform: where.
    """

    runs: int
    wall_s: float
    packages: dict[str, str]
    python: str
    platform: str

    @classmethod
    def here(cls, *, runs: int, wall_s: float) -> Self:
        """Return one of this process.

        Args:
            runs: how many.
            wall_s: seconds that they took.
        """
        versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
        return cls(
            runs=runs,
            wall_s=round(wall_s, 3),
            packages=versions,
            python=platform.python_version(),
            platform=platform.platform(),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """How tables were made.

    Attributes:
        seed: of the sweep.
        scenario: SHA-256 of the scenario without the sweep's settings.
        digest: SHA-256 of the keys of all runs, in order; empty while they are not all there.
        runs: number of runs in the tables.
        sessions: in which the runs were made, the first one first; one that was interrupted is not there.
    """

    seed: int
    scenario: str
    digest: str = ""
    runs: int = 0
    sessions: tuple[Session, ...] = field(default=())

    @classmethod
    def begin(cls, path: Path, sweep: Sweep) -> Self:
        """Return that of a sweep, which may have been begun before, and make sure that there is a file of it.

        Args:
            path: of the file.
            sweep: that shall be run now.

        Raises:
            SweepError: the file is that of another sweep, or none.
        """
        text = json.dumps(sweep.scenario, sort_keys=True, default=str)
        mine = cls(seed=sweep.seed, scenario=hashlib.sha256(text.encode()).hexdigest())
        if not path.exists():
            mine.write(path)
            return mine
        before = cls._read(path)
        for what, theirs, ours in (("seed", before.seed, mine.seed), ("scenario", before.scenario, mine.scenario)):
            if theirs != ours:
                raise SweepError(
                    f"{path.parent}: holds a sweep with another {what} ({theirs}, not {ours}), "
                    "whose tables would be lost: choose another directory, or remove this one"
                )
        return before

    @classmethod
    def _read(cls, path: Path) -> Self:
        try:
            told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            told["sessions"] = tuple(Session(**session) for session in told["sessions"])
            return cls(**told)
        except (ValueError, TypeError, KeyError) as error:
            raise SweepError(f"{path}: expected the manifest of a sweep: {error}") from None

    def extended(self, runs: Sequence[Run], session: Session) -> Self:
        """Return it with all runs of the tables.

        Args:
            runs: they.
            session: in which the last of them were made.
        """
        digest = hashlib.sha256("".join(run.key for run in runs).encode()).hexdigest()
        sessions = (*self.sessions, session) if session.runs else self.sessions
        return replace(self, digest=digest, runs=len(runs), sessions=sessions)

    def write(self, path: Path) -> None:
        """Write it as JSON.

        Args:
            path: of the file.
        """
        write_text(path, json.dumps(asdict(self), indent=2) + "\n")
