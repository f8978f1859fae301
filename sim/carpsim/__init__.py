"""A simulated world in which the state machine of ``triocarp.core`` runs: hosts, segments and virtual time.

The world itself imports nothing but the core, and whoever drives it says what time it is. `virtual_time` runs the
whole daemon in it, on trio's mock clock.

What stands in ``__all__`` is what programs use::

    from carpsim import load_scenario, run_scenario

    outcome = run_scenario(load_scenario("split-brain-and-heal", seed=7))
    for lane in outcome.recording.lanes.values():
        print(lane.name, lane.holds)
"""

from carpsim.checks import Verdict
from carpsim.client import Answer, Client, Outage
from carpsim.conditions import BurstLoss, Conditions, IndependentLoss
from carpsim.distribution import Constant, Exponential, HeavyTail, Normal, Uniform
from carpsim.engine import Engine
from carpsim.expectation import EXPECTATIONS, Expectation
from carpsim.faults import FAULTS, Fault
from carpsim.host import Host, Machine, Script
from carpsim.library import load_scenario
from carpsim.measurement import Measurement
from carpsim.mistakes import ScenarioError
from carpsim.neighbour_cache import NeighbourSettings
from carpsim.outcome import Outcome, run_scenario
from carpsim.recording import Recording
from carpsim.scenario import ClientSettings, HostSettings, Scenario, SegmentSettings, UcarpSettings
from carpsim.scenario_file import read_scenario, scenario_of, write_scenario
from carpsim.segment import Fate, Passage, Segment, Snooping
from carpsim.trace import Digest, Trace
from carpsim.ucarp_host import UcarpOptions
from carpsim.world import World, WorldWatcher

__all__ = [
    "EXPECTATIONS",
    "FAULTS",
    "Answer",
    "BurstLoss",
    "Client",
    "ClientSettings",
    "Conditions",
    "Constant",
    "Digest",
    "Engine",
    "Expectation",
    "Exponential",
    "Fate",
    "Fault",
    "HeavyTail",
    "Host",
    "HostSettings",
    "IndependentLoss",
    "Machine",
    "Measurement",
    "NeighbourSettings",
    "Normal",
    "Outage",
    "Outcome",
    "Passage",
    "Recording",
    "Scenario",
    "ScenarioError",
    "Script",
    "Segment",
    "SegmentSettings",
    "Snooping",
    "Trace",
    "UcarpOptions",
    "UcarpSettings",
    "Uniform",
    "Verdict",
    "World",
    "WorldWatcher",
    "load_scenario",
    "read_scenario",
    "run_scenario",
    "scenario_of",
    "write_scenario",
]
