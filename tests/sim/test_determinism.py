"""The same seed gives the same bytes, whatever process, hash seed or Python, and whoever else is in the world."""

import dataclasses
import json
import os
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Final

import pytest

from carpsim.scenario import ClientSettings, HostSettings, RouterSettings, Scenario, SegmentSettings
from carpsim.trace import Digest, Trace
from carpsim.world import World
from tests.sim import drawn_worlds
from triocarp.core import NodeConfig
from triocarp.core.timing import SECOND

ROOT: Final = Path(__file__).parents[2]
SEEDS: Final = (3, 7, 22)
PINNED_SEEDS: Final = range(20)
PINNED: Final = "41a0a2d5474b0b1b800e10fc2db31c9cf0571b6dab5f26dad50bb2db3d305fc1"
"""Digest of the digests of some traces without their headers, which name the version. It is the same on every
Python and every system; it changes when the core or the simulator decides anything in another way."""

PROGRAM: Final = """
from tests.sim.test_determinism import SEEDS, digest_of
from tests.sim.drawn_worlds import scenario
print(*(digest_of(scenario(seed), seed) for seed in SEEDS))
"""


def lines_of(scenario: Scenario, seed: int) -> list[str]:
    """Return the trace of a world, without the headers: its own, and those of the hosts' journals."""
    lines: list[str] = []
    World(scenario, seed=seed, watchers=(Trace(lines.append),)).run()
    return [line for line in lines if '"triocarp":' not in line]


def digest_of(scenario: Scenario, seed: int) -> str:
    """Return the digest of the trace of a world, without the headers."""
    digest = Digest()
    for line in lines_of(scenario, seed):
        digest(line)
    return digest.hexdigest()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_gives_the_same_trace(seed: int) -> None:
    """And another one gives another."""
    scenario = drawn_worlds.scenario(seed)
    assert lines_of(scenario, seed) == lines_of(drawn_worlds.scenario(seed), seed)
    assert lines_of(scenario, seed) != lines_of(scenario, seed + 1)


@pytest.mark.parametrize("seed", range(8))
def test_an_attack_repeats_itself(seed: int) -> None:
    """What an adversary draws depends on the seed alone."""
    assert lines_of(drawn_worlds.attacked(seed), seed) == lines_of(drawn_worlds.attacked(seed), seed)


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_another_process_with_another_hash_seed_gives_the_same_trace(hash_seed: str) -> None:
    """Nothing depends on the order of a set, or on where objects are in memory."""
    expected = [digest_of(drawn_worlds.scenario(seed), seed) for seed in SEEDS]
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert found.stdout.split() == expected


def test_every_python_gives_these_traces() -> None:
    """CI runs this on every Python that it has; whoever changes what is decided pins the new digest."""
    together = Digest()
    for seed in PINNED_SEEDS:
        together(digest_of(drawn_worlds.scenario(seed), seed))
    assert together.hexdigest() == PINNED


def about(names: set[str], lines: list[str]) -> list[str]:
    """Return the lines of a trace that are about some hosts and clients."""
    keys = ("host", "process", "holder", "client")
    read = ((line, json.loads(line)) for line in lines)
    return [
        line for line, fields in read if any(str(fields.get(key, "")).partition(":")[0] in names for key in keys)
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_who_has_nothing_to_do_with_the_others_changes_nothing_for_them(seed: int) -> None:
    """A silent host beside them, and another segment with a host, a client and a router on it."""
    alone = drawn_worlds.scenario(seed)
    first = alone.hosts[0]
    assert isinstance(first, HostSettings)
    (virtual_host, *_) = first.config.virtual_hosts
    stranger = dataclasses.replace(virtual_host, source=IPv4Address("10.0.0.77"), advskew=1, failover_group="")
    config = NodeConfig(virtual_hosts=(stranger,))
    together = dataclasses.replace(
        alone,
        segments=(*alone.segments, SegmentSettings(name="elsewhere")),
        hosts=(
            *alone.hosts,
            HostSettings(name="silent", config=config, start=alone.duration + SECOND),
            HostSettings(name="stranger", config=config, segments={"eth0": "elsewhere"}),
        ),
        routers=(RouterSettings(ports={"elsewhere": (IPv4Interface("10.0.0.254/24"),)}),),
        clients=(
            *alone.clients,
            ClientSettings(
                name="far", address=IPv4Address("10.0.0.9"), target=drawn_worlds.VIP.ip, segment="elsewhere"
            ),
        ),
    )
    names = {settings.name for settings in (*alone.hosts, *alone.clients)}
    expected = about(names, lines_of(alone, seed))
    assert expected
    assert about(names, lines_of(together, seed)) == expected
