"""What passive observers make of a capture: who was master, what moved where, and why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

from triocarp.core import NodeConfig
from triocarp.core.observer import ObservedGroup, Observer, Rejected, Sighting
from triocarp.core.reasons import DropReason


def groups_of(configs: Iterable[NodeConfig]) -> tuple[ObservedGroup, ...]:
    """Return the groups that hosts belong to, each once, in the order in which they are met.

    Args:
        configs: of the hosts.
    """
    groups = (
        ObservedGroup(
            vhid=virtual_host.vhid,
            passwords=virtual_host.passwords,
            addresses=tuple(address.ip for address in virtual_host.addresses),
            dead_ratio=virtual_host.dead_ratio,
            dialect=virtual_host.dialect,
            link_layer_address=virtual_host.link_layer_address,
        )
        for config in configs
        for virtual_host in config.virtual_hosts
    )
    return tuple(dict.fromkeys(groups))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Overheard:
    """Something that an observer has seen.

    Attributes:
        group: its group.
        sighting: what.
    """

    group: ObservedGroup
    sighting: Sighting


@final
class Overhearing:
    """One observer for each group, all at one capture.

    Args:
        groups: that are observed.

    Attributes:
        observers: of the groups, in their order.
        begin: the instant of the first frame, nanoseconds; None before it.
        end: the instant of the last frame, nanoseconds; None before the first.
        frames: how many there were.
    """

    def __init__(self, groups: Iterable[ObservedGroup]) -> None:
        self.observers = tuple((group, Observer(group)) for group in groups)
        self.begin: int | None = None
        self.end: int | None = None
        self.frames = 0
        self._rejected: set[tuple[int, DropReason, str]] = set()

    def listen(self, frames: Iterable[tuple[int, bytes]]) -> Iterator[Overheard]:
        """Yield what the observers see; a packet that is rejected once for each reason and sender.

        Args:
            frames: with instants in nanoseconds that never go back.
        """
        for at, frame in frames:
            self.frames += 1
            self.end = at
            self.begin = at if self.begin is None else self.begin
            for place, (group, observer) in enumerate(self.observers):
                for sighting in observer.observe(frame, at):
                    if self._is_news(place, sighting):
                        yield Overheard(group=group, sighting=sighting)

    def _is_news(self, place: int, sighting: Sighting) -> bool:
        if not isinstance(sighting, Rejected):
            return True
        if sighting.reason is DropReason.BAD_VHID and len(self.observers) > 1:
            return False  # it is another group's
        once = (place, sighting.reason, str(sighting.source))
        if once in self._rejected:
            return False
        self._rejected.add(once)
        return True
