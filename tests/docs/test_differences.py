"""The page on what differs from ucarp: every quirk has a row, and every row has a test that is there."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, read

ROW = re.compile(r"^\| (\d+) \| .+ \| .+ \| `([\w/.]+)::(\w+)` \|$", re.MULTILINE)
QUIRKS = 34
"""How many things of ucarp's were found that a replacement has to have a position on."""


def test_every_quirk_has_a_row_and_every_row_a_test() -> None:
    """In order within each table, none twice, and the tests that are named exist."""
    page = read("differences-from-ucarp.md")
    rows = ROW.findall(page)
    numbers = [int(number) for number, _, _ in rows]
    missing = [
        f"{file}::{test}"
        for _, file, test in rows
        if not re.search(rf"^(async )?def {test}\(", (ROOT / "tests" / file).read_text("utf-8"), re.MULTILINE)
    ]

    assert len(rows) == len(re.findall(r"^\| \d", page, re.MULTILINE))
    assert len(numbers) == len(set(numbers))
    assert set(range(1, QUIRKS + 1)) <= set(numbers)
    assert not missing
