"""What would run and do nothing, or not what is meant, is told before anything runs."""

import pytest

from carpsim.mistakes import ScenarioError
from carpsim.outcome import run_scenario
from carpsim.scenario_file import parse_scenario

HOSTS = """\
[group]
addresses = ["10.0.0.100/24"]
[host.a]
[host.b]
advskew = 100
[client.user]
"""


def fault(kind: str, *lines: str, at: str = '"1s"') -> str:
    """Return a scenario with one fault."""
    return HOSTS + "\n".join(("[[fault]]", f'type = "{kind}"', f"at = {at}", *lines))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (fault("crash", 'host = "a"', at='"61s"'), 'fault[0].at: "61s": expected an instant before the end, 60s'),
        (
            HOSTS + '[[fault]]\ntype = "crash"\nhost = "a"\nevery = "1s"\nfirst = "2min"',
            'fault[0].first: "2min": expected an instant before the end, 60s',
        ),
        (
            HOSTS + '[[fault]]\ntype = "crash"\nhost = "a"\nevery = "1s"\nlast = "2min"',
            'fault[0].last: "2min": expected an instant before the end, 60s',
        ),
        (fault("pause", 'host = "a"', 'duration = "0s"'), 'fault[0].duration: "0s": expected'),
        ('duration = "0s"\n' + HOSTS, 'duration: "0s": expected'),
        (
            fault("partition", 'parts = [["a", "b"], ["a", "user"]]'),
            'fault[0].parts: "a": expected each in one part at most',
        ),
        (fault("replay", "vhid = 9"), "fault[0].vhid: 9: expected the VHID of a virtual host; there are: 1"),
        (
            fault("address-taken", 'host = "a"', 'address = "10.0.0.9/24"'),
            'fault[0].address: "10.0.0.9/24": expected an address that is there; there are: 10.0.0.100, 10.0.0.1',
        ),
        (
            fault("arp-spoof", 'address = "10.0.0.9"'),
            "expected an address that is there; there are: 10.0.0.100, 10.0.0.1, 10.0.0.2",
        ),
        (
            fault("address-put", 'host = "a"', 'address = "10.0.0.9/24"'),
            'fault[0].address: "10.0.0.9/24": expected an address that is there; there are: 10.0.0.100',
        ),
        (
            HOSTS + '[[fault]]\ntype = "crash"\nhost = "a"\nevery = "1s"\nfirst = "20s"\nlast = "10s"',
            'fault[0].first: "20s": expected at most last, "10s"',
        ),
        (
            fault("link-loss", 'host = "a"', 'link = "absent"'),
            'fault[0].link: "absent": expected one of no-carrier, down',
        ),
        (
            fault("link-loss", 'host = "a"', 'link = "up"'),
            'fault[0].link: "up": expected one of no-carrier, down',
        ),
        (
            HOSTS + 'address = "10.0.0.100"\n',
            'client.user.address: "10.0.0.100": expected an address of its own; the virtual one is the hosts',
        ),
        (
            HOSTS + 'address = "192.0.2.9"\n',
            'client.user.address: "192.0.2.9": expected one of 10.0.0.0/24: no host that may have 10.0.0.100',
        ),
        (
            HOSTS + 'segment = "away"\n[segment.lan]\n[segment.away]\n',
            'client.user.segment: "away": expected lan, where 10.0.0.100 is, or a gateway: a router',
        ),
        (
            'checks = [1, "one-holdre"]\n' + HOSTS,
            'checks[1]: "one-holdre": expected one of',
        ),
        (
            HOSTS + '[[expect]]\ntype = "two-holders"\nover = "2s"\nunder = "1s"',
            'expect[0].over: "2s": expected at most under, "1s"',
        ),
        (
            HOSTS.replace("[host.b]", 'source = "10.0.0.7"\n[host.b]\nsource = "10.0.0.7"'),
            "host.b: 10.0.0.7: expected an address of its own; host a on lan has this one",
        ),
        (
            HOSTS + 'address = "10.0.0.9"\n[client.two]\naddress = "10.0.0.9"\n',
            "client.two: 10.0.0.9: expected an address of its own; client user on lan has this one",
        ),
        (
            HOSTS.replace("100/24", "100/30") + "[host.c]",
            'group.addresses[0]: "10.0.0.100/30": expected an address that a host can have',
        ),
    ],
)
def test_what_does_not_fit_is_told(text: str, words: str) -> None:
    """The sentence names the place, the value, and what there is."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, file="misfit.toml")
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", ["switch-over", "maintenance", "illness", "demotion"])
@pytest.mark.parametrize(
    ("line", "there_are"), [("", "there is none"), ('failover_group = "edge"\n', "there are: edge")]
)
def test_a_failover_group_is_one_that_the_host_has(kind: str, line: str, there_are: str) -> None:
    """Nothing else could be told what happens: the daemon would refuse it in the midst of the run."""
    amount = ["amount = 5"] if kind == "demotion" else []
    text = fault(kind, 'host = "a"', 'failover_group = "core"', *amount).replace("[host.a]\n", f"[host.a]\n{line}")
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, file="misfit.toml")
    assert f'fault[0].failover_group: "core": expected a failover group that a has; {there_are}' in str(
        caught.value
    )
    assert parse_scenario(text.replace('"core"', '"edge"'), file="fit.toml").faults if line else True


@pytest.mark.parametrize(
    ("at", "duration", "is_known"),
    [("5s", "1s", False), ("25s", "1s", True), ("25s", "20s", False), ("45s", "1s", False)],
)
def test_a_failover_group_may_come_and_go(at: str, duration: str, *, is_known: bool) -> None:
    """What counts is with what the host was started by then: at the beginning of the illness, and at its end."""
    text = fault("illness", 'host = "a"', 'failover_group = "core"', f'duration = "{duration}"', at=f'"{at}"')
    for instant, group in (("20s", "core"), ("40s", "edge")):
        text += f'\n[[fault]]\ntype = "stop"\nhost = "a"\nat = "{instant}"\nrestart_after = "1s"\n'
        text += f'config = {{ failover_group = "{group}" }}\n'
    if is_known:
        run_scenario(parse_scenario(text, file="fit.toml"))
    else:
        with pytest.raises(ScenarioError, match=r"failover_group: .*expected a failover group that a has"):
            parse_scenario(text, file="misfit.toml")


@pytest.mark.parametrize("line", ["", 'default_routers = { eth0 = ["10.0.0.254"] }\n'])
def test_a_client_of_another_network_is_answered_by_hosts_with_a_router(line: str) -> None:
    """A default router is behind which everybody else is, so that such a client is no mistake."""
    text = HOSTS.replace("[host.a]\n", line + "[host.a]\n") + 'address = "192.0.2.9"\ngateway = "192.0.2.1"\n'
    text += '[router.r]\nports = { lan = ["10.0.0.254/24", "192.0.2.1/24"] }\n'
    if not line:
        with pytest.raises(ScenarioError, match="has a default router for others"):
            parse_scenario(text, file="misfit.toml")
        return
    outcome = run_scenario(parse_scenario(text, file="router.toml"))
    assert outcome.recording.world.clients["user"].answered > 0


def test_misfits_are_told_together_with_everything_else() -> None:
    """A wrong name of a check, a value out of range, two misfits: one reading tells all of them."""
    text = 'checks = ["one-holdre"]\nduration = "10s"\nseed = -1\n' + fault("crash", 'host = "a"', at='"11s"')
    text += '\n[[fault]]\ntype = "replay"\nat = "12s"\nvhid = 3\n'
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, file="misfit.toml")
    places = [line.split(": ")[1] for line in caught.value.lines]
    assert places == ["checks[0]", "seed", "fault[0].at", "fault[1].at", "fault[1].vhid"]


def test_no_checks_are_no_checks() -> None:
    """An empty list is not all of them: a researcher who measures alone need not pay for them."""
    assert run_scenario(parse_scenario("checks = []\n" + HOSTS, file="none.toml")).verdicts == ()
    assert len(run_scenario(parse_scenario(HOSTS, file="all.toml")).verdicts) > 5


def test_a_partition_in_which_nobody_hears_anybody_may_be() -> None:
    """Who is in no part hears nobody: no parts at all is the worst of partitions, and not a mistake."""
    outcome = run_scenario(parse_scenario(fault("partition", "parts = []"), file="alone.toml"))
    assert [span.what for lane in outcome.recording.lanes.values() for span in lane.holds] == ["10.0.0.100"] * 2


@pytest.mark.parametrize("told", ["0", "-1", '"-2s"'])
def test_a_duration_that_must_be_more_than_nothing_is_told_so(told: str) -> None:
    """The sentence is true of 0, and of what is less."""
    with pytest.raises(ScenarioError, match=r"client\.user\.interval: .*: expected .*, more than 0$"):
        parse_scenario(f"{HOSTS}interval = {told}", file="misfit.toml")
