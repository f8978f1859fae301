"""What an operator may expect of a configuration: stories, figures, other settings, the exit status."""

import math
import random
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpsim.main import main
from carpsim.whatif import (
    OTHER_SETTINGS,
    PRICES,
    RUNS_TO_COMPARE,
    STORIES,
    Expectation,
    Stories,
    peers_like,
    surely_less,
    variants,
)
from triocarp.core import CARPD, FREEBSD, UCARP, NodeConfig, Transport, VirtualHostConfig

PLAIN = VirtualHostConfig(
    interface="eth0",
    vhid=1,
    password=b"secret",
    addresses=(IPv4Interface("10.0.0.100/24"),),
    source=IPv4Address("10.0.0.1"),
    preempt=True,
    dialect=CARPD,
)
DIES, RESTARTS, SPLITS = (
    "the master's power fails",
    "the master's daemon is restarted",
    "the segment falls apart, and heals",
)


def node(**changes: object) -> NodeConfig:
    """Return a node with one virtual host."""
    return NodeConfig(virtual_hosts=(replace(PLAIN, **changes),))  # type: ignore[arg-type]  # of any field


def told(config: NodeConfig, *names: str, runs: int = 10, seed: int = 0, hosts: int = 2) -> list[Expectation]:
    """Tell some stories of a group."""
    return list(Stories(seed=seed, names=names).expectations(peers_like(config, hosts), runs=runs))


def test_users_wait_for_the_dead_time_when_the_master_dies() -> None:
    """At least an interval less than it, at most a probe more; nobody else has the address then."""
    (expected,) = told(node(), DIES)
    assert (expected.story, expected.runs, len(expected.outages)) == (DIES, 10, 10)
    assert 2 <= expected.percentile(0.5) <= expected.percentile(0.99) <= 3.5
    assert expected.two_holders == 0
    assert expected.transitions >= 2


def test_a_restart_is_hardly_noticed() -> None:
    """A goodbye makes the backup take over at once."""
    (expected,) = told(node(), RESTARTS)
    assert expected.percentile(0.99) < 0.2


def test_a_split_has_two_masters() -> None:
    """For as long as it lasts, but for the dead time of the one that has to find out."""
    (expected,) = told(node(), SPLITS, runs=3)
    assert expected.two_holders == 1
    assert 8 < expected.two_holders_longest < 13


def test_percentiles_are_the_nearest_rank() -> None:
    """Of a hundred, the 50th and the 99th; of a few, the 99th percentile is the worst."""

    def of(*outages: float) -> Expectation:
        return Expectation(story="", runs=1, outages=outages, two_holders=0, two_holders_longest=0, transitions=0)

    hundred = of(*(float(number) for number in range(1, 101)))
    assert (hundred.percentile(0.5), hundred.percentile(0.99), hundred.percentile(1)) == (50, 99, 100)
    assert of(1, 2, 3).percentile(0.99) == 3
    assert of(5).percentile(0.01) == 5


def test_the_same_seed_tells_the_same_in_any_number_of_processes() -> None:
    """Another seed meets other phases."""
    names = (DIES, "5 % of all frames are lost")
    alone = told(node(), *names, runs=12)
    with ThreadPoolExecutor(2) as pool:
        together = list(Stories(pool, names=names).expectations(peers_like(node(), 2), runs=12))
    assert alone == together
    assert alone != told(node(), *names, runs=12, seed=1)


def test_peers_are_like_the_one_that_is_known() -> None:
    """Each has an address of its own, a worse advskew, and all others as peers over unicast."""
    first, second, third = peers_like(
        node(transport=Transport.UNICAST, peers=(IPv4Address("10.0.0.9"),), advskew=200), 3
    )
    hosts = [one.virtual_hosts[0] for one in (first, second, third)]
    assert [str(host.source) for host in hosts] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert [host.advskew for host in hosts] == [200, 240, 240]
    for host in hosts:
        assert set(host.peers) == {other.source for other in hosts} - {host.source}


def test_variants_differ_in_one_setting_and_are_all_possible() -> None:
    """What a dialect does not have is left out, and so is what is so already."""
    for dialect in (CARPD, UCARP, FREEBSD):
        config = node(dialect=dialect, advbase_s=3)
        found = dict(variants(config))
        assert found["advbase = 1"].virtual_hosts[0].advbase_s == 1
        assert config not in found.values()
    assert "preempt = true" not in dict(variants(node()))
    assert OTHER_SETTINGS.keys() >= PRICES.keys()


def test_every_story_can_be_told() -> None:
    """With one run each, of three hosts, a client feels nothing worse than a dead time and a half."""
    found = told(node(), *STORIES, runs=1, hosts=3)
    assert [expected.story for expected in found] == list(STORIES)
    assert all(expected.percentile(1) < 5 for expected in found)


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), max_size=40))
def test_little_is_certain_of_few_runs(pairs: list[tuple[float, float]]) -> None:
    """The certain gain is at most the median of the differences, and of fewer than ten runs nothing is certain."""
    before, after = [one for one, _ in pairs], [other for _, other in pairs]
    gain = surely_less(before, after)
    if len(pairs) < RUNS_TO_COMPARE:
        assert gain == -math.inf
    else:
        assert gain <= statistics.median(one - other for one, other in pairs)
        assert gain >= min(one - other for one, other in pairs)


def test_chance_alone_is_hardly_ever_taken_for_a_gain() -> None:
    """Of two thousand comparisons of a setting with itself, a few at most find a gain; a real one is found."""
    rng = random.Random(1)  # noqa: S311 - for statistics
    samples = [[rng.random() for _ in range(20)] for _ in range(4000)]
    errors = sum(surely_less(one, other) > 0 for one, other in zip(samples[::2], samples[1::2], strict=True))
    assert errors <= 6
    assert surely_less([outage + 2 for outage in samples[0]], samples[1]) > 0


# The command.


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose advertisements are rare, and which therefore has long outages."""
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    file = tmp_path / "carpd.toml"
    file.write_text(
        f"""
        [[virtual_host]]
        interface = "eth0"
        vhid = 42
        password_file = "{tmp_path / "password"}"
        addresses = ["10.0.0.100/24"]
        source = "10.0.0.1"
        advbase = 2
        preempt = true
        """
    )
    return file


def test_the_command_tells_all_stories_and_which_setting_hurts(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each story; an advbase of 1 would be better here, and is said to be."""
    assert main(["whatif", "--config", str(config), "--runs", "10"]) == 0
    out = capsys.readouterr().out
    for story in STORIES:
        assert story in out
    assert (
        "with another setting the median outage would be shorter (with 10 runs of each, and the same seeds):"
        in out
    )
    assert f"  advbase = 1: {DIES}: " in out
    assert f"  dead_ratio = 2: {DIES}: " in out
    assert f"\n  dead_ratio = 2 has a price: {PRICES['dead_ratio = 2']}\n" in out


@pytest.mark.parametrize(
    ("limits", "status", "words"),
    [
        (("--max-outage", "60"), 0, ""),
        (("--max-outage", "1"), 1, f"{DIES}: in 1 of 1 run the outage is over --max-outage 1 s, up to"),
        (("--max-two-masters", "1"), 1, f"{SPLITS}: two hosts answer for"),
        (("--max-outage", "60", "--max-two-masters", "60"), 0, ""),
    ],
)
def test_the_exit_status_is_for_ci(
    config: Path, limits: tuple[str, ...], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 if a limit is exceeded, and a line says which story and by how much."""
    files = ("--config", str(config), "--config", str(peer_of(config)))
    assert main(["whatif", *files, "--runs", "1", *limits]) == status
    assert words in capsys.readouterr().err


def test_files_are_of_different_hosts(config: Path) -> None:
    """A copy whose own address was not changed would be no second host."""
    with pytest.raises(SystemExit) as caught:
        main(["whatif", "--config", str(config), "--config", str(config)])
    assert f"{config}: source 10.0.0.1: expected another one than in {config}" in str(caught.value)


def peer_of(config: Path) -> Path:
    """Write the configuration of a second host: with files of all hosts no other settings are tried."""
    file = config.with_name("peer.toml")
    file.write_text(
        config.read_text().replace('10.0.0.1"', '10.0.0.2"').replace("advbase", "advskew = 50\nadvbase")
    )
    return file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file"),
        ("[[virtual_host]", "carpd.toml"),
        ("[[virtual_host]]\nvhid = 300\n", "vhid: 300"),
        ("", "expected at least one table [[virtual_host]]"),
    ],
)
def test_a_bad_file_is_told(config: Path, text: str | None, words: str) -> None:
    """In carpd's own words, with the name of the file."""
    if text is None:
        config.unlink()
    else:
        config.write_text(text)
    with pytest.raises(SystemExit) as caught:
        main(["whatif", "--config", str(config)])
    assert str(caught.value).startswith("carpsim whatif: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("option", ["--runs", "--hosts"])
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_number_of_runs_is_a_number(
    config: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One at least."""
    with pytest.raises(SystemExit, match="2"):
        main(["whatif", "--config", str(config), f"{option}={value}"])
    assert "expected a whole number, 1 or more" in capsys.readouterr().err
