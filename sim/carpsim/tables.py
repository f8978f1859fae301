"""The tables of a sweep: tidy, in Parquet and in CSV."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from carpsim.named_file import named
from carpsim.sweep import Result, Row


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
        for write, suffix in ((parquet.write_table, "parquet"), (csv.write_csv, "csv")):
            path = directory / f"{name}.{suffix}"
            with named(path):
                write(table, path)


def _table(rows: Sequence[Row], names: Sequence[str]) -> Any:  # noqa: ANN401 - pyarrow has no types
    columns: dict[str, list[object]] = {}
    for name in names:
        values: list[object] = [row[name] for row in rows]
        kinds = {type(value) for value in values}
        # A parameter may be a number here and a text there; a column is of one kind.
        columns[name] = [str(value) for value in values] if str in kinds and len(kinds) > 1 else values
    return pa.table(columns)
