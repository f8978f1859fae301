"""What cannot be in a scenario although each value by itself may be: nobody has the address, the end is before.

Such a scenario would run, and something in it would do nothing, which nobody would notice.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, final

from carpsim.adversary import ArpSpoof, Replay
from carpsim.duration_text import write_duration
from carpsim.faults import AddressTaken, Fault, Partition
from carpsim.mistakes import Mistakes
from carpsim.scenario import ClientSettings, HostSettings, RouterSettings, UcarpSettings
from carpsim.toml_text import Json, Place
from triocarp.core import IPAddress

Hosts: TypeAlias = Sequence[HostSettings | UcarpSettings]


@final
class Fit:
    """Looks whether what happens fits what there is.

    Args:
        duration: of the scenario, nanoseconds.
        hosts: all of them.
        mistakes: takes note of what does not fit.
    """

    def __init__(self, duration: int, hosts: Hosts, mistakes: Mistakes) -> None:
        self._duration = duration
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
            case _:
                pass

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

    @staticmethod
    def _addresses(hosts: Iterable[HostSettings | UcarpSettings]) -> Iterable[IPAddress]:
        several = list(hosts)
        virtual = [address.ip for host in several for one in host.places for address in one.addresses]
        return [*virtual, *(own for host in several for _, own in own_addresses(host))]


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
