"""The tables of a sweep: tidy, in Parquet and in CSV, and a manifest that says how they were made."""

import importlib.metadata
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import pyarrow as pa
from pyarrow import csv, parquet

from carpsim.sweep import Result, Row

_PACKAGES: Final = ("triocarp", "pyarrow", "numpy", "matplotlib")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """How tables were made.

    Attributes:
        seed: of the sweep.
        digest: of what was run: SHA-256 of the keys of all runs, in order.
        runs: number of runs in the tables.
        run_now: how many of them this time; the others had been run before.
        wall_s: seconds that it took this time.
    """

    seed: int
    digest: str
    runs: int
    run_now: int
    wall_s: float

    def write(self, path: Path) -> None:
        """Write it as JSON, with the versions of all that took part.

        Args:
            path: of the file.
        """
        versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
        told = {
            "seed": self.seed,
            "digest": self.digest,
            "runs": self.runs,
            "run_now": self.run_now,
            "wall_s": round(self.wall_s, 3),
            "packages": versions,
            "python": platform.python_version(),
            "platform": platform.platform(),
        }
        path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def write_tables(results: Sequence[Result], directory: Path) -> None:
    """Write ``runs`` and ``outages``, each as ``.parquet`` and as ``.csv``.

    Args:
        results: in the order of the table.
        directory: exists.
    """
    columns = list(results[0].row) if results else []
    outages = [row for result in results for row in result.outages]
    extra = ["client", "begin_s", "length_s", "ended", "lost"]
    base = columns[: columns.index("seed") + 1] if columns else []
    for name, rows, names in (
        ("runs", [result.row for result in results], columns),
        ("outages", outages, base + extra),
    ):
        table = _table(rows, names)
        parquet.write_table(table, directory / f"{name}.parquet")
        csv.write_csv(table, directory / f"{name}.csv")


def _table(rows: Sequence[Row], names: Sequence[str]) -> Any:  # noqa: ANN401 - pyarrow has no types
    columns: dict[str, list[object]] = {}
    for name in names:
        values: list[object] = [row[name] for row in rows]
        kinds = {type(value) for value in values}
        # A parameter may be a number here and a text there; a column is of one kind.
        columns[name] = [str(value) for value in values] if str in kinds and len(kinds) > 1 else values
    return pa.table(columns)
