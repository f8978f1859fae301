"""The configuration file: what it can say, and every mistake in one go, each with the path to its value."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.core import (
    CARPD,
    FREEBSD,
    UCARP,
    Draft,
    Hook,
    Link,
    Sealing,
    SourceMac,
    Transport,
    VirtualHostConfig,
    problems_of_drafts,
)
from triocarp.core.flap_damping import FlapDamping
from triocarp.core.policy_routing import SYSTEM_TABLES
from triocarp.core.timing import SECOND
from triocarp.daemon import command_line, config_file
from triocarp.daemon.config_keys import KEYS, TOP_KEYS
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
    (tmp_path / "password").write_bytes(b"secret\n")
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


def mistakes(text: str, passwords: Path, *, status: int = 1) -> list[str]:
    """Return what is wrong with a file, without its path."""
    with pytest.raises(SettingsError) as caught:
        read(text, passwords)
    assert caught.value.status == status
    return [line.removeprefix(f"{passwords}/carpd.toml: ") for line in caught.value.lines]


def test_least_file(passwords: Path) -> None:
    """Interface, number, password and address are enough; the rest is the dialect carpd with its defaults."""
    found = read(LEAST, passwords)
    expected = VirtualHostConfig(
        interface="eth0",
        vhid=7,
        password=b"secret",
        addresses=(IPv4Interface("10.0.0.100/24"),),
        source=IPv4Address("10.0.0.5"),
        dialect=CARPD,
    )
    assert found.node.virtual_hosts == (expected,)
    assert (found.real_time, found.debug, found.journal) == (True, False, None)
    assert (dict(found.scripts), found.warnings) == ({("eth0", 7): {}}, ())


@pytest.mark.parametrize(
    ("dialect", "content", "doubts"),
    [
        ("carpd", b"x" * 20, []),
        ("ucarp", b"x" * 19, []),
        ("ucarp", b"x" * 20, ["a password of 20 bytes: ucarp and BSD ifconfig take 19 at most"]),
        ("freebsd", b"x" * 20, ["a password of 20 bytes: ucarp and BSD ifconfig take 19 at most"]),
        ("openbsd", b"x" * 20, ["a password of 20 bytes: ucarp and BSD ifconfig take 19 at most"]),
        (
            "carpd",
            b"secret \n",
            ["the password ends with a blank, which counts: see whether the other hosts' does"],
        ),
        ("carpd", b"secret\r\n", []),
        (
            "ucarp",
            b"secret\r\n",
            ["the password's line ends with a carriage return, which is left out: ucarp would take it as well"],
        ),
    ],
)
@pytest.mark.parametrize("key", ["password_file", "other_password_file"])
def test_a_password_that_other_hosts_may_have_otherwise_is_doubted(
    passwords: Path, key: str, dialect: str, content: bytes, doubts: list[str]
) -> None:
    """At the start, since later it shows only as advertisements that are not believed; carpds alone take 20."""
    for name, its in (("password", "password_file"), ("other", "other_password_file")):
        (passwords / name).write_bytes(content if its == key else b"another")
    text = f'{LEAST}other_password_file = "{{passwords}}/other"\ndialect = "{dialect}"'
    prefix = f"{passwords}/carpd.toml: virtual_host[0].{key}: "
    assert read(text, passwords).warnings == tuple(prefix + doubt for doubt in doubts)


def test_a_seal_window_without_seals_is_refused(passwords: Path) -> None:
    """Whoever gives one believes that it protects; nobody needs to give one."""
    for line in ("", 'sealing = "off"'):
        assert mistakes(f"{LEAST}{line}\nseal_window_s = 1.5", passwords) == [
            (
                "virtual_host[0].seal_window_s: 1.5: expected none, or sealing to observe or enforce: "
                "nobody's seal is looked at while it is off"
            )
        ]
    unreadable = mistakes(LEAST + 'sealing = "on"\nseal_window_s = 1.5', passwords)
    assert [line.split(":")[0] for line in unreadable] == ["virtual_host[0].sealing"]


def test_sources_are_the_interfaces_own_in_the_families_that_are_served(passwords: Path) -> None:
    """Never a virtual address that was left over, and link-local for IPv6, because that one stays."""
    served = read(LEAST + SECOND_HOST, passwords).node.virtual_hosts[1]
    assert (served.source, served.source6) == (IPv4Address("10.0.0.5"), IPv6Address("fe80::5"))
    only = host('source6 = "2001:db8::5"', passwords)
    assert (only.source, only.source6) == (None, IPv6Address("2001:db8::5"))


def test_missing_source_is_told(passwords: Path) -> None:
    """An interface without an address of its own cannot advertise."""
    text = LEAST.replace('["10.0.0.100/24"]', '["10.0.0.100/24", "10.0.0.5/24"]')
    assert mistakes(text + 'failover_group = "a@b"', passwords) == [
        (
            "virtual_host[0].source: is missing, and eth0 has no IPv4 address of its own but 10.0.0.100/24, "
            "10.0.0.5/24, which `addresses` lets move: list another one there, or give eth0 one"
        ),
        (
            "virtual_host[0].failover_group: a@b: expected a name without @: such are the groups of virtual hosts "
            "that are alone"
        ),
    ]


def test_missing_interface_is_told(passwords: Path) -> None:
    """As with options it is a failed start, and no wrong setting: the same file may be right on another host."""
    text = LEAST.replace("eth0", "eth9")
    line = "virtual_host[0].interface: eth9: no such interface; there are: eth0"
    assert mistakes(text, passwords, status=2) == [line]
    assert mistakes(text + "advskew = 300", passwords) == [
        "virtual_host[0].advskew: 300: expected a whole number from 0 to 255",
        line,
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
        ("routing_table = 100", "routing_table", 100),
        ("routing_table = 100\nrule_priority = 500", "rule_priority", 500),
        ("routing_table = 100\nrouting_prefix_length = 24", "routing_prefix_length", 24),
        ('routing_table = 100\ngateways = ["10.0.0.254"]', "gateways", (IPv4Address("10.0.0.254"),)),
        ('failover_group = "gateway"', "failover_group", "gateway"),
        ('sealing = "enforce"', "sealing", Sealing.ENFORCE),
        ('sealing = "observe"\nseal_window_s = 0.5', "seal_window", SECOND // 2),
        ('sealing = "observe"\nunsealed_peers = ["10.0.0.9"]', "unsealed_peers", (IPv4Address("10.0.0.9"),)),
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
    assert known == set(KEYS)


def test_scripts_manage_the_address(passwords: Path) -> None:
    """With a script carpd leaves the address to it, tells it interface and address, and limits its time."""
    found = read(LEAST + 'up_script = "/bin/true"\nscript_parameter = "24"\nscript_timeout_s = 5', passwords)
    (served,) = found.node.virtual_hosts
    assert (served.manages_addresses, served.up_hook, served.down_hook) == (False, True, False)
    script = found.scripts["eth0", 7][Hook.UP]
    assert script.argv == ("/bin/true", "eth0", "10.0.0.100", "24")
    assert script.timeout_s == 5


@pytest.mark.parametrize("script", ["{passwords}/nowhere", "{passwords}/password", "{passwords}"])
@pytest.mark.parametrize("key", ["up_script", "down_script"])
def test_a_script_that_cannot_be_run_is_refused(key: str, script: str, passwords: Path) -> None:
    """Nobody would put the address on, or take it off. ucarp's options only warn, because ucarp starts."""
    path = script.replace("{passwords}", str(passwords))
    line = f"virtual_host[0].{key}: '{path}': expected a file that can be executed"
    assert mistakes(LEAST + f'{key} = "{script}"', passwords) == [line]


def test_top_level_settings(passwords: Path) -> None:
    """Scheduling, debugging and the journal concern the whole daemon."""
    found = read('real_time = false\ndebug = true\njournal = "/tmp/j"\n' + LEAST, passwords)
    assert (found.real_time, found.debug, found.journal) == (False, True, Path("/tmp/j"))  # noqa: S108


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
    assert mistakes(text, passwords) == [
        "jurnal: there is no such setting; did you mean journal?",
        "debug: 1: expected true or false",
        "virtual_host[0].vhid: 256: expected a whole number from 1 to 255",
        (
            "virtual_host[0].addresses[1]: '10.0.0.300': expected an address with its prefix length, such as "
            '"10.0.0.100/24"'
        ),
        "virtual_host[0].preemt: there is no such setting; did you mean preempt?",
        "virtual_host[0].advskew: 'many': expected a whole number from 0 to 255",
        "virtual_host[1].vhid: 300: expected a whole number from 1 to 255",
        f"virtual_host[1].password_file: '{passwords}/nowhere': cannot be read: No such file or directory",
        "virtual_host[2].vhid: 0: expected a whole number from 1 to 255",
        "virtual_host[2].advbase: 0 with advskew 0: expected an interval: advbase or advskew above 0",
        f"virtual_host[3].advbase: 0: expected 1 or more in the freebsd dialect: {flaps}",
        "virtual_host[3].peers: (none): expected at least one: with unicast nobody else hears us",
    ]


# One mistake each: a line of a table, and the path that names it. No two of them are about the same values.
MISTAKES: Final = {
    "preemt = true": "preemt",
    "ignore_carrier = 1": "ignore_carrier",
    'neutral = "no"': "neutral",
    "transport = 4": "transport",
    "dead_ratio = 0": "dead_ratio",
    "advskew = 300": "advskew",
    "advbase = -1": "advbase",
    "hold_down_s = -1": "hold_down_s",
    "seal_window_s = 1e6": "seal_window_s",
    "script_timeout_s = -1": "script_timeout_s",
    "announce_refresh_s = nan": "announce_refresh_s",
    "announce_after = [2, 0]": "announce_after[1]",
    'unsealed_peers = ["10.0.0.9", "10.0.0"]': "unsealed_peers[1]",
    "preempt_delay_s = 5": "preempt_delay_s",
    'failover_group = "a@b"': "failover_group",
    'group = "10.0.0.1"': "group",
    'group6 = "ff02::12%eth0"': "group6",
    'link_layer_address = "02:00:00:00:00:01"': "link_layer_address",
    'other_password_file = "{passwords}/password"': "other_password_file",
    'up_script = "/nowhere"': "up_script",
}
RIGHT: Final = '"10.0.0.77/24"'
ADDRESSES: Final = [
    '"10.0.0.300/24"',
    "7",
    '"10.0.{host}.255/24"',
    '"127.0.{host}.1/8"',
    '"10.0.0.9{host}/24"',
    RIGHT,
]


@given(data=st.data())
def test_independent_mistakes_do_not_hide_each_other(data: st.DataObject) -> None:
    """However many there are, and of whatever kind, each is named in the first run, and each in one line."""
    text, expected = "", list[str]()
    for host in range(2):
        lines = sorted(data.draw(st.sets(st.sampled_from(sorted(MISTAKES)))))
        told = [MISTAKES[line] for line in lines]
        further = data.draw(st.lists(st.sampled_from(ADDRESSES), unique=True))
        addresses = [f'"10.0.0.9{host}/24"', *further]
        for place, address in enumerate(further, start=1):
            if address != RIGHT or RIGHT in text:  # the second host may not have the first one's
                told.append(f"addresses[{place}]")
        number = 1 if data.draw(st.booleans()) else 1 + host
        if host and number == 1:
            told.append("vhid")
        expected += [f"virtual_host[{host}].{name}" for name in told]
        text += f"""
[[virtual_host]]
interface = "eth0"
vhid = {number}
password_file = "{{passwords}}/password"
addresses = [{", ".join(addresses).replace("{host}", str(host))}]
"""
        text += "\n".join(lines)
    with TemporaryDirectory() as directory:
        passwords = Path(directory)
        (passwords / "password").write_bytes(b"secret")
        if not expected:
            read(text, passwords)
            return
        found = [line.partition(": ")[0] for line in mistakes(text, passwords)]
    assert sorted(expected) == sorted(found)


NUMERIC: Final = [name for name, key in KEYS.items() if key.kind.least is not None]


@pytest.mark.parametrize("name", NUMERIC)
@given(data=st.data())
def test_every_number_has_a_range(name: str, data: st.DataObject) -> None:
    """What is outside is refused, and what is inside is not; the range is the documented one."""
    kind = KEYS[name].kind
    assert kind.least is not None
    assert kind.most is not None
    assert f"{kind.least:.10g} to {kind.most:.10g}" in kind.accepted
    numbers = st.integers() | st.floats() if kind.seconds else st.integers()
    near = st.sampled_from([kind.least - 1, kind.least, kind.most, kind.most + 1])
    number = data.draw((near | numbers).filter(lambda number: number not in SYSTEM_TABLES))
    if kind.least <= number <= kind.most:
        converted = kind.convert(number)
        field = KEYS[name].field
        value: Any = (converted,) if kind.several else converted
        assert not field or field not in {
            problem.setting.rpartition(".")[2].partition("[")[0]
            for problem in problems_of_drafts(
                [Draft(fields={"advskew": 1, "preempt": True, "dialect": UCARP, field: value})]
            )
        }
    else:
        with pytest.raises(ValueError, match=r"^$"):
            kind.convert(number)


def test_every_number_is_recognised_as_one() -> None:
    """So that none is left out above: whatever takes a number has a range."""
    for name, key in KEYS.items():
        try:
            key.kind.convert(1)
        except ValueError:
            assert name not in NUMERIC
        else:
            assert name in NUMERIC


def test_seconds_are_told_in_seconds(passwords: Path) -> None:
    """What is wrong with a value is told in the unit in which it was written."""
    assert mistakes(LEAST + "preempt_delay_s = 1.5\nseal_window_s = 0", passwords) == [
        "virtual_host[0].seal_window_s: 0: expected a number of seconds from 0.001 to 32767",
        "virtual_host[0].preempt_delay_s: 1.5: expected 0, or preempt to be set as well",
    ]


@pytest.mark.parametrize(
    ("further", "line"),
    [
        (
            'addresses = ["10.0.0.100/24", "2001:db8::100/64"]\ndialect = "ucarp"',
            "addresses: 10.0.0.100/24, 2001:db8::100/64: expected exactly one IPv4 address in the ucarp dialect",
        ),
        (
            'addresses = ["2001:db8::100/64"]\ndialect = "ucarp"',
            "addresses[0]: 2001:db8::100: expected an IPv4 address: the ucarp dialect has no other",
        ),
        (
            'addresses = ["10.0.0.100"]',
            "addresses[0]: '10.0.0.100': expected an address with its prefix length, such as \"10.0.0.100/24\"",
        ),
        ("addresses = []", "addresses: (none): expected 1 to 255 addresses"),
        ("addresses = 7", 'addresses: 7: expected a list, each an address with its prefix length, such as "10.0'),
        (
            'addresses = ["10.0.0.0/24"]',
            (
                "addresses[0]: 10.0.0.0: expected an address that a host can have: it is the network's or the "
                "broadcast address of 10.0.0.0/24"
            ),
        ),
        (
            'addresses = ["x", "10.0.0.100/24", "10.0.0.100/24"]',
            (
                "addresses[0]: 'x': expected an address with its prefix length, such as \"10.0.0.100/24\"\n"
                "virtual_host[0].addresses[2]: 10.0.0.100: expected each address once"
            ),
        ),
        ('addresses = ["10.0.0.100/24"]\nadvskew = 255', "advskew: 255: expected a number from 0 to 254"),
    ],
)
def test_one_line_for_a_mistake(further: str, line: str, passwords: Path) -> None:
    """What follows from it is not told, such as a source that could not be chosen."""
    found = mistakes(LEAST.replace('addresses = ["10.0.0.100/24"]\n', further), passwords)
    assert "\n".join(found).startswith(f"virtual_host[0].{line}")
    assert len(found) == line.count("\n") + 1


def test_what_another_virtual_host_has_is_named_by_its_table(passwords: Path) -> None:
    """The path is one that stands in the file."""
    assert mistakes(LEAST + SECOND_HOST.replace("vhid = 8", "vhid = 7"), passwords) == [
        "virtual_host[1].vhid: 7: expected a number that no other virtual host has on eth0; virtual_host[0] has it"
    ]


def test_a_node_without_a_daemon(passwords: Path) -> None:
    """A simulation or a replay needs neither the scripts nor, if the sources are written down, the interfaces."""
    path = passwords / "carpd.toml"
    text = LEAST + 'source = "10.0.0.5"\nup_script = "/nowhere"\n'
    path.write_text(text.replace("{passwords}", str(passwords)), encoding="utf-8")

    def nobody_knows() -> InterfaceTable:
        raise AssertionError

    (served,) = config_file.read_node_config(path, nobody_knows).virtual_hosts
    assert (served.up_hook, served.manages_addresses, served.password) == (True, False, b"secret")
    path.write_text(text.replace("vhid = 7", "vhid = 0") + "preemt = true", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        config_file.read_node_config(path, nobody_knows)
    assert len(caught.value.lines) == 3


def test_clashes_name_both_virtual_hosts(passwords: Path) -> None:
    """Two with the same number or address are told by their places in the file."""
    found = mistakes(LEAST + LEAST, passwords)
    assert [line.partition(":")[0] for line in found] == [
        "virtual_host[1].vhid",
        "virtual_host[1].addresses[0]",
    ]


@pytest.mark.parametrize("key", sorted(TOP_KEYS))
def test_what_concerns_the_daemon_belongs_before_the_tables(key: str, passwords: Path) -> None:
    """In TOML a line behind a table belongs to that table, which is easily overlooked."""
    place = "belongs before the first table [[virtual_host]]: it concerns the whole daemon"
    assert mistakes(LEAST + f"{key} = true", passwords) == [f"virtual_host[0].{key}: {place}"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("advskew = true", "advskew: true: expected a whole number"),
        ("peers = [false]", "peers[0]: false: expected an address"),
        ("source = [true, 1, 'a']", "source: [true, 1, 'a']: expected an IPv4 address"),
        ("announce_after = false", "announce_after: false: expected a list"),
    ],
)
def test_values_are_told_as_toml_has_them(line: str, told: str, passwords: Path) -> None:
    """``true`` and ``false``, alone and in a list."""
    (found,) = mistakes(LEAST + line, passwords)
    assert found.startswith(f"virtual_host[0].{told}")


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
    with pytest.raises(SettingsError, match="latin': not a text in UTF-8"):
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
    found = command_line.read(words, first_interface=lambda: None, interfaces=interfaces)
    assert (found.debug, found.real_time, found.journal) == (True, False, Path("/tmp/j"))  # noqa: S108
    with pytest.raises(SettingsError, match=r"^--vhid, --preempt: expected in the file"):
        command_line.read(
            ["--config", str(path), "-v", "7", "-P"], first_interface=lambda: None, interfaces=interfaces
        )


SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@given(st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(max_size=5), VALUES))
def test_whatever_a_table_holds_there_are_settings_or_lines(table: dict[str, Any]) -> None:
    """No value of any type gets through as something else, or ends in a traceback."""
    mistakes_found = config_file.Mistakes(Path("f"))
    reader = config_file.VirtualHostReader(table, "virtual_host[0]", mistakes_found)
    reader.complete_sources(interfaces, reader.virtual)
    config_file.add_problems([reader], mistakes_found)
    assert mistakes_found.lines or reader.virtual_host().addresses
