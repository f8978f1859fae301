"""A simulated world: what a scenario and a seed become, and what passes in it."""

from collections.abc import Iterable
from typing import Protocol, final

from carpsim.adversary import NAME as ADVERSARY
from carpsim.adversary import Adversary
from carpsim.client import Answer, Client
from carpsim.clock import HostClock
from carpsim.engine import Engine
from carpsim.faults import Attack, Fault
from carpsim.host import Host, Machine, Watcher
from carpsim.loop import EngineLoop, LoopFactory
from carpsim.router import Router
from carpsim.scenario import ClientSettings, HostSettings, RouterSettings, Scenario, SegmentSettings, UcarpSettings
from carpsim.segment import Segment
from carpsim.ucarp_host import UcarpHost
from triocarp.core import VirtualHostConfig
from triocarp.core.ethernet import multicast_mac


class WorldWatcher(Watcher, Protocol):
    """Sees what happens in a world, on its hosts and elsewhere."""

    def began(self, world: "World") -> None:  # noqa: ARG002 - whoever derives from it looks
        """Take note of a world that is about to begin: there are segments, and no hosts or clients yet.

        Args:
            world: it.
        """
        return

    def happened(self, at: int, fault: Fault) -> None:  # noqa: ARG002 - whoever derives from it looks
        """Take note of a fault that has just happened.

        Args:
            at: the instant, in nanoseconds.
            fault: it.
        """
        return

    def answered(self, client: Client, answer: Answer) -> None:  # noqa: ARG002 - whoever derives from it looks
        """Take note that a client got an answer.

        Args:
            client: who.
            answer: it.
        """
        return


@final
class World:
    """All that there is.

    Args:
        scenario: what there is and what happens.
        seed: of everything that is left to chance.
        watchers: see what happens.
        loop: makes what runs the nodes of its hosts.

    Attributes:
        scenario: what there is and what happens.
        seed: of everything that is left to chance.
        engine: its time.
        segments: by name.
        hosts: by name.
        routers: by name.
        clients: by name.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        seed: int = 0,
        watchers: Iterable[WorldWatcher] = (),
        loop: LoopFactory = EngineLoop,
    ) -> None:
        self.scenario = scenario
        self.seed = seed
        self.engine = Engine()
        self._watchers = tuple(watchers)
        self._loop: LoopFactory = loop
        self.segments = {settings.name: self._segment(settings) for settings in scenario.segments}
        self.hosts: dict[str, Machine] = {}
        self.clients: dict[str, Client] = {}
        for watcher in self._watchers:
            watcher.began(self)
        for number, settings in enumerate(scenario.hosts):
            if isinstance(settings, UcarpSettings):
                self.hosts[settings.name] = self._ucarp(number, settings)
            else:
                self.hosts[settings.name] = self._host(number, settings)
        self.routers = {
            settings.name: self._router(number, settings) for number, settings in enumerate(scenario.routers)
        }
        for number, client in enumerate(scenario.clients):
            self.clients[client.name] = self._client(number, client)
        self._adversaries: dict[str, Adversary] = {}
        for fault in scenario.faults:
            if isinstance(fault, Attack):
                self.adversary(fault.segment)
        # What happens at one instant happens in the order of the scenario: hosts first, then faults.
        for host in scenario.hosts:
            self.engine.at(host.start, self.hosts[host.name].start_if_ended)
        for fault in scenario.faults:
            self.engine.at(fault.at, self.let_happen, fault)

    def run(self, until: int | None = None) -> None:
        """Let time pass.

        Args:
            until: up to and with this instant, in nanoseconds; None for the scenario's duration.
        """
        self.engine.run_until(self.scenario.duration if until is None else until)

    def let_happen(self, fault: Fault) -> None:
        """Let something happen now, whatever instant it names.

        Args:
            fault: it.
        """
        fault.happen(self)
        for watcher in self._watchers:
            watcher.happened(self.engine.now, fault)

    def carpd(self, name: str) -> Host:
        """Return a host on which carpd runs.

        Args:
            name: its name.

        Raises:
            ValueError: another daemon runs there.
        """
        host = self.hosts[name]
        if not isinstance(host, Host):
            raise ValueError(f"{name} does not run carpd")  # noqa: TRY004 - the name is wrong, not the type
        return host

    def adversary(self, segment: str) -> Adversary:
        """Return who attacks on a segment; they listen from the time at which somebody first asks for them.

        Args:
            segment: its name.
        """
        if segment not in self._adversaries:
            self._adversaries[segment] = Adversary(self.engine, self.segments[segment], seed=self.seed)
        return self._adversaries[segment]

    def labels(self, name: str, segment: str) -> tuple[str, ...]:
        """Return how the interfaces of a host, a client, or the adversary are called on a segment.

        Args:
            name: of a host or a client, or `carpsim.adversary.NAME`.
            segment: its name.
        """
        if name in self.clients or name == ADVERSARY:
            return (name,)
        return tuple(
            port.station.label
            for port in self.segments[segment].ports
            if port.station.label.partition(":")[0] == name
        )

    def _segment(self, settings: SegmentSettings) -> Segment:
        return Segment(
            self.engine,
            name=settings.name,
            seed=self.seed,
            inward=settings.inward,
            outward=settings.outward,
            mac_ageing=settings.mac_ageing,
            snooping=settings.snooping,
            querier=settings.querier,
            convergence=settings.convergence,
        )

    def _host(self, number: int, settings: HostSettings) -> Host:
        host = Host(
            self.engine,
            name=settings.name,
            config=settings.config,
            seed=self.seed,
            clock=HostClock(settings.clock_origin, settings.drift_ppm),
            wall_offset=settings.wall_offset,
            scripts=settings.scripts,
            wake_up=settings.wake_up,
            watchers=self._watchers,
            loop=self._loop,
        )
        for place, (interface, segment) in enumerate(settings.segments.items()):
            gateways = settings.default_routers.get(interface, ())
            host.network.add_interface(interface, self.segments[segment], _mac(number, place), gateways=gateways)
            for address in settings.own_addresses.get(interface, ()):
                host.network.put_address(interface, address)
        for virtual_host in settings.config.virtual_hosts:
            self._join(host, virtual_host, settings.segments[virtual_host.interface])
        return host

    def _ucarp(self, number: int, settings: UcarpSettings) -> UcarpHost:
        options = settings.options
        host = UcarpHost(
            self.engine,
            name=settings.name,
            options=options,
            seed=self.seed,
            clock=HostClock(settings.clock_origin, settings.drift_ppm),
            wall_offset=settings.wall_offset,
            scripts=settings.scripts,
            wake_up=settings.wake_up,
            watchers=self._watchers,
        )
        segment = self.segments[settings.segment]
        interface = host.network.add_interface(options.interface, segment, _mac(number, 0))
        host.network.put_address(options.interface, settings.own_address)
        if not options.no_multicast:
            segment.join(interface.label, multicast_mac(options.group))
        return host

    def _join(self, host: Host, virtual_host: VirtualHostConfig, segment: str) -> None:
        for group in virtual_host.destinations:
            if group.is_multicast:
                self.segments[segment].join(f"{host.name}:{virtual_host.interface}", multicast_mac(group))

    def _router(self, number: int, settings: RouterSettings) -> Router:
        return Router(
            self.engine,
            name=settings.name,
            number=number,
            ports={self.segments[segment]: addresses for segment, addresses in settings.ports.items()},
            seed=self.seed,
            neighbours=settings.neighbours,
        )

    def _client(self, number: int, settings: ClientSettings) -> Client:
        return Client(
            self.engine,
            self.segments[settings.segment],
            name=settings.name,
            number=number,
            address=settings.address,
            hardware_address=bytes((2, 1, 0)) + (number + 1).to_bytes(3),
            target=settings.target,
            interval=settings.interval,
            timeout=settings.timeout,
            start=settings.start,
            seed=self.seed,
            gateway=settings.gateway,
            neighbours=settings.neighbours,
            on_answer=self._note_answer,
        )

    def _note_answer(self, client: Client, answer: Answer) -> None:
        for watcher in self._watchers:
            watcher.answered(client, answer)


def _mac(number: int, place: int) -> bytes:
    """Return the MAC of one interface of one host."""
    return bytes((2, 0, place)) + (number + 1).to_bytes(3)
