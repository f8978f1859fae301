"""ucarp's command line: every option, how it may be written, and what it means."""

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from triocarp.core import Hook, Transport
from triocarp.daemon.command_line import read
from triocarp.daemon.settings import STATUS_SETTINGS, STATUS_START, Script, Settings, SettingsError

LEAST = ("-i", "eth0", "-s", "10.0.0.5", "-v", "7", "-a", "10.0.0.100")
NEEDED = (*LEAST, "-p", "secret")


def settings(*words: str) -> Settings:
    """Return what a command line means on a host whose first interface is net0."""
    return read(words, first_interface=lambda: "net0")


def refusal(*words: str, first_interface: str | None = "net0") -> SettingsError:
    """Return the refusal of a command line."""
    with pytest.raises(SettingsError) as caught:
        read(words, first_interface=lambda: first_interface)
    return caught.value


def test_the_defaults_are_ucarp_s() -> None:
    """What is not given is as ucarp(8) says."""
    host = settings(*NEEDED).node.virtual_hosts[0]
    assert (host.interface, host.vhid, host.password) == ("eth0", 7, b"secret")
    assert host.addresses == (IPv4Interface("10.0.0.100/32"),)
    assert (host.source, host.group) == (IPv4Address("10.0.0.5"), IPv4Address("224.0.0.18"))
    assert (host.advbase_s, host.advskew, host.dead_ratio) == (1, 0, 3)
    assert not any((host.preempt, host.neutral, host.ignore_carrier, host.up_hook, host.down_hook))
    assert host.manages_addresses
    assert not settings(*NEEDED).scripts
    assert not settings(*NEEDED).debug


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (("-i", "eth1"), "interface", "eth1"),
        (("--interface=eth1",), "interface", "eth1"),
        (("-s", "10.0.0.6"), "source", IPv4Address("10.0.0.6")),
        (("--srcip=10.0.0.6",), "source", IPv4Address("10.0.0.6")),
        (("--mcastip", "239.1.2.3"), "group", IPv4Address("239.1.2.3")),
        (("--mcast", "239.1.2.3"), "group", IPv4Address("239.1.2.3")),
        (("--m=239.1.2.3",), "group", IPv4Address("239.1.2.3")),
        (("-m", "239.1.2.3"), "group", IPv4Address("239.1.2.3")),
        (("-v", "255"), "vhid", 255),
        (("--vhid=0x2a",), "vhid", 42),
        (("-v010",), "vhid", 8),
        (("-v0X2A",), "vhid", 42),
        (("-v+9",), "vhid", 9),
        (("-p", "other"), "password", b"other"),
        (("--pass=other",), "password", b"other"),
        (("-p", "-other"), "password", b"-other"),
        (("-p", "--pass=other"), "password", b"--pass=other"),
        (("--pass", "--other"), "password", b"--other"),
        (("-pot=her",), "password", b"ot=her"),
        (("--pass=o=t h",), "password", b"o=t h"),
        (("-a", "10.0.0.101"), "addresses", (IPv4Interface("10.0.0.101/32"),)),
        (("--addr=10.0.0.101",), "addresses", (IPv4Interface("10.0.0.101/32"),)),
        (("--prefix-length=24",), "addresses", (IPv4Interface("10.0.0.100/24"),)),
        (("-b", "2"), "advbase_s", 2),
        (("--advbase=255",), "advbase_s", 255),
        (("-k", "255"), "advskew", 255),
        (("--advskew=1",), "advskew", 1),
        (("-r", "1"), "dead_ratio", 1),
        (("--deadratio=255",), "dead_ratio", 255),
        (("-P",), "preempt", True),
        (("--preempt",), "preempt", True),
        (("--pre",), "preempt", True),
        (("-n",), "neutral", True),
        (("--neutral",), "neutral", True),
        (("-S",), "ignore_carrier", True),
        (("--ignoreifstate",), "ignore_carrier", True),
        (("-M",), "transport", Transport.BROADCAST),
        (("--nomcast",), "transport", Transport.BROADCAST),
        (("-zPS",), "preempt", True),
        (("--shutdown",), "preempt", False),
        (("word", "-P", "another"), "preempt", True),
        (("-b", "0", "-k", "1"), "advbase_s", 0),
        ((), "announce_after", (2,)),
        (("-g", "3"), "announce_after", (1, 2, 3)),
        (("--garp-timeout=0x5",), "announce_after", (1, 2, 3, 4, 5)),
        (("--garp=010",), "announce_after", (1, 2, 3, 4, 5, 6, 7, 8)),
        (("-g", "0"), "announce_after", ()),
        (("-g", "-1"), "announce_after", ()),
        (("-o", "/nowhere", "-p", "other"), "password", b"other"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) and value and isinstance(value[0], str) else "",
)
def test_each_option_sets_its_field(words: tuple[str, ...], field: str, value: object) -> None:
    """Short and long, joined and apart, prefixes and C's numbers, as getopt_long reads them."""
    assert getattr(settings(*NEEDED, *words).node.virtual_hosts[0], field) == value


@pytest.mark.parametrize("flag", ["-D", "--debug"])
def test_debug_is_no_field_of_the_virtual_host(flag: str) -> None:
    """It concerns the log only."""
    assert settings(*NEEDED, flag).debug


@pytest.mark.parametrize(
    ("words", "facility"),
    [
        ((), None),
        (("-f", "local7"), "local7"),
        (("--facility=AuthPriv",), "authpriv"),
        (("--syslog", "none"), "none"),
        (("--sy=NONE",), "none"),
        (("--fac", "security"), "security"),
    ],
)
def test_the_facility_of_syslog(words: tuple[str, ...], facility: str | None) -> None:
    """In both of its spellings, for ucarp's program and its README differ; upper case is the same."""
    found = settings(*NEEDED, *words)
    assert (found.facility, len(found.warnings)) == (facility, 1)


def test_an_unknown_facility_is_no_reason_not_to_start() -> None:
    """As for ucarp, whose words the warning has."""
    found = settings(*NEEDED, "-f", "console")
    assert found.facility == "daemon"
    expected = "Unknown syslog facility: [console] (daemon is used; known are kern, user, mail, "
    assert found.warnings[-1].startswith(expected)


@pytest.mark.parametrize("flag", ["-B", "--daemonize", "--da"])
def test_in_the_background_paths_are_where_it_was_called(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon goes to the root directory; what was typed is meant where it was typed."""
    monkeypatch.chdir(tmp_path)
    found = settings(*NEEDED, flag, "-u", "up.sh", "-d", "/bin/true", "--journal", "journal")
    assert found.daemonize
    argv = {hook: script.argv[0] for hook, script in found.scripts["eth0", 7].items()}
    assert argv == {Hook.UP: f"{tmp_path}/up.sh", Hook.DOWN: "/bin/true"}
    assert found.journal == tmp_path / "journal"


def test_of_password_and_file_the_last_one_counts(tmp_path: Path) -> None:
    """As for ucarp."""
    file = tmp_path / "password"
    file.write_bytes(b"other")
    assert settings(*NEEDED, "-o", str(file)).node.virtual_hosts[0].password == b"other"
    assert settings(*LEAST, "-o", str(file), "-p", "secret").node.virtual_hosts[0].password == b"secret"


def test_the_interface_may_be_left_out() -> None:
    """Then it is the first that is up, and the scripts are told so."""
    words = ("-s", "10.0.0.5", "-v", "7", "-a", "10.0.0.100", "-p", "secret", "-u", "/bin/true")
    assert settings(*words).node.virtual_hosts[0].interface == "net0"
    assert settings(*words).scripts["net0", 7][Hook.UP].arguments == ("net0", "10.0.0.100")


def test_scripts_are_told_interface_address_as_typed_and_parameter() -> None:
    """As ucarp calls them; and carpd leaves the address to them."""
    found = settings(*NEEDED, "-u", "/bin/true", "-d", "/bin/false", "-x", "-24", "--script-timeout=5")
    arguments = ("eth0", "10.0.0.100", "-24")
    up = Script(path=Path("/bin/true"), arguments=arguments, timeout_s=5)
    down = Script(path=Path("/bin/false"), arguments=arguments, timeout_s=5)
    assert found.scripts == {("eth0", 7): {Hook.UP: up, Hook.DOWN: down}}
    assert up.argv == ("/bin/true", "eth0", "10.0.0.100", "-24")
    host = found.node.virtual_hosts[0]
    assert (host.up_hook, host.down_hook, host.manages_addresses) == (True, True, False)


@pytest.mark.parametrize(
    ("typed", "program"), [("up.sh", "./up.sh"), ("./up.sh", "./up.sh"), ("a/up.sh", "a/up.sh")]
)
def test_a_script_s_bare_name_is_a_file_here(typed: str, program: str) -> None:
    """It is never looked for on PATH: ucarp does not either, and it could be another program."""
    assert settings(*NEEDED, "-u", typed).scripts["eth0", 7][Hook.UP].argv[0] == program


def test_one_script_alone_is_warned_about() -> None:
    """The other half of the address's life is then nobody's business."""
    expected = "Warning: no script called when going up, and carpd leaves the address to scripts"
    assert expected in settings(*NEEDED, "-d", "/bin/true").warnings


def test_a_script_that_cannot_be_run_is_warned_about() -> None:
    """It is no reason not to start: the file may come later."""
    warnings = settings(*NEEDED, "-u", "/nowhere/up", "-d", "/bin/true").warnings
    assert "the up script '/nowhere/up' does not exist or is not executable" in warnings


def test_a_password_on_the_command_line_is_warned_about() -> None:
    """Every user of the host can read it there."""
    assert settings(*NEEDED).warnings == (
        "the password on the command line is visible to every user: use --passfile",
    )


def test_a_password_of_20_bytes_is_warned_about() -> None:
    """The protocol takes 20; ucarp and the BSDs' ifconfig take 19."""
    warnings = settings(*LEAST, "-p", "x" * 20).warnings
    assert "a password of 20 bytes: ucarp and BSD ifconfig take 19 at most" in warnings


@pytest.mark.parametrize(
    ("content", "password", "doubts"),
    [
        (b"secret", b"secret", ()),
        (b"secret\n", b"secret", ()),
        (
            b"secret\r\n",
            b"secret",
            ("the password's line ends with a carriage return, which is left out: ucarp would take it as well",),
        ),
        (b"secret\nmore\n", b"secret", ()),
        (
            b"secret\t\n",
            b"secret\t",
            ("the password ends with a tab, which counts: see whether the other hosts' does",),
        ),
        (
            b" se cret \n",
            b" se cret ",
            ("the password ends with a blank, which counts: see whether the other hosts' does",),
        ),
        ("gehe\u00edm\n".encode(), "gehe\u00edm".encode(), ()),
    ],
)
@pytest.mark.parametrize("option", ["-o", "--passfile"])
def test_the_password_is_the_first_line_of_a_file(
    tmp_path: Path, option: str, content: bytes, password: bytes, doubts: tuple[str, ...]
) -> None:
    """Without its end, of whatever style, and not stripped of anything else; what may be a mistake is told."""
    file = tmp_path / "password"
    file.write_bytes(content)
    found = settings(*LEAST, option, str(file))
    assert (found.node.virtual_hosts[0].password, found.warnings) == (password, doubts)


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n", b"\nsecret\n"])
def test_a_file_without_a_password_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty first line is an empty password."""
    file = tmp_path / "password"
    file.write_bytes(content)
    error = refusal(*LEAST, "-o", str(file))
    where = f"-o/--passfile {str(file)!r}"
    assert error.lines == (f"You must supply a password ({where}: it is empty: expected 1 to 20 bytes)",)
    assert error.status == STATUS_SETTINGS


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """The line names the file and the system's reason."""
    missing = tmp_path / "missing"
    expected = (f"-o/--passfile {str(missing)!r}: cannot be read: No such file or directory",)
    assert expected == refusal(*LEAST, "-o", str(missing)).lines
    expected = (f"-o/--passfile {str(tmp_path)!r}: cannot be read: Is a directory",)
    assert expected == refusal(*LEAST, "-o", str(tmp_path)).lines


@pytest.mark.parametrize("length", [21, 511, 100_000])
def test_a_password_that_is_too_long_has_ucarp_s_status(tmp_path: Path, length: int) -> None:
    """2, from the command line and from a file; the line tells the length and never the text."""
    file = tmp_path / "password"
    file.write_bytes(b"x" * length)
    for words in (("-p", "x" * length), ("-o", str(file))):
        error = refusal(*LEAST, *words)
        assert error.status == STATUS_START
        assert len(error.lines) == 1
        assert "Password too long" in error.lines[0]
        assert "xx" not in error.lines[0]


def test_options_that_ucarp_lacks_are_not_abbreviated() -> None:
    """They do not make an abbreviation ambiguous that ucarp understands."""
    error = refusal(*NEEDED, "--prefix=24")
    assert error.lines == ("option --prefix not recognized; carpd --help lists the options",)


def test_words_that_belong_to_no_option_are_warned_about(tmp_path: Path) -> None:
    """Ucarp ignores them, so they are no mistake; and they are not repeated, for one may be the password."""
    for words in (("hunter2",), ("--", "-x", "hunter2")):
        *_, warning = settings(*NEEDED, *words).warnings
        assert "to no option: without effect, as for ucarp" in warning
        assert warning.startswith("a word that belongs" if len(words) == 1 else "2 words that belong")
        assert "hunter2" not in warning
    assert not [warning for warning in settings(*NEEDED).warnings if "no option" in warning]
    file = tmp_path / "carpd.toml"
    (tmp_path / "password").write_bytes(b"love")
    file.write_text(
        f'[[virtual_host]]\ninterface = "eth0"\nsource = "10.0.0.1"\nvhid = 7\naddresses = ["10.0.0.100/24"]\n'
        f'password_file = "{tmp_path}/password"\n',
        encoding="utf-8",
    )
    *_, warning = settings("--config", str(file), "more.toml").warnings
    assert warning.startswith("a word that belongs to no option")
