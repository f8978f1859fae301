"""`python -m tests.fuzz TARGET [options of libFuzzer]`: fuzz one target, from its corpus.

What is new goes into a directory of its own, ``FUZZ_FINDINGS`` or a temporary one: a corpus grows by hand.
"""

import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

atheris: Any = importlib.import_module("atheris")  # it ships no types, and is here only where somebody fuzzes

with atheris.instrument_imports(include=["triocarp.core"]):
    from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    """Fuzz until libFuzzer's limits end it; its exit status tells whether it found something."""
    program, name, *options = sys.argv
    findings = os.environ.get("FUZZ_FINDINGS") or tempfile.mkdtemp(prefix=f"fuzz-{name}-")
    atheris.Setup(
        [program, f"-artifact_prefix={findings}/", *options, findings, str(CORPUS / name)], TARGETS[name]
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
