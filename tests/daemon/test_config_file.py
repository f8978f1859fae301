"""The configuration file: what it can say, and every mistake in one go, each with the path to its value."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import CARPD, FREEBSD, Hook, Link, Sealing, SourceMac, Transport, VirtualHostConfig
from triocarp.core.flap_damping import FlapDamping
from triocarp.core.timing import SECOND
from triocarp.daemon import command_line, config_file
from triocarp.daemon.settings import Settings, SettingsError
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.rtnetlink_messages import AddressReport, LinkReport

LEAST = """
[[virtual_host]]
interface = "eth0"
vhid = 7
password_file = "{passwords}/password"
addresses = ["10.0.0.100/24"]
"""
SECOND_HOST = """
[[virtual_host]]
interface = "eth0"
vhid = 8
password_file = "{passwords}/password"
addresses = ["10.0.0.101/24", "2001:db8::101/64"]
"""


def interfaces() -> InterfaceTable:
    """Return a host with one interface: two IPv4 addresses, of which one may be virtual, and two of IPv6."""
    table = InterfaceTable()
    table.apply(
        LinkReport(index=2, name="eth0", link=Link.UP, hardware_address=bytes(6), loopback=False, arp=True)
    )
    for text in ("10.0.0.100/24", "10.0.0.5/24", "2001:db8::5/64", "fe80::5/64"):
        address = IPv6Interface(text) if ":" in text else IPv4Interface(text)
        table.apply(AddressReport(index=2, address=address, present=True, port_id=0, number=0))
    return table


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    """Return a directory with two passwords."""
    (tmp_path / "password").write_bytes(b"secret\r\n")
    (tmp_path / "other").write_bytes(b"other")
    return tmp_path


def read(text: str, passwords: Path) -> Settings:
    """Return the settings of a file with this text; ``{passwords}`` stands for the directory."""
    path = passwords / "carpd.toml"
    path.write_text(text.replace("{passwords}", str(passwords)), encoding="utf-8")
    return config_file.read(path, interfaces)


def host(further: str, passwords: Path) -> VirtualHostConfig:
    """Return the virtual host of the least file with further lines."""
    return read(LEAST + further, passwords).node.virtual_hosts[0]


def mistakes(text: str, passwords: Path) -> list[str]:
    """Return what is wrong with a file, without its path."""
    with pytest.raises(SettingsError) as caught:
        read(text, passwords)
    assert caught.value.status == 1
    return [line.removeprefix(f"{passwords}/carpd.toml: ") for line in caught.value.lines]


def test_least_file(passwords: Path) -> None:
    """Interface, number, password and address are enough; the rest is the dialect carpd with its defaults."""
    settings = read(LEAST, passwords)
    expected = VirtualHostConfig(
        interface="eth0",
        vhid=7,
        password=b"secret",
        addresses=(IPv4Interface("10.0.0.100/24"),),
        source=IPv4Address("10.0.0.5"),
        dialect=CARPD,
    )
    assert settings.node.virtual_hosts == (expected,)
    assert (settings.real_time, settings.debug, settings.journal) == (True, False, None)
    assert (dict(settings.scripts), settings.warnings) == ({("eth0", 7): {}}, ())


def test_sources_are_the_interfaces_own_in_the_families_that_are_served(passwords: Path) -> None:
    """Never a virtual address that was left over, and link-local for IPv6, because that one stays."""
    served = read(LEAST + SECOND_HOST, passwords).node.virtual_hosts[1]
    assert (served.source, served.source6) == (IPv4Address("10.0.0.5"), IPv6Address("fe80::5"))
    only = host('source6 = "2001:db8::5"', passwords)
    assert (only.source, only.source6) == (None, IPv6Address("2001:db8::5"))


def test_missing_source_is_told(passwords: Path) -> None:
    """An interface without an address of its own cannot advertise."""
    text = LEAST.replace("eth0", "eth9")
    assert mistakes(text, passwords) == [
        "virtual_host[0].source: is missing, and eth9 has no IPv4 address of its own"
    ]


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ('dialect = "freebsd"', "dialect", FREEBSD),
        ('source = "10.0.0.6"', "source", IPv4Address("10.0.0.6")),
        ('transport = "broadcast"', "transport", Transport.BROADCAST),
        ('group = "239.1.2.3"', "group", IPv4Address("239.1.2.3")),
        ('group6 = "ff02::99"', "group6", IPv6Address("ff02::99")),
        ('source_mac = "interface"', "source_mac", SourceMac.INTERFACE),
        ("advbase = 2", "advbase_s", 2),
        ("advskew = 100", "advskew", 100),
        ("dead_ratio = 4", "dead_ratio", 4),
        ("preempt = true", "preempt", True),
        ("preempt = true\npreempt_delay_s = 1.5", "preempt_delay", 3 * SECOND // 2),
        ("hold_down_s = 10", "hold_down", 10 * SECOND),
        ("flap_damping = true", "flap_damping", FlapDamping()),
        ("flap_damping = false", "flap_damping", None),
        ("neutral = true", "neutral", True),
        ("ignore_carrier = true", "ignore_carrier", True),
        ("announce_after = [1, 2, 3]", "announce_after", (1, 2, 3)),
        ("announce_refresh_s = 60", "announce_refresh", 60 * SECOND),
        ("announces_router = true", "announces_router", True),
        ('failover_group = "gateway"', "failover_group", "gateway"),
        ('sealing = "enforce"', "sealing", Sealing.ENFORCE),
        ("seal_window_s = 0.5", "seal_window", SECOND // 2),
        ('unsealed_peers = ["10.0.0.9"]', "unsealed_peers", (IPv4Address("10.0.0.9"),)),
        ('transport = "unicast"\npeers = ["10.0.0.9"]', "peers", (IPv4Address("10.0.0.9"),)),
        ('transport = "unicast"\npeers = ["10.0.0.9"]\nrouted_peers = true', "routed_peers", True),
        (
            'dialect = "openbsd"\nlink_layer_address = "02:aa:bb:cc:dd:ee"',
            "link_layer_address",
            bytes.fromhex("02aabbccddee"),
        ),
        ('other_password_file = "{passwords}/other"', "other_password", b"other"),
    ],
)
def test_each_key_is_a_field(line: str, field: str, value: object, passwords: Path) -> None:
    """What the file says is what the core is told; times become nanoseconds."""
    assert getattr(host(line, passwords), field) == value


def test_every_key_is_tested_and_documented(passwords: Path) -> None:
    """There is no key beyond those above and the scripts', and an unknown one is answered with all of them."""
    (line,) = mistakes(LEAST + "zzzzzz = 1", passwords)
    known = set(line.partition("known are ")[2].split(", "))
    assert known == set(config_file.KEYS)


def test_scripts_manage_the_address(passwords: Path) -> None:
    """With a script carpd leaves the address to it, tells it interface and address, and limits its time."""
    settings = read(LEAST + 'up_script = "/bin/true"\nscript_parameter = "24"\nscript_timeout_s = 5', passwords)
    (served,) = settings.node.virtual_hosts
    assert (served.manages_addresses, served.up_hook, served.down_hook) == (False, True, False)
    script = settings.scripts["eth0", 7][Hook.UP]
    assert script.argv == ("/bin/true", "eth0", "10.0.0.100", "24")
    assert script.timeout_s == 5
    warned = read(LEAST + 'down_script = "/nowhere"', passwords)
    assert warned.warnings == ("virtual_host[0].down_script '/nowhere' does not exist or is not executable",)


def test_top_level_settings(passwords: Path) -> None:
    """Scheduling, debugging and the journal concern the whole daemon."""
    settings = read('real_time = false\ndebug = true\njournal = "/tmp/j"\n' + LEAST, passwords)
    assert (settings.real_time, settings.debug, settings.journal) == (False, True, Path("/tmp/j"))  # noqa: S108


def test_all_mistakes_are_told_at_once_with_their_paths(passwords: Path) -> None:
    """Who repairs a file wants to do it once; whatever cannot be read hides nothing of the rest."""
    text = """
jurnal = "/tmp/x"
debug = 1

[[virtual_host]]
interface = "eth0"
vhid = 256
password_file = "{passwords}/password"
addresses = ["10.0.0.100/24", "10.0.0.300"]
preemt = true
advskew = "many"

[[virtual_host]]
interface = "eth0"
vhid = 300
password_file = "{passwords}/nowhere"
addresses = ["10.0.0.102/24"]

[[virtual_host]]
interface = "eth0"
vhid = 0
password_file = "{passwords}/password"
addresses = ["10.0.0.103/24"]
source = "10.0.0.5"
advbase = 0

[[virtual_host]]
interface = "eth0"
vhid = 9
password_file = "{passwords}/password"
addresses = ["10.0.0.104/24"]
transport = "unicast"
dialect = "freebsd"
advbase = 0
"""
    flaps = (
        "with 0 the dead time is no longer than the interval, and two hosts would take the address from each "
        "other all the time"
    )
    network = 'an address with its prefix length, such as "10.0.0.100/24"'
    addresses = ["10.0.0.100/24", "10.0.0.300"]
    assert mistakes(text, passwords) == [
        "jurnal: there is no such setting; did you mean journal?",
        "debug: 1: expected true or false",
        f"virtual_host[0].addresses: {addresses}: expected a list of addresses, each {network}",
        "virtual_host[0].preemt: there is no such setting; did you mean preempt?",
        "virtual_host[0].advskew: 'many': expected a whole number",
        f"virtual_host[1].password_file: '{passwords}/nowhere': cannot be read: No such file or directory",
        "virtual_host[2].vhid: 0: expected a number from 1 to 255",
        "virtual_host[2].advbase: 0 with advskew 0: expected an interval: advbase or advskew above 0",
        f"virtual_host[3].advbase: 0: expected 1 or more in the freebsd dialect: {flaps}",
        "virtual_host[3].peers: (none): expected at least one: with unicast nobody else hears us",
    ]


def test_clashes_name_both_virtual_hosts(passwords: Path) -> None:
    """Two with the same number or address are told by their places in the file."""
    found = mistakes(LEAST + LEAST, passwords)
    assert [line.partition(":")[0] for line in found] == ["virtual_host[1].vhid", "virtual_host[1].addresses"]


@pytest.mark.parametrize("text", ["", "virtual_host = 1", "virtual_host = []", "[virtual_host]\nvhid = 1"])
def test_a_file_without_virtual_hosts_is_refused(text: str, passwords: Path) -> None:
    """There would be nothing to do."""
    assert mistakes(text, passwords) == ["virtual_host: expected at least one table [[virtual_host]]"]


def test_missing_keys_are_told(passwords: Path) -> None:
    """Each that must be there."""
    needed = ("interface", "vhid", "password_file", "addresses")
    assert mistakes("[[virtual_host]]", passwords) == [f"virtual_host[0].{key}: is missing" for key in needed]


def test_what_is_not_toml_is_refused(passwords: Path) -> None:
    """With the parser's words."""
    with pytest.raises(SettingsError, match=r"carpd\.toml: not TOML: Expected"):
        read("[[virtual", passwords)
    (passwords / "latin").write_bytes(b'journal = "\xe4"')
    with pytest.raises(SettingsError, match="latin: not TOML"):
        config_file.read(passwords / "latin", interfaces)


def test_missing_file_is_told(tmp_path: Path) -> None:
    """With its name and the system's words."""
    with pytest.raises(SettingsError, match=r"--config .*nowhere': cannot be read: No such file"):
        config_file.read(tmp_path / "nowhere", interfaces)


def test_command_line_beside_a_file(passwords: Path) -> None:
    """Only what concerns the whole daemon may stand beside --config; the rest would be half-applied."""
    path = passwords / "carpd.toml"
    path.write_text(LEAST.replace("{passwords}", str(passwords)), encoding="utf-8")
    words = ["--config", str(path), "-D", "--no-real-time", "--journal", "/tmp/j", "-z"]  # noqa: S108
    settings = command_line.read(words, first_interface=lambda: None, interfaces=interfaces)
    assert (settings.debug, settings.real_time, settings.journal) == (True, False, Path("/tmp/j"))  # noqa: S108
    with pytest.raises(SettingsError, match=r"^--vhid, --preempt: expected in the file"):
        command_line.read(
            ["--config", str(path), "-v", "7", "-P"], first_interface=lambda: None, interfaces=interfaces
        )


SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@given(st.dictionaries(st.sampled_from(sorted(config_file.KEYS)) | st.text(max_size=5), VALUES))
def test_whatever_a_table_holds_there_are_settings_or_lines(table: dict[str, Any]) -> None:
    """No value of any type gets through as something else, or ends in a traceback."""
    mistakes_found = config_file.Mistakes(Path("f"))
    reader = config_file.VirtualHostReader(table, "virtual_host[0]", mistakes_found)
    reader.complete_sources(interfaces, reader.virtual)
    node = config_file.collect([reader], mistakes_found)
    assert mistakes_found.lines or (node is not None and node.virtual_hosts)
