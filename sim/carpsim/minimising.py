"""Makes a scenario that violates a check small: fewer faults, hosts and clients, rounder numbers, less time.

It is delta debugging (Zeller and Hildebrandt, Simplifying and isolating failure-inducing input, 2002) on the
scenario itself, and not Hypothesis, which shrinks the choices of which a scenario was drawn: leaving out a host
there changes every choice that comes after it, its entry points take no failure that is known already, and a
scenario that somebody wrote by hand has no choices. In the tests, where scenarios are drawn from Hypothesis,
Hypothesis shrinks them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias, cast

from carpsim.distribution import AT_ONCE
from carpsim.faults import Fault, Partition
from carpsim.scenario import HostSettings, Scenario, SegmentSettings, UcarpSettings
from triocarp.core import ConfigurationError, NodeConfig, Sealing, VirtualHostConfig
from triocarp.core.timing import SECOND

RUNS_MAX: Final = 1000
"""After so many runs what was found so far is good enough."""

_GRAINS: Final = (SECOND, SECOND // 10, SECOND // 1000)
_PLAINER: Final[tuple[dict[str, Any], ...]] = (
    {"sealing": Sealing.OFF},
    {"preempt_delay": 0},
    {"hold_down": 0},
    {"up_hook": False},
    {"down_hook": False},
    {"announce_refresh": 0},
    {"flap_damping": None},
)

StillFails: TypeAlias = Callable[[Scenario], bool]
"""Returns whether a scenario still shows what is looked for."""


def minimise(scenario: Scenario, still_fails: StillFails) -> Scenario:
    """Return the smallest scenario found that still fails.

    Args:
        scenario: that fails.
        still_fails: tells; a scenario that cannot be run does not.
    """
    runs = 0
    progress = True
    while progress:
        progress = False
        for candidates in (
            _with_fewer_faults,
            _with_fewer_stations,
            _with_less_time,
            _with_plainer_hosts,
            _rounder,
        ):
            smaller: Scenario | None = scenario
            while smaller is not None:
                smaller = None
                for candidate in candidates(scenario):
                    runs += 1
                    if runs > RUNS_MAX:
                        return scenario
                    if candidate != scenario and still_fails(candidate):
                        scenario = smaller = candidate
                        progress = True
                        break
    return scenario


def _with_fewer_faults(scenario: Scenario) -> Iterator[Scenario]:
    faults = scenario.faults
    size = len(faults)
    while size:
        for begin in range(0, len(faults), size):
            yield replace(scenario, faults=faults[:begin] + faults[begin + size :])
        size //= 2


def _with_fewer_stations(scenario: Scenario) -> Iterator[Scenario]:
    for client in scenario.clients:
        left = tuple(other for other in scenario.clients if other is not client)
        yield _without(client.name, replace(scenario, clients=left))
    for host in scenario.hosts if len(scenario.hosts) > 1 else ():
        others = tuple(other for other in scenario.hosts if other is not host)
        yield _without(host.name, replace(scenario, hosts=others))


def _without(name: str, scenario: Scenario) -> Scenario:
    """Leave out the faults of a station that is gone, and its name elsewhere."""
    faults: list[Fault] = []
    for fault in scenario.faults:
        if getattr(fault, "host", None) == name:
            continue
        kept = fault
        if isinstance(fault, Partition):
            kept = replace(
                fault, parts=tuple(tuple(other for other in part if other != name) for part in fault.parts)
            )
        else:
            for field in ("senders", "receivers", "stations"):
                names: tuple[str, ...] | None = getattr(kept, field, None)
                if names is not None:
                    kept = _changed(kept, **{field: tuple(other for other in names if other != name)})
        faults.append(kept)
    return replace(scenario, faults=tuple(faults))


def _with_less_time(scenario: Scenario) -> Iterator[Scenario]:
    for grain in (10 * SECOND, SECOND):
        shorter = (scenario.duration - 1) // grain * grain
        if shorter > 0:
            yield replace(scenario, duration=shorter)


def _with_plainer_hosts(scenario: Scenario) -> Iterator[Scenario]:
    yield replace(scenario, segments=tuple(SegmentSettings(name=segment.name) for segment in scenario.segments))
    exact = [replace(host, clock_origin=0, drift_ppm=0, wall_offset=0) for host in scenario.hosts]
    yield replace(scenario, hosts=tuple(exact))
    yield replace(scenario, hosts=tuple(replace(host, scripts={}) for host in scenario.hosts))
    yield replace(scenario, hosts=tuple(replace(host, wake_up=AT_ONCE) for host in scenario.hosts))
    yield replace(scenario, hosts=tuple(replace(host, start=0) for host in scenario.hosts))
    for change in _PLAINER:
        hosts = [_with_config(host, **change) for host in scenario.hosts]
        yield replace(scenario, hosts=tuple(hosts))
    for place, host in enumerate(scenario.hosts):
        for other in (replace(host, start=0), _with_config(host, preempt=False, preempt_delay=0)):
            yield replace(scenario, hosts=(*scenario.hosts[:place], other, *scenario.hosts[place + 1 :]))


def _with_config(host: HostSettings | UcarpSettings, **changes: Any) -> HostSettings | UcarpSettings:  # noqa: ANN401
    """Change the virtual hosts of a host, as far as what comes out is sound; a ucarp stays as it is."""
    if not isinstance(host, HostSettings):
        return host
    changed: list[VirtualHostConfig] = []
    for config in host.config.virtual_hosts:
        try:
            changed.append(replace(config, **changes))
        except ConfigurationError:
            changed.append(config)
    return replace(host, config=NodeConfig(virtual_hosts=tuple(changed)))


def _rounder(scenario: Scenario) -> Iterator[Scenario]:
    for grain in _GRAINS:
        for place, fault in enumerate(scenario.faults):
            for field in ("at", "duration", "restart_after", "hold_down"):
                value: int | None = getattr(fault, field, None)
                if value is None or value % grain == 0:
                    continue
                rounded = _changed(fault, **{field: max(grain, value // grain * grain)})
                yield replace(scenario, faults=(*scenario.faults[:place], rounded, *scenario.faults[place + 1 :]))


def _changed(fault: Fault, **changes: object) -> Fault:
    """Return a fault with other fields; all faults are dataclasses, which their protocol cannot say."""
    changed: Fault = replace(cast("Any", fault), **changes)
    return changed
