"""What cannot be in a scenario although each value by itself may be: nobody has the address, the end is before.

Such a scenario would run, and something in it would do nothing, which nobody would notice.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias, final

from carpsim.adversary import ArpSpoof, Replay
from carpsim.duration_text import write_duration
from carpsim.faults import AddressPut, AddressTaken, Fault, Partition, Stop
from carpsim.mistakes import Mistakes
from carpsim.scenario import ClientSettings, HostSettings, RouterSettings, UcarpSettings
from carpsim.toml_text import Json, Place
from triocarp.core import IPAddress, IPInterface, NodeConfig

Hosts: TypeAlias = Sequence[HostSettings | UcarpSettings]


@final
class Fit:
    """Looks whether what happens fits what there is.

    Args:
        duration: of the scenario, nanoseconds.
        hosts: all of them.
        mistakes: takes note of what does not fit.
        faults: all of them.
    """

    def __init__(self, duration: int, hosts: Hosts, mistakes: Mistakes, faults: Iterable[Fault] = ()) -> None:
        self._duration = duration
        self._changes = [one for one in faults if isinstance(one, Stop) and one.config is not None]
        self._hosts = {host.name: host for host in hosts}
        self._mistakes = mistakes

    def check_instant(self, at: int, told: Mapping[str, Json], place: Place, key: str = "at") -> None:
        """Take note of what would come after the end.

        Args:
            at: when it is, nanoseconds.
            told: its table.
            place: of the table.
            key: which says when.
        """
        if at > self._duration:
            accepted = f"an instant before the end, {write_duration(self._duration)}"
            self._mistakes.wrong((*place, key), told[key], accepted)

    def check_fault(self, fault: Fault, told: Mapping[str, Json], place: Place) -> None:
        """Take note of what would do nothing, or not what is meant.

        Args:
            fault: as it was read.
            told: its table.
            place: of the table.
        """
        match fault:
            case Partition(parts=parts):
                self._check_parts(parts, place)
            case Replay(vhid=vhid):
                vhids = {virtual.vhid for host in self._hosts.values() for virtual in host.places}
                if vhid not in vhids:
                    accepted = f"the VHID of a virtual host; there are: {', '.join(map(str, sorted(vhids)))}"
                    self._mistakes.wrong((*place, "vhid"), told["vhid"], accepted)
            case AddressTaken(host=name, address=address) if name in self._hosts:
                self._check_address(address.ip, self._addresses((self._hosts[name],)), told, place)
            case ArpSpoof(address=address):
                self._check_address(address, self._addresses(self._hosts.values()), told, place)
            case AddressPut(address=address):
                self._check_address(address.ip, self._virtual(self._hosts.values()), told, place)
            case _:
                pass

    def check_group(self, fault: Fault, told: Mapping[str, Json], place: Place) -> None:
        """Take note of a failover group that the host has not got when it is told of it.

        Args:
            fault: as it was read.
            told: its table.
            place: of the table.
        """
        group = getattr(fault, "failover_group", None)
        host = self._hosts.get(getattr(fault, "host", ""))
        if group is None or not isinstance(host, HostSettings):
            return
        for config in self._configs(host, fault.at, fault.at + (getattr(fault, "duration", None) or 0)):
            groups = list(dict.fromkeys(one.failover_group for one in config.virtual_hosts if one.failover_group))
            if group not in groups:
                there_are = f"there are: {', '.join(groups)}" if groups else "there is none"
                accepted = f"a failover group that {host.name} has; {there_are}"
                self._mistakes.wrong((*place, "failover_group"), told["failover_group"], accepted)

    def _configs(self, host: HostSettings, begin: int, end: int) -> list[NodeConfig]:
        """Return what the host may be configured with in a time: what it has in the beginning, and each change."""
        changes = sorted((stop for stop in self._changes if stop.host == host.name), key=lambda stop: stop.at)
        configs = [(-1, host.config), *((stop.at, stop.config) for stop in changes if stop.config is not None)]
        before = [config for at, config in configs if at < begin]
        return [before[-1], *(config for at, config in configs if begin <= at <= end)]

    def _check_parts(self, parts: Sequence[Sequence[str]], place: Place) -> None:
        often = Counter(name for part in parts for name in dict.fromkeys(part))
        for name in (name for name, count in often.items() if count > 1):
            self._mistakes.add((*place, "parts"), f'"{name}": expected each in one part at most')

    def _check_address(
        self, address: IPAddress, known: Iterable[IPAddress], told: Mapping[str, Json], place: Place
    ) -> None:
        there_are = list(dict.fromkeys(known))
        if address not in there_are:
            accepted = f"an address that is there; there are: {', '.join(map(str, there_are))}"
            self._mistakes.wrong((*place, "address"), told["address"], accepted)

    def _addresses(self, hosts: Iterable[HostSettings | UcarpSettings]) -> Iterable[IPAddress]:
        several = list(hosts)
        return [*self._virtual(several), *(own for host in several for _, own in own_addresses(host))]

    def _virtual(self, hosts: Iterable[HostSettings | UcarpSettings]) -> Iterable[IPAddress]:
        """Return the virtual addresses that hosts have, or will have when they are started again."""
        for host in hosts:
            yield from (address.ip for one in host.places for address in one.addresses)
            changed = (stop.config for stop in self._changes if stop.host == host.name and stop.config is not None)
            yield from (
                address.ip for config in changed for one in config.virtual_hosts for address in one.addresses
            )


def own_addresses(host: HostSettings | UcarpSettings) -> list[tuple[str, IPAddress]]:
    """Return a host's own addresses, each after the segment where it is.

    Args:
        host: any.
    """
    if isinstance(host, UcarpSettings):
        return [(host.segment, host.options.source)]
    return [
        (host.segments[interface], own.ip)
        for interface, several in host.own_addresses.items()
        if interface in host.segments
        for own in several
    ]


def check_addresses(
    hosts: Hosts, routers: Sequence[RouterSettings], clients: Sequence[ClientSettings], mistakes: Mistakes
) -> None:
    """Take note of an address that two on a segment have as their own.

    Args:
        hosts: all of them.
        routers: all of them.
        clients: all of them.
        mistakes: takes note.
    """
    owners: dict[tuple[str, IPAddress], str] = {}
    everybody: list[tuple[Place, str, str, IPAddress]] = []
    for host in hosts:
        everybody += [
            (("host", host.name), f"host {host.name}", segment, own) for segment, own in own_addresses(host)
        ]
    for router in routers:
        everybody += [
            (("router", router.name), f"router {router.name}", segment, port.ip)
            for segment, ports in router.ports.items()
            for port in ports
        ]
    everybody += [
        (("client", client.name), f"client {client.name}", client.segment, client.address) for client in clients
    ]
    for place, name, segment, own in everybody:
        owner = owners.setdefault((segment, own), name)
        if owner != name:
            mistakes.add(place, f"{own}: expected an address of its own; {owner} on {segment} has this one")


def check_clients(
    clients: Sequence[ClientSettings], hosts: Hosts, faults: Iterable[Fault], mistakes: Mistakes
) -> None:
    """Take note of clients that can never be answered, whatever happens.

    Args:
        clients: all of them.
        hosts: all of them.
        faults: all of them.
        mistakes: takes note.
    """
    # Another program, or another configuration, may bring a host addresses and networks that nobody knows here.
    change = any(
        isinstance(one, AddressPut) or (isinstance(one, Stop) and one.config is not None) for one in faults
    )
    for client in clients:
        place: Place = ("client", client.name, "address")
        doors = [door for host in hosts for door in _doors(host) if client.target in door.virtual]
        if any(client.address in door.virtual and client.segment == door.segment for door in doors):
            mistakes.wrong(place, str(client.address), "an address of its own; the virtual one is the hosts'")
        elif not doors or change:
            continue
        elif client.gateway is None and all(client.segment != door.segment for door in doors):
            segments = ", ".join(dict.fromkeys(door.segment for door in doors))
            mistakes.wrong(
                ("client", client.name, "segment"),
                client.segment,
                f"{segments}, where {client.target} is, or a gateway: a router's address on {client.segment}",
            )
        elif not any(door.answers(client.address) for door in doors):
            networks = ", ".join(dict.fromkeys(str(network) for door in doors for network in door.networks))
            accepted = f"one of {networks}: no host that may have {client.target} has a default router for others"
            mistakes.wrong(place, str(client.address), accepted)


@final
@dataclass(frozen=True, slots=True)
class _Door:
    """An interface of a host, on which it may be asked and answers.

    Attributes:
        segment: where it is plugged in.
        virtual: the virtual addresses that it may have.
        networks: of these, and of the host's own ones.
        routers: behind which everybody else is.
    """

    segment: str
    virtual: frozenset[IPAddress]
    networks: tuple[IPv4Network | IPv6Network, ...]
    routers: tuple[IPAddress, ...]

    def answers(self, client: IPAddress) -> bool:
        """Return whether an answer to a client may leave here."""
        return any(client in network for network in self.networks) or any(
            router.version == client.version for router in self.routers
        )


def _doors(host: HostSettings | UcarpSettings) -> Iterator[_Door]:
    for interface, segment in host.segments.items():
        virtual = [address for one in host.places if one.interface == interface for address in one.addresses]
        own: Sequence[IPInterface] = (
            (host.own_address,) if isinstance(host, UcarpSettings) else host.own_addresses.get(interface, ())
        )
        yield _Door(
            segment=segment,
            virtual=frozenset(address.ip for address in virtual),
            networks=tuple(dict.fromkeys(address.network for address in (*virtual, *own))),
            routers=() if isinstance(host, UcarpSettings) else tuple(host.default_routers.get(interface, ())),
        )
