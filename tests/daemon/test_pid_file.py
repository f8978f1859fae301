"""What an init script finds in the file that ``--pid-file`` names."""

import contextlib
import os
from pathlib import Path

import pytest

from triocarp.daemon.pid_file import pid_file


def test_the_number_is_there_as_long_as_it_runs(tmp_path: Path) -> None:
    """Over what a predecessor has left; nothing stays, however it ends."""
    path = tmp_path / "carpd.pid"
    path.write_text("1\n")
    with contextlib.suppress(KeyError), pid_file(path):
        assert path.read_text() == f"{os.getpid()}\n"
        raise KeyError
    assert not path.exists()


def test_what_somebody_else_put_there_stays(tmp_path: Path) -> None:
    """A successor that did not wait for the end has its number there."""
    path = tmp_path / "carpd.pid"
    with pid_file(path):
        path.write_text("2\n")
    assert path.read_text() == "2\n"
    with pid_file(path):
        path.unlink()
    assert not path.exists()


def test_where_it_cannot_be_nothing_runs(tmp_path: Path) -> None:
    """A service manager that waits for it would wait for ever."""
    with pytest.raises(OSError, match="none"), pid_file(tmp_path / "none" / "carpd.pid"):
        raise AssertionError


def test_nobody_needs_one() -> None:
    """Without a path there is none."""
    with pid_file(None):
        pass
