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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["freebsd", "--interfce", "eth0", "ifconfig em0 vhid 1 10.0.0.100/24"],
            "freebsd: there is no option --interfce",
        ),
        (["openbsd", "--pass=hunter2"], "openbsd: there is no option --pass"),
        (["openbsd", "--interface"], "openbsd: --interface: expected a name behind it"),
        (["debian", "--file"], "debian: there is no option --file"),
        (["debian", "one", "two"], "debian: expected one file at most"),
        (["environment", "-x"], "environment: there is no option -x"),
    ],
)
def test_a_mistyped_option_is_exit_status_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is neither a file nor a line to be read, and its value is not repeated."""
    assert main(["migrate", *words]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith(f"carpd migrate {said}\nusage: carpd migrate")
    assert "hunter2" not in err


@pytest.mark.parametrize("source", ["ucarp", "debian", "environment", "freebsd", "openbsd"])
def test_help_is_there_for_each_source(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is the same for all."""
    assert main(["migrate", source, "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: carpd migrate")


def test_the_name_of_the_interface_may_stand_behind_an_equals_sign(capsys: pytest.CaptureFixture[str]) -> None:
    """As that of any long option."""
    assert main(["migrate", "freebsd", "--interface=eth0", "ifconfig em0 vhid 1 10.0.0.100/24"]) == 0
    assert 'interface = "eth0"' in capsys.readouterr().out


def test_a_quoted_command_line_is_read_like_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    """As ifconfig's is; and what a shell could not read is told without its words."""
    assert main(["migrate", "ucarp", *UCARP.split()]) == 0
    first = capsys.readouterr().out
    assert main(["migrate", "ucarp", f"ucarp {UCARP}"]) == 0
    assert capsys.readouterr().out == first
    assert main(["migrate", "ucarp", f"ucarp {UCARP} -x 'open"]) == 1
    err = capsys.readouterr().err
    assert "a ucarp command line: No closing quotation: expected words as a shell reads them" in err
    assert "hunter2" not in err


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("/nonexistent", "'/nonexistent': cannot be read: No such file or directory"),
        ("/tmp", "'/tmp': cannot be read: Is a directory"),  # noqa: S108 - of any directory
        ("/dev/zero", "'/dev/zero': cannot be read: expected 1 MiB at most"),
        ("/bin/true", "'/bin/true': not a text in UTF-8"),
    ],
)
@pytest.mark.parametrize("source", ["debian", "environment"])
def test_what_is_no_file_of_that_kind_is_told(
    source: str, file: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, and before there is no memory left."""
    assert main(["migrate", source, file]) == 1
    err = capsys.readouterr().err
    assert err.startswith("carpd migrate: ")
    assert words in err


def test_who_reads_the_password_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The unit's user is not root, whose file it is; and does not see every directory."""
    words = UCARP.replace("-p hunter2", "-o /etc/carpd/love").split()
    assert main(["migrate", "ucarp", *words]) == 0
    assert "#   chgrp carpd /etc/carpd/love && chmod 0640 /etc/carpd/love\n" in capsys.readouterr().out
    assert main(["migrate", "ucarp", *UCARP.replace("-p hunter2", "-o /root/love").split()]) == 0
    assert "#   install -D -m 0640 -g carpd /root/love /etc/carpd/love    # and name" in capsys.readouterr().out


def test_what_scripts_miss_under_the_unit_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Their user, and that Debian's own cannot work there."""
    assert main(["migrate", "ucarp", *UCARP.split(), "-u", "/usr/share/ucarp/vip-up", "-f", "local3"]) == 0
    out = capsys.readouterr().out
    assert "our unit runs scripts as the user carpd" in out
    assert "the scripts in /usr/share/ucarp call ifup and ifdown, which need root" in out
    assert "--facility local3 adds syslog" in out
