"""A ucarp command line means the same to carpd in each form in which it is printed."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.migrate.reading import PASSWORD, meaning
from triocarp.daemon import command_line
from triocarp.migrate import ucarp_options
from triocarp.migrate.main import written
from triocarp.migrate.migration import MigrationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from triocarp.core import Hook
    from triocarp.daemon.settings import Script

LINE = ("-i", "eth0", "-s", "10.0.0.1", "-v", "42", "-a", "10.0.0.101")
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
switches = st.lists(st.sampled_from(["-P", "-n", "-z", "-S", "-M", "-B", "-D"]), unique=True)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Draw a command line that ucarp takes, without a password."""
    words = [*LINE[:5], str(draw(st.integers(1, 255))), *LINE[6:], *draw(switches)]
    for flag, values in (
        ("--advbase", st.integers(1, 255).map(str)),
        ("--advskew", st.one_of(st.integers(0, 254).map(str), st.integers(0, 254).map(hex))),
        ("--deadratio", st.integers(1, 255).map(str)),
        ("--garp-timeout", st.integers(-3, 9).map(str)),
        ("--mcastip", st.sampled_from(["224.0.0.18", "239.192.7.9"])),
        ("--upscript", texts),
        ("--downscript", texts),
        ("--xparam", texts.filter(lambda text: not re.match(r"-[a-z]*p|--p", text, re.IGNORECASE))),
        ("--facility", st.sampled_from(["none", "daemon", "local7"])),
        ("--prefix-length", st.integers(1, 32).map(str)),
    ):
        value = draw(st.none() | values)
        words += [] if value is None else [f"{flag}={value}"]
    return words


def in_full(scripts: Mapping[tuple[str, int], Mapping[Hook, Script]]) -> dict[Hook, Script]:
    """Return scripts with whole paths: what is printed means the same in every directory."""
    together = [pair for own in scripts.values() for pair in own.items()]
    return {hook: replace(script, path=script.path.absolute()) for hook, script in together}


@given(command_lines())
def test_what_is_printed_means_what_ucarp_was_told(words: list[str]) -> None:
    """The file, the command line in its comments, and the original are the same node and the same scripts."""
    original = command_line.read([*words, "-p", PASSWORD], first_interface=lambda: None)
    migration = ucarp_options.read([*words, "-p", PASSWORD])
    text = written(migration)

    assert meaning(text).virtual_hosts == original.node.virtual_hosts
    (host,) = migration.hosts
    (line,) = [line for line in text.splitlines() if line.startswith("#   carpd ")]
    assert line == f"#   carpd {shlex.join(host.flags)}" or not shlex.join(host.flags).isprintable()
    again = command_line.read(
        [word for word in host.flags if not word.startswith("--passfile")] + [f"--pass={PASSWORD}"],
        first_interface=lambda: None,
    )
    assert (again.node, in_full(again.scripts)) == (original.node, in_full(original.scripts))
    (table,) = tomllib.loads(text)["virtual_host"]
    scripts = original.scripts.get((host.config.interface, host.config.vhid), {})
    for hook, script in scripts.items():
        assert table[f"{hook.value}_script"] == str(script.path.absolute())
        assert [table["script_parameter"]] if "script_parameter" in table else list(script.arguments[2:]) == []


@given(st.text("abcdefghij0123456789 #'\"\\$", min_size=8, max_size=19), st.data())
def test_a_password_is_never_printed(password: str, data: st.DataObject) -> None:
    """Neither what is printed nor what is said of a mistake holds it."""
    words = [*LINE, f"--pass={password}", *data.draw(st.sampled_from([[], ["-b", "x"], ["--nonsense"]]))]
    try:
        text = written(ucarp_options.read(words))
    except MigrationError as error:
        text = "\n".join(error.lines)
    assert password not in text


def test_a_password_file_stays_where_it_is(tmp_path: Path) -> None:
    """Its path is printed, there is nothing to be moved; and it need not be on this host."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.write_text("love\n", encoding="utf-8")
    for path in (here, elsewhere):
        text = written(ucarp_options.read([*LINE, "-o", str(path)]))
        assert f'password_file = "{path}"' in text
        assert "/dev/stdin" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-v", "300"], "vhid must be between 1 and 255"),
        (["--config", "x"], "--config: this is carpd's already"),
        (["-u", "/up", "-x", ""], "an empty parameter of the scripts"),
        (["-p", "a\nb"], "the password holds a line end"),
    ],
)
def test_what_cannot_be_said_is_refused(words: list[str], said: str) -> None:
    """With a line that says why."""
    with pytest.raises(MigrationError, match=re.escape(said)):
        written(ucarp_options.read([*LINE, "-p", "love", *words]))


def test_the_name_of_the_program_may_stand_before_the_options() -> None:
    """So that a line of a script can be pasted."""
    assert ucarp_options.read(["/usr/sbin/ucarp", *LINE, "-p", "x"]) == ucarp_options.read([*LINE, "-p", "x"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "carpd puts 10.0.0.101/32 on eth0 itself"),
        (["-u", "/up"], "the scripts go on to hold the address"),
        ([], "without -z ucarp just ends"),
        (["-B"], "-B is not needed"),
        (["-b", "2", "-r", "4"], "takes over 8 s after"),
    ],
)
def test_what_will_differ_is_said(words: list[str], said: str) -> None:
    """For each choice of the command line that carpd treats otherwise."""
    assert said in written(ucarp_options.read([*LINE, "-p", "love", *words]))
