"""`python -m tests.fuzz.seeds`: write the inputs that a fuzzer begins with, from the captured frames."""

import random
from pathlib import Path
from typing import Final

from tests.core.vectors import CAPTURES, FRAMES

CORPUS: Final = Path(__file__).parent / "corpus"
_ETHERNET: Final = 14
_PROGRAMS: Final = 24


def main() -> None:
    """Write one file for each kind of frame, and some random programs."""
    frames = {frame.ethernet[_ETHERNET:] for capture in CAPTURES for frame in capture.frames[:2]}
    frames |= {frame[_ETHERNET:] for frame in FRAMES.values()}
    frames |= set(FRAMES.values())
    _write("datagram", sorted(frames))
    rng = random.Random(1)  # noqa: S311 - the same seeds each time
    _write("node", [rng.randbytes(rng.randrange(20, 400)) for _ in range(_PROGRAMS)])


def _write(target: str, inputs: list[bytes]) -> None:
    directory = CORPUS / target
    directory.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(inputs):
        (directory / f"seed-{number:03}").write_bytes(content)


if __name__ == "__main__":
    main()
