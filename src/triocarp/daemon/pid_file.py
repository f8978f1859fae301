"""The file that tells an init script which process is carpd."""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path


@contextlib.contextmanager
def pid_file(path: Path | None) -> Generator[None]:
    """Keep this process's number in a file: it is there before anything runs, and goes at the end.

    What a predecessor that was killed has left is written over. Whoever has put another number there meanwhile
    keeps it.

    Args:
        path: of the file; None for none.

    Raises:
        OSError: it cannot be written.
    """
    if path is None:
        yield
        return
    text = f"{os.getpid()}\n"
    path.write_text(text, encoding="ascii")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # its directory may have gone, too
            if path.read_text(encoding="ascii") == text:
                path.unlink()
