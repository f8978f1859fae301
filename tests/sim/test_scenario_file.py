import dataclasses
import inspect
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from carpsim.distribution import Constant
from carpsim.faults import FAULTS, Crash, Partition, Pause, Stop
from carpsim.library import load_scenario
from carpsim.mistakes import ScenarioError
from carpsim.outcome import run_scenario
from carpsim.scenario import Scenario, UcarpSettings
from carpsim.scenario_file import (
    CLIENT_TABLE,
    EXPECTATION,
    FAULT,
    SEGMENT_TABLE,
    TOP,
    parse_scenario,
    read_scenario,
    scenario_of,
    write_scenario,
)
from carpsim.scenario_hosts import HOST_TABLE
from carpsim.scenario_keys import kinds_of
from tests.sim.drawn_settings import scenarios
from triocarp.core import CARPD, Transport
from triocarp.core.timing import SECOND

THREE_HOSTS = """\
[group]
addresses = ["10.0.0.100/24"]
preempt = true
[host.a]
[host.b]
advskew = 100
[host.c]
advskew = 200
[client.user]
"""


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(scenario=scenarios())
def test_what_was_written_is_read_as_it_was(scenario: Scenario) -> None:
    """A scenario becomes a text and the text the same scenario, whatever it is made of."""
    assert scenario_of(tomllib.loads(write_scenario(scenario))) == scenario


def test_three_hosts_are_ten_lines() -> None:
    """What every scenario has need not be told: own addresses, interface, VHID, password, dialect."""
    scenario = parse_scenario(THREE_HOSTS, file="three")
    assert [host.name for host in scenario.hosts] == ["a", "b", "c"]
    configs = [host.config.virtual_hosts[0] for host in scenario.hosts]
    assert [str(config.source) for config in configs] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert [config.advskew for config in configs] == [0, 100, 200]
    assert all(config.preempt and config.dialect is CARPD and config.vhid == 1 for config in configs)
    (client,) = scenario.clients
    assert (str(client.address), str(client.target)) == ("10.0.0.200", "10.0.0.100")


def test_addresses_that_somebody_has_are_given_to_nobody() -> None:
    """Hosts and clients that are told no address get none that another was told."""
    text = THREE_HOSTS.replace("[host.b]", '[host.b]\nsource = "10.0.0.1"').replace(
        "[client.user]", '[client.other]\naddress = "10.0.0.200"\n[client.user]'
    )
    scenario = parse_scenario(text, file="three")
    sources = [str(host.config.virtual_hosts[0].source) for host in scenario.hosts]
    assert len(set(sources)) == 3, sources
    assert len({client.address for client in scenario.clients}) == 2


def test_unicast_hosts_know_each_other() -> None:
    """The peers of a host are all others, if it is not told any."""
    text = THREE_HOSTS.replace("preempt = true", 'transport = "unicast"')
    scenario = parse_scenario(text, file="three")
    config = scenario.hosts[1].config.virtual_hosts[0]
    assert config.transport is Transport.UNICAST
    assert [str(peer) for peer in config.peers] == ["10.0.0.1", "10.0.0.3"]


def test_several_virtual_hosts_share_the_settings_of_their_host() -> None:
    """A list of virtual hosts takes what it does not say from the host, and then from the group."""
    text = """
        [group]
        advbase = 2
        [host.a]
        advskew = 5
        [[host.a.virtual_host]]
        addresses = ["10.0.0.100/24"]
        [[host.a.virtual_host]]
        vhid = 2
        advskew = 9
        addresses = ["10.0.0.101/24"]
    """
    scenario = parse_scenario(text, file="two")
    one, two = scenario.hosts[0].config.virtual_hosts
    assert [(config.vhid, config.advbase_s, config.advskew) for config in (one, two)] == [(1, 2, 5), (2, 2, 9)]
    assert scenario_of(tomllib.loads(write_scenario(scenario))) == scenario


def test_a_client_may_begin_later() -> None:
    """A client that starts when there is a master does not count the first election as an outage."""
    scenario = parse_scenario(THREE_HOSTS + 'start = "5s"\n', file="later")
    outcome = run_scenario(scenario)
    assert outcome.recording.world.clients["user"].sent == 550
    assert not outcome.recording.clients["user"].outages


def test_a_rate_becomes_faults_that_depend_on_the_seed_alone() -> None:
    """``every`` with a distribution becomes instants from first to last, the same ones for a seed."""
    text = (
        THREE_HOSTS
        + """
        [[fault]]
        type = "pause"
        host = "a"
        every = { type = "exponential", mean = "4s" }
        first = 5
        last = "50s"
        duration = { type = "uniform", least = "10ms", most = "1s" }
    """
    )
    one, same, other = (parse_scenario(text, file="rate", seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.faults != other.faults
    assert len(one.faults) > 3
    assert one.faults[0].at == 5 * SECOND
    assert all(5 * SECOND <= fault.at <= 50 * SECOND for fault in one.faults)
    pauses = [fault for fault in one.faults if isinstance(fault, Pause)]
    assert len({fault.duration for fault in pauses}) == len(one.faults)


def test_what_is_drawn_depends_on_the_number_of_the_fault() -> None:
    """A further fault behind and other settings leave the instants as they are; a fault before gives others."""
    drawn = '[[fault]]\ntype = "crash"\nhost = "a"\nevery = { type = "uniform", least = 1, most = 9 }\n'
    other = '[[fault]]\ntype = "pause"\nhost = "b"\nat = 1\n'
    alone, with_one_behind, with_one_before, of_others = (
        [fault.at for fault in parse_scenario(text, file="drawn").faults if isinstance(fault, Crash)]
        for text in (
            THREE_HOSTS + drawn,
            THREE_HOSTS + drawn + other,
            THREE_HOSTS + other + drawn,
            THREE_HOSTS.replace("200", "99") + drawn,
        )
    )
    assert alone == with_one_behind == of_others
    assert alone != with_one_before


def test_a_constant_rate_ends_with_the_scenario() -> None:
    """Without first and last, a fault happens from one interval after the beginning to the end."""
    text = (
        "duration = 30\n" + THREE_HOSTS + '[[fault]]\ntype = "crash"\nhost = "a"\nevery = 10\nrestart_after = 1\n'
    )
    scenario = parse_scenario(text, file="rate")
    assert [fault.at for fault in scenario.faults] == [10 * SECOND, 20 * SECOND, 30 * SECOND]


def test_a_stop_may_change_the_configuration() -> None:
    """The table ``config`` of a stop lies over what its host has."""
    text = (
        THREE_HOSTS + '[[fault]]\ntype = "stop"\nhost = "b"\nat = 9\nrestart_after = 1\nconfig = { advskew = 0 }\n'
    )
    scenario = parse_scenario(text, file="stop")
    (fault,) = scenario.faults
    assert isinstance(fault, Stop)
    assert fault.config is not None
    before = scenario.hosts[1].config.virtual_hosts[0]
    after = fault.config.virtual_hosts[0]
    assert (before.advskew, after.advskew) == (100, 0)
    assert (before.source, before.preempt) == (after.source, after.preempt)
    assert scenario_of(tomllib.loads(write_scenario(scenario))) == scenario


def test_a_bare_value_stands_for_what_has_nothing_else() -> None:
    """A constant latency is just a duration, and independent loss just a probability."""
    text = THREE_HOSTS + '[segment.lan]\noutward = { latency = "50us", loss = 0.25 }\n'
    scenario = parse_scenario(text, file="bare")
    outward = scenario.segments[0].outward
    assert outward.latency == Constant(50_000)
    assert outward.loss is not None
    assert "loss = 0.25" in write_scenario(scenario)


WRONG = """\
duration = "60 parsecs"
durration = 5

[group]
addresses = ["10.0.0.100/24", "10.0.0.101"]
preemt = true
wake_up = { type = "unifrm", least = 1 }

[host.a]
advskew = 300
[host.b]
addresses = ["10.0.0.100/24"]
dialect = "openbds"
segments = { eth0 = "lam" }

[[fault]]
type = "partitoin"
at = "20s"

[[fault]]
type = "pause"
host = "aa"
at = -5

[[fault]]
type = "partition"
at = 3
parts = [["a", "d"],
 ["b",
  "q"]]
[[fault]]
type = "crash"
host = "a"
every = { type = "uniform", least = 2, most = 1 }
at = 5
[[expect]]
type = "holders"
at = "25s"
hosts = ["z"]
"""


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    """One sentence for each mistake: file, line, way to the value, the value, and what is accepted."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(WRONG, file="wrong.toml")
    expected = [
        (1, "duration", '"60 parsecs": expected a duration'),
        (2, "durration", "there is no such key; did you mean duration?"),
        (5, "group.addresses[1]", '"10.0.0.101": expected an address with its prefix length'),
        (6, "group.preemt", "there is no such key; did you mean preempt?"),
        (7, "group.wake_up.type", "did you mean uniform?"),
        (10, "host.a.advskew", "300: expected a whole number from 0 to 255"),
        (13, "host.b.dialect", "did you mean openbsd?"),
        (17, "fault[0].type", "did you mean partition?"),
        (22, "fault[1].host", '"aa": expected one of a, b; did you mean a?'),
        (23, "fault[1].at", "-5: expected a duration"),
        (28, "fault[2].parts[0][1]", '"d": expected one of a, b'),
        (30, "fault[2].parts[1][1]", '"q": expected one of a, b'),
        (35, "fault[3].at", "expected either at, or every"),
        (39, "expect[0].hosts[0]", '"z": expected one of a, b'),
    ]
    for (line, path, words), sentence in zip(expected, caught.value.lines, strict=True):
        assert sentence.startswith(f"wrong.toml:{line}: {path}: "), sentence
        assert words in sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "host: is missing: expected at least one table [host.NAME]"),
        ("[host.a]", "host.a.addresses: is missing: expected a list"),
        (THREE_HOSTS + "[client.a]", "client.a: expected a name that no host has"),
        (THREE_HOSTS + '[client.x]\ntarget = "10.0.0.9"', "a virtual address; there are: 10.0.0.100"),
        (THREE_HOSTS + '[client.x]\nsegment = "b"', 'client.x.segment: "b": expected one of lan'),
        (THREE_HOSTS + "advbase = 255\nadvskew = 255", "no such key"),
        (THREE_HOSTS + "[host.d]\nadvskew = 255", "host.d.advskew: 255: expected"),
        (THREE_HOSTS + '[host."d.e"]', "a name of letters, digits, - and _"),
        (THREE_HOSTS + "[fault]", "fault: {}: expected tables [[fault]]"),
        (THREE_HOSTS + "[[fault]]\nat = 1", "fault[0].type: is missing: expected one of partition"),
        (THREE_HOSTS + '[[fault]]\ntype = "crash"\nhost = "a"', "fault[0].at: is missing: expected a duration"),
        (THREE_HOSTS + '[[fault]]\ntype = "crash"\nhost = "a"\nat = 1\nlast = 2', "every is missing"),
        (THREE_HOSTS + '[[fault]]\ntype = "crash"\nhost = "a"\nevery = 0', "fewer than 100000"),
        (
            THREE_HOSTS + '[[fault]]\ntype = "link-loss"\nhost = "a"\nat = 1\ninterface = "e"',
            "expected one of eth0",
        ),
        (THREE_HOSTS + '[[fault]]\ntype = "demotion"\nhost = "a"\nat = 1\namount = 1.5', "a whole number"),
        (THREE_HOSTS + '[[expect]]\ntype = "holders"\nat = 100\nhosts = []', "an instant before the end, 60s"),
        (THREE_HOSTS + "[segment.lan]\noutward = { loss = 2 }", "a probability from 0 to 1"),
        ("group = 3\n[host.a]", "group: 3: expected a table [group]"),
        (f'checks = ["one-holdre"]\n{THREE_HOSTS}', "did you mean one-holder?"),
        ("name = ", "not TOML"),
    ],
)
def test_what_is_wrong_is_told(text: str, words: str) -> None:
    """Each mistake has a sentence that names its place and what is accepted."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, file="wrong.toml")
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_a_mistake_too(tmp_path: Path) -> None:
    """A path that cannot be read is told like any other mistake."""
    with pytest.raises(ScenarioError, match="cannot be read: No such file"):
        read_scenario(tmp_path / "none.toml")


def test_the_seed_of_a_file_counts_unless_another_is_wanted() -> None:
    """``seed`` stands in the file, and whoever runs it may say another one."""
    text = "seed = 7\n" + THREE_HOSTS
    assert parse_scenario(text, file="seed").seed == 7
    assert parse_scenario(text, file="seed", seed=9).seed == 9


def test_what_a_file_cannot_say_is_not_written() -> None:
    """A value without words is refused, and not written as something else."""
    scenario = parse_scenario(THREE_HOSTS, file="three")
    fault = Partition(at=0, parts=(("a",),))
    object.__setattr__(fault, "parts", 5)
    with pytest.raises(TypeError):
        write_scenario(Scenario(hosts=scenario.hosts, faults=(fault,)))


def test_a_host_may_run_ucarp() -> None:
    """Such a host takes from the group what ucarp has, and has options of its own."""
    text = THREE_HOSTS.replace(
        "preempt = true", 'preempt = true\ndialect = "ucarp"\nhold_down_s = 3\ndead_ratio = 4'
    ).replace("[host.b]", '[host.b]\ndaemon = "ucarp"\nshutdown = true\nstart = "1s"')
    scenario = parse_scenario(text, file="mixed")
    host = scenario.hosts[1]
    assert isinstance(host, UcarpSettings)
    options = host.options
    assert (str(options.address), str(options.source), options.prefix_length) == ("10.0.0.100", "10.0.0.2", 24)
    assert (options.advskew, options.dead_ratio, options.preempt, options.shutdown) == (100, 4, True, True)
    assert host.start == SECOND
    assert scenario_of(tomllib.loads(write_scenario(scenario))) == scenario


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hold_down_s = 3", "host.b.hold_down_s: there is no such key"),
        ("advskew = 256", "host.b.advskew: 256: expected a whole number"),
        ("garp_timeout = -1", "host.b.garp_timeout: -1: expected a whole number from 0 to 255"),
        ('addresses = ["2001:db8::1/64"]', "host.b.addresses"),
    ],
)
def test_a_host_with_ucarp_has_the_settings_of_ucarp_only(line: str, words: str) -> None:
    """What ucarp has not, and what it refuses, is told."""
    text = f'[group]\naddresses = ["10.0.0.100/24"]\n[host.a]\n[host.b]\ndaemon = "ucarp"\n{line}\n'
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, file="wrong.toml")
    assert words in str(caught.value)


BESIDE_UCARP = """\
[group]
addresses = ["10.0.0.100/24"]
[host.a]
[host.b]
daemon = "ucarp"
"""


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            '[[fault]]\ntype = "demotion"\nat = 1\nhost = "b"\namount = 1',
            'wrong.toml:9: fault[0].host: "b": expected a host that runs carpd, and this one runs ucarp',
        ),
        ('[[fault]]\ntype = "maintenance"\nat = 1\nhost = "b"', "fault[0].host"),
        ('[[fault]]\ntype = "illness"\nat = 1\nhost = "b"', "fault[0].host"),
        (
            '[[fault]]\ntype = "kernel-errors"\nat = 1\nhost = "b"\ncall = "hold"',
            'wrong.toml:10: fault[0].call: "hold": expected send, because b runs ucarp',
        ),
        (
            '[[fault]]\ntype = "stop"\nat = 1\nhost = "b"\nconfig = { advskew = 3 }',
            "wrong.toml:10: fault[0].config: expected no such key, because b runs ucarp",
        ),
        ('[[fault]]\ntype = "switch-over"\nat = 1\nhost = "b"\nfailover_group = "g"', "fault[0].failover_group"),
        ('[[expect]]\ntype = "report"\nhost = "b"\ntext = "x"', 'expect[0].host: "b": expected a host that runs'),
        ('[[expect]]\ntype = "dropped"\nhost = "b"', 'expect[0].host: "b": expected a host that runs carpd'),
    ],
)
def test_a_host_with_ucarp_is_asked_for_what_ucarp_does(table: str, words: str) -> None:
    """What it cannot take is told with its line, and with the hosts that can."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(BESIDE_UCARP + table, file="wrong.toml")
    assert words in str(caught.value)
    assert len(caught.value.lines) == 1


def test_a_file_may_have_routers() -> None:
    """They are written and read; hosts name them as gateways, and faults name them as stations."""
    scenario = load_scenario("unicast-in-two-subnets")
    (router,) = scenario.routers
    assert router.name == "between"
    assert [str(address) for address in router.ports["right"]] == ["10.0.1.254/24"]
    cut = '[[fault]]\ntype = "deafness"\nat = 1\nsenders = ["between"]\nreceivers = ["a"]\nsegment = "left"\n'
    again = parse_scenario(write_scenario(scenario) + cut, file="again")
    assert again.routers == scenario.routers


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[router.a]\nports = { lan = ["10.0.0.254/24"] }', "router.a: expected a name that no host has"),
        ("[router.r]", "router.r.ports: is missing"),
        ('[router.r]\nports = { wan = ["10.0.0.254/24"] }', 'router.r.ports.wan: "wan": expected one of lan'),
    ],
)
def test_what_is_wrong_with_a_router_is_told(table: str, words: str) -> None:
    """Like any other mistake."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(BESIDE_UCARP + table, file="wrong.toml")
    assert words in str(caught.value)


def test_each_whole_number_is_a_duration_or_known_to_be_none() -> None:
    """A field of type int is taken for a duration, unless it is listed; its docstring must agree."""
    tables = [*FAULT.tables.values(), *EXPECTATION.tables.values(), CLIENT_TABLE, SEGMENT_TABLE, HOST_TABLE, TOP]
    of_time = ("nanoseconds", "when", "instant", "how long", "clock reads")
    for table in tables:
        meanings = inspect.getdoc(table.cls) or ""
        for name, kind in table.keys.items():
            if kind.type == "duration":
                found = re.search(rf"^ +{name}: (.+?)(?=\n +\w+: |\Z)", meanings, re.MULTILINE | re.DOTALL)
                assert found is not None
                assert any(words in found[1] for words in of_time), f"{table.cls.__name__}.{name}"


def test_no_key_of_a_fault_is_forgotten() -> None:
    """Every field of a fault can be told, but for the configuration of a stop, which is read apart."""
    for name, kind in FAULTS.items():
        fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]  # every fault is one
        assert fields - kinds_of(kind).keys() <= ({"config"} if name == "stop" else set()), name
