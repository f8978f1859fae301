"""What is refused: one line for each mistake, and never a secret in any of them."""

import os
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from triocarp.daemon.command_line import HelpRequested, read
from triocarp.daemon.settings import STATUS_SETTINGS, SettingsError

NEEDED = ("-i", "eth0", "-s", "10.0.0.5", "-v", "7", "-a", "10.0.0.100", "-p", "secret")
SECRET = "Geh3imnis"


def refusal(*words: str, first_interface: str | None = "net0") -> SettingsError:
    """Return the refusal of a command line."""
    with pytest.raises(SettingsError) as caught:
        read(words, first_interface=lambda: first_interface)
    return caught.value


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("-v", "0"), "vhid must be between 1 and 255. (-v/--vhid 0: expected a number from 1 to 255)"),
        (("-v", "256"), "vhid must be between 1 and 255. (-v/--vhid 256: expected a number from 1 to 255)"),
        (("-v", "-1"), "vhid must be between 1 and 255. (-v/--vhid -1: expected a number from 1 to 255)"),
        (("-v", "seven"), "vhid must be between 1 and 255. (-v/--vhid 'seven': expected a whole number)"),
        (("-v", "7.0"), "vhid must be between 1 and 255. (-v/--vhid '7.0': expected a whole number)"),
        (("-v", ""), "vhid must be between 1 and 255. (-v/--vhid '': expected a whole number)"),
        (("-v", "7\n"), r"vhid must be between 1 and 255. (-v/--vhid '7\n': expected a whole number)"),
        (("-v", "0x"), "vhid must be between 1 and 255. (-v/--vhid '0x': expected a whole number)"),
        (
            ("-v", "9" * 10),
            f"vhid must be between 1 and 255. (-v/--vhid {'9' * 10}: expected a number from 1 to 255)",
        ),
        (("-k", "0x" + "f" * 5000), f"-k/--advskew '0x{'f' * 5000}': expected a whole number"),
        (("-b", "256"), "-b/--advbase 256: expected a number from 0 to 255"),
        (("-k", "256"), "-k/--advskew 256: expected a number from 0 to 255"),
        (("-k", "-1"), "-k/--advskew -1: expected a number from 0 to 255"),
        (("-r", "0"), "Dead ratio can't be zero (-r/--deadratio 0: expected a number from 1 to 255)"),
        (("-r", "256"), "-r/--deadratio 256: expected a number from 1 to 255"),
        (
            ("-b", "0"),
            (
                "You must supply an advertisement time base "
                "(-b/--advbase 0 with advskew 0: expected an interval: advbase or advskew above 0)"
            ),
        ),
        (
            ("-b", "255", "-k", "255"),
            "-b/--advbase 255 with advskew 255: expected another pair: on the wire 255/255 is a goodbye",
        ),
        (("-s", "10.0.0"), "Invalid address: [10.0.0] (-s/--srcip: expected an IPv4 address such as 192.0.2.2)"),
        (("-s", "127.0.0.1"), "-s/--srcip 127.0.0.1: expected an address that a host can have"),
        (
            ("-a", "10.0.0.100/24"),
            "Invalid address: [10.0.0.100/24] (-a/--addr: expected an IPv4 address such as 192.0.2.1)",
        ),
        (("-a", "224.0.0.18"), "-a/--addr 224.0.0.18: expected an address that a host can have"),
        (
            ("-a", "10.0.0.5"),
            "-s/--srcip 10.0.0.5: expected the host's own address, not the virtual one: that one moves",
        ),
        (("--mcastip", "10.0.0.1"), "--mcastip 10.0.0.1: expected a multicast address"),
        (("-m", "all"), "Invalid address: [all] (--mcastip: expected an IPv4 address such as 224.0.0.18)"),
        (("-m", "\n"), r"Invalid address: [\n] (--mcastip: expected an IPv4 address such as 224.0.0.18)"),
        (("-g", "many"), "-g/--garp-timeout 'many': expected a whole number"),
        (("-g", "65536"), "-g/--garp-timeout 65536: expected a number from -65535 to 65535"),
        (("--prefix-length", "33"), "--prefix-length 33: expected a number from 1 to 32"),
        (("--script-timeout", "0"), "--script-timeout 0: expected a number from 1 to 3600"),
        (("-p", ""), "You must supply a password (-p/--pass: it is empty: expected 1 to 20 bytes)"),
        (
            ("-o", "/dev/null"),
            "You must supply a password (-o/--passfile '/dev/null': it is empty: expected 1 to 20 bytes)",
        ),
        (("--colour",), "option --colour not recognized; carpd --help lists the options"),
        (("-q",), "option -q not recognized; carpd --help lists the options"),
        (("-Pq",), "option -q not recognized; carpd --help lists the options"),
        (("-k",), "option -k requires argument; carpd --help lists the options"),
        (("--passfile",), "option --passfile requires argument; carpd --help lists the options"),
        (("--adv", "1"), "option --adv not a unique prefix; carpd --help lists the options"),
    ],
)
def test_a_mistake_is_one_line_that_names_option_value_and_what_is_accepted(
    words: tuple[str, ...], line: str
) -> None:
    """And the exit status is 1, as ucarp's for a wrong setting."""
    error = refusal(*NEEDED, *words)
    assert (error.lines, error.status) == ((line,), STATUS_SETTINGS)


def test_all_that_is_missing_is_told_at_once() -> None:
    """Each in one line, the interface only once although the scripts need it too."""
    expected = {
        "-i/--interface is missing, and no interface with an IPv4 address is up",
        "You must supply a persistent source address (-s/--srcip is missing)",
        "You must supply a valid virtual host id (-v/--vhid is missing)",
        "You must supply a virtual host address (-a/--addr is missing)",
        "You must supply a password (-o/--passfile is missing, or -p/--pass, which every user can see)",
    }
    error = refusal("-u", "/bin/true", first_interface=None)
    assert expected == set(error.lines)
    assert len(expected) == len(error.lines)
    assert error.status == STATUS_SETTINGS


def test_mistakes_of_every_kind_are_told_in_one_go() -> None:
    """Nobody shall have to start carpd five times to find five mistakes."""
    words = ("-v", "300", "-k", "many", "-r", "0", "-s", "here", "-p", "x" * 21, "--script-timeout", "9999")
    error = refusal("-i", "eth0", "-a", "10.0.0.100", *words)
    named = re.findall(r"(?:^|\()(-[\w/-]+)", "\n".join(error.lines), re.MULTILINE)
    assert sorted(named) == [
        "--script-timeout",
        "-k/--advskew",
        "-p/--pass",
        "-r/--deadratio",
        "-s/--srcip",
        "-v/--vhid",
    ]
    # A password that is too long has a status of its own only where it is the only mistake.
    assert error.status == STATUS_SETTINGS


@pytest.mark.parametrize(
    "words",
    [
        (f"--pas={SECRET}",),
        (f"--pa={SECRET}",),
        (f"--pa=x {SECRET}",),
        (f"--pa={SECRET} could match {SECRET}",),
        (f"--pa=\n{SECRET}",),
        ("--pas", SECRET),
        (f"--password={SECRET}",),
        ("--password", SECRET),
        (f"--pass {SECRET}",),
        (f"--pass{SECRET}",),
        (f"--Pass{SECRET}",),
        (f"--pass:{SECRET}",),
        (f"--preempt={SECRET}",),
        (f"--help={SECRET}",),
        (f"-P{SECRET}",),
        (f"-D={SECRET}",),
        (f"-D{SECRET}",),
        ("--colour", f"-{SECRET}"),
        ("-p", SECRET, "-p"),
        ("--srcip", f"--pass={SECRET}"),
        ("-s", f"-p{SECRET}"),
        ("-o", f"-zp{SECRET}"),
        ("-x", f"--pas={SECRET}"),
        ("-u", f"--pass {SECRET}"),
        ("-p", SECRET * 3),
        ("-p", SECRET, "-o", "/dev/null"),
        ("-p", SECRET, "--vhid=none"),
    ],
    ids=lambda words: " ".join(words).replace("\n", " "),
)
def test_a_secret_under_a_mistyped_name_is_not_repeated(words: tuple[str, ...]) -> None:
    """Lines end up in logs that many people read."""
    error = refusal(*NEEDED, *words)
    assert not [line for line in error.lines if SECRET in line]
    assert SECRET not in str(error)
    assert not [line for line in error.lines if "\n" in line]


SHORT = [f"-{letter}" for letter in "isvpoPnabkrudxzSMDqmgBf-"]
LONG = ["--interface", "--srcip", "--mcast", "--vhid", "--pass", "--passfile", "--preempt", "--neutral", "--addr"]
MORE = ["--prefix-length", "--advbase", "--advskew", "--upscript", "--xparam", "--nomcast", "--pa", "--pas", "-"]
LAST = ["--garp-timeout", "--daemonize", "--facility", "--syslog"]
NAMES = [*SHORT, *LONG, *MORE, *LAST]
# What execve(2) can give a program: any bytes but zero.
WORDS = st.binary(max_size=12).map(lambda data: os.fsdecode(data.replace(b"\0", b"")))
VALUES = st.one_of(
    WORDS,
    st.sampled_from(["", "0", "7", "255", "256", "0x2a", "010", "9" * 5000, "0x" + "f" * 5000, "-1", "eth0"]),
    st.sampled_from(["10.0.0.5", "10.0.0.100", "224.0.0.18", "/dev/null", "/", "/nowhere", "name\nname"]),
)
SECRETS = st.text("QXZJ", min_size=6, max_size=24)


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a secret and a command line that has it where people put it, well or badly."""
    secret = draw(SECRETS)
    written = st.sampled_from(
        [
            ("-p", secret),
            (f"-p{secret}",),
            (f"--pass={secret}",),
            ("--pass", secret),
            (f"--pas={secret}",),
            (f"--pa={secret}",),
            (f"--pass {secret}",),
            (f"--pass{secret}",),
            (f"--preempt={secret}",),
            ("--unknown", secret),
        ]
    )
    option = st.one_of(
        st.tuples(st.sampled_from(NAMES), VALUES),
        st.tuples(st.tuples(st.sampled_from(NAMES), VALUES).map("=".join)),
        st.tuples(st.tuples(st.sampled_from(NAMES), VALUES).map("".join)),
        st.tuples(st.one_of(VALUES, st.sampled_from(NAMES))),
    )
    good = draw(st.sampled_from([(), NEEDED]))
    others = draw(st.lists(st.one_of(option, written), max_size=6))
    return secret, [word for part in (draw(written), *others) for word in part] + list(good)


@given(command_lines())
@example(("QXZJQX", [*NEEDED, "-v", "9" * 5000]))
@example(("QXZJQX", ["-p", "QXZJQX", "-s", "-pQXZJQX"]))
@example(("QXZJQX", [*NEEDED, "-x", "-o", "--", "-p", "QXZJQX"]))
def test_whatever_is_typed_there_are_settings_or_lines(line: tuple[str, list[str]]) -> None:
    """Nothing else is raised; each line is one line, and none repeats the password."""
    secret, words = line
    try:
        found = read(words, first_interface=lambda: None)
    except HelpRequested:
        return
    except SettingsError as error:
        told = error.lines
        assert told
    else:
        told = found.warnings
        assert secret not in repr(found.node.virtual_hosts[0])
    assert not [text for text in told if "\n" in text]
    assert not [text for text in told if secret in text]
