"""``carpd migrate`` as a command."""

from __future__ import annotations

import io
import tomllib

import pytest

from triocarp.daemon.main import main

UCARP = "-i eth0 -s 10.0.0.1 -v 42 -p hunter2 -a 10.0.0.100"
DEBIAN = """
iface eth0 inet static
    address 10.0.0.1
    ucarp-vid 42
    ucarp-vip 10.0.0.100
    ucarp-password hunter2
"""


def test_a_file_comes_out_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """So that it can be redirected to where it shall stand."""
    assert main(["migrate", "ucarp", *UCARP.split()]) == 0
    out, err = capsys.readouterr()
    assert tomllib.loads(out)["virtual_host"][0]["vhid"] == 42
    assert not err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["ucarp", "-"], f"ucarp {UCARP}"),
        (["environment", "-"], "UCARP_ADDR=10.0.0.100\nUCARP_INTERFACE=eth0\nUCARP_SRCIP=10.0.0.1\nUCARP_VHID=42"),
        (["debian", "-"], DEBIAN),
        (["freebsd", "-"], "ifconfig eth0 vhid 42 pass hunter2 10.0.0.100/24"),
        (["freebsd"], "ifconfig eth0 vhid 42 pass hunter2 10.0.0.100/24"),
        (["openbsd", "--interface", "eth0", "-"], "# carp0\ninet 10.0.0.100 255.0.0.0 NONE vhid 42 carpdev em0\n"),
    ],
)
def test_each_source_is_read_from_standard_input(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no password has to stand on a command line."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["migrate", *words]) == 0
    out = capsys.readouterr().out
    (host,) = tomllib.loads(out)["virtual_host"]
    assert (host["interface"], host["vhid"]) == ("eth0", 42)
    assert "hunter2" not in out


def test_a_line_may_be_one_word_or_many(capsys: pytest.CaptureFixture[str]) -> None:
    """As it is pasted, with quotation marks or without."""
    line = "ifconfig em0 vhid 1 pass love 10.0.0.100/24"
    assert main(["migrate", "freebsd", *line.split()]) == 0
    first = capsys.readouterr().out
    assert main(["migrate", "freebsd", line]) == 0
    assert capsys.readouterr().out == first


def test_mistakes_are_exit_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Each in a line of standard error."""
    assert main(["migrate", "ucarp", "-v", "0"]) == 1
    assert main(["migrate", "debian", "/nonexistent/interfaces"]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert "carpd migrate: You must supply a persistent source address" in err
    assert "No such file" in err


def test_a_command_that_is_not_understood_is_exit_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """With the usage; who asks for that gets it with 0."""
    assert main(["migrate"]) == 2
    assert main(["migrate", "keepalived"]) == 2
    assert not capsys.readouterr().out
    assert main(["migrate", "--help"]) == 0
    assert "usage: carpd migrate" in capsys.readouterr().out
