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
