"""The virtual addresses on the interfaces: the core's `AddressPort` over rtnetlink.

At a takeover every microsecond counts, so the requests are encoded beforehand (`prepare`, when the
configuration is loaded), and sending the bytes and reading the acknowledgement is a plain function call of
some 10 us, or 20 us in IPv6; longer while somebody else on the machine changes a network. What has time is
therefore left to a thread: `renewal_thread`.

IPv4 and IPv6 differ. An interface can have an IPv4 address several times, with several prefix lengths, and each
counts; an IPv6 address once. An IPv4 request to remove fits all prefix lengths, an IPv6 one its own. And an IPv6
request to add, where the address is there already, gives it a new lease and nothing else: the prefix length stays,
and one that waits for duplicate address detection, or has failed it, waits for ever. So before an IPv6 address
is held anew, the kernel is asked how it is there, and what is not as it shall be is removed.
"""

import contextlib
import errno
import threading
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from types import TracebackType
from typing import Final, Self, final

from triocarp.core.effects import RenewAddresses
from triocarp.core.events import EffectFailed
from triocarp.core.family import IPInterface
from triocarp.core.policy_routing import PolicyRouting
from triocarp.core.ports import PortError
from triocarp.core.reasons import PortFailure
from triocarp.linux import policy_routes, rtnetlink_messages
from triocarp.linux.clock import boottime
from triocarp.linux.interface_index import index_of
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.netlink_socket import NetlinkSocket
from triocarp.linux.policy_routes import PolicyRoutes
from triocarp.linux.renewal_thread import Renewal, RenewalThread
from triocarp.linux.system_errors import address_error, port_error

_PREFIX_LENGTHS: Final = 33  # as often can one IPv4 address be on one interface, and one attempt more finds none
_NOT_THERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.ENODEV})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Requests:
    """What is sent for the addresses of one virtual host.

    Attributes:
        index: of the interface for which they are made.
        lease_s: for which they are made.
        hold: by address, in the order of the addresses.
        find: by IPv6 address.
        release: by address.
        routes: by address, where it has a routing table of its own.
        held: those on the interface that this port has put there and nobody taken off; shared with the monitor.
    """

    index: int
    lease_s: int
    hold: dict[IPInterface, bytes]
    find: dict[IPv6Interface, bytes]
    release: dict[IPInterface, bytes]
    routes: dict[IPInterface, policy_routes.Requests]
    held: set[IPInterface]


@final
class RtnetlinkAddressPort:
    """Changes the addresses of this host's interfaces, and is a source of events about renewals that failed.

    Needs CAP_NET_ADMIN, and says so when an address is held or released, not before.

    Args:
        table: what other interfaces have, kept up to date by a monitor.

    Raises:
        OSError: the system is out of file descriptors or memory.
        RuntimeError: the system is out of threads.
    """

    __slots__ = (
        "_netlink",
        "_policy_routes",
        "_renewals",
        "_requests",
        "_routings",
        "_table",
        "_turn",
    )

    def __init__(self, table: InterfaceTable) -> None:
        self._table = table
        self._netlink = NetlinkSocket()
        self._requests: dict[tuple[str, tuple[IPInterface, ...]], _Requests] = {}
        self._routings: dict[tuple[str, IPInterface], PolicyRouting] = {}
        self._policy_routes: PolicyRoutes | None = None
        self._turn = threading.Lock()
        try:
            self._renewals = RenewalThread(self._netlink, self._turn)
        except BaseException:
            self._netlink.close()
            raise

    @property
    def port_id(self) -> int:
        """The number that the kernel puts on notifications of this port's doing, so that a monitor knows them."""
        return self._netlink.port_id

    @property
    def thread_id(self) -> int:
        """The number by which the kernel knows the thread that renews leases."""
        return self._renewals.native_id

    def route(self, interface: str, addresses: tuple[IPInterface, ...], routing: PolicyRouting) -> None:
        """Take note that some addresses have a rule and routes of their own while they are held.

        Call it before `prepare`, in the network namespace of the interface.

        Args:
            interface: its name.
            addresses: with their prefix lengths.
            routing: of their virtual host.

        Raises:
            OSError: the system is out of file descriptors or memory.
        """
        if self._policy_routes is None:
            self._policy_routes = PolicyRoutes(self._netlink)
        self._routings |= {(interface, address): routing for address in addresses}

    def prepare(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        """Encode what a takeover will send.

        It is not needed, for `hold` does it where it was left out; but then at the wrong moment. Call it when
        the configuration is loaded, and when the interface is a new one. An interface that does not exist is
        no error.

        Args:
            interface: its name.
            addresses: with their prefix lengths, the same tuple as later in `hold` and `release`.
            lease_s: the same as later in `hold`.
        """
        index = self._index_of(interface)
        if index is not None:
            self._prepared(interface, index, addresses, lease_s)

    def hold(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> None:
        """Put addresses on an interface, or renew those that are there; see `triocarp.core.ports.AddressPort`.

        An address that somebody else put there gets the lease as well, and counts as added by this call. With
        another prefix length it is taken off: in IPv4 once the right one is there, in IPv6 before, for there both
        cannot be.

        Args:
            interface: its name.
            addresses: with their prefix lengths.
            lease_s: seconds after which the kernel withdraws them unless they are held again.

        Raises:
            PortError: `NO_DEVICE`, `NO_PERMISSION`, `ADDRESS_TAKEN`, `NO_BUFFER` or `OTHER`.
        """
        requests = self._admitted(interface, addresses, lease_s)
        with self._turn:
            self._hold(interface, requests)

    def _hold(self, interface: str, requests: _Requests) -> None:
        index = requests.index
        added: list[IPInterface] = []
        for address, request in requests.hold.items():
            new = address not in requests.held
            try:
                if new and isinstance(address, IPv6Interface):
                    self._make_room(index, address, requests.find[address])
                self._netlink.request(request)
            except OSError as error:
                self._undo(requests, added)
                raise address_error(error, address, f"adding {address} to {interface}") from error
            if new:
                added.append(address)
                requests.held.add(address)
            self._put_on_routes(requests, address, added)
            for variant in self._table.variants_of(interface, address.ip):
                if variant != address:
                    self._take_off(index, variant)

    def _put_on_routes(self, requests: _Requests, address: IPInterface, added: list[IPInterface]) -> None:
        """Give an address that is there its rule and its routes, if it has some, or else take all off again.

        Raises:
            PortError: `NO_PERMISSION`, `NO_ROUTE` (to the gateway), `NO_BUFFER` or `OTHER`.
        """
        if self._policy_routes is None or address not in requests.routes:
            return
        try:
            self._policy_routes.put_on(requests.routes[address], new=address in added)
        except OSError as error:
            self._undo(requests, added)
            table = requests.routes[address].table
            raise port_error(error, f"routing what comes from {address.ip} by table {table}") from error

    def renew(self, renewal: RenewAddresses) -> None:
        """Have the thread renew the lease of addresses; see `triocarp.core.ports.AddressPort`.

        Only of those that are held: what somebody took off is for the core to put back. What is there with
        another prefix length as well is taken off.

        Args:
            renewal: the effect.

        Raises:
            PortError: `NO_DEVICE` or `ADDRESS_TAKEN`.
        """
        interface = renewal.interface
        requests = self._admitted(interface, renewal.addresses, renewal.lease_s)
        others = (
            variant
            for address in renewal.addresses
            for variant in self._table.variants_of(interface, address.ip)
            if variant != address
        )
        self._renewals.ask(
            Renewal(
                effect=renewal,
                requests=requests.hold,
                held=requests.held,
                clearing=[
                    rtnetlink_messages.request_to_release_exactly(requests.index, variant) for variant in others
                ],
                asked_at=boottime(),
                restoring=[
                    (address, request)
                    for address, routes in requests.routes.items()
                    if self._policy_routes is not None
                    for request in self._policy_routes.again(routes)
                ],
            )
        )

    async def wait_readable(self) -> None:
        """Wait until `read` may have something to give."""
        await self._renewals.wait_readable()

    def read(self) -> list[EffectFailed]:
        """Return the renewals that have failed since the last call, without waiting."""
        return self._renewals.read()

    def release(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Take addresses off an interface; see `triocarp.core.ports.AddressPort`.

        Each is tried, also when an earlier one fails.

        Args:
            interface: its name.
            addresses: which, whatever their prefix lengths there.

        Raises:
            PortError: `NO_PERMISSION`, `NO_BUFFER` or `OTHER`; the addresses may still be there.
        """
        index = self._index_of(interface)
        if index is None:
            self._sweep(interface, addresses)
            return
        prepared = self._requests.get((interface, addresses))
        if prepared is None or prepared.index != index:
            prepared = self._encoded(interface, index, addresses, 0)
        prepared.held.difference_update(addresses)
        with self._turn:
            self._release(interface, prepared)

    def _release(self, interface: str, prepared: _Requests) -> None:
        failed: tuple[OSError, IPInterface] | None = None
        for address, request in prepared.release.items():
            try:
                if self._policy_routes is not None and address in prepared.routes:
                    self._policy_routes.take_off(prepared.routes[address])
            except OSError as error:
                failed = failed or (error, address)
            try:
                if isinstance(address, IPv4Interface):
                    self._release_ipv4(request)
                else:
                    self._release_ipv6(prepared.index, request, prepared.find[address])
            except OSError as error:
                failed = failed or (error, address)
        # Without permission the kernel refuses also what there is nothing to do for.
        left = self._any_present(interface, tuple(prepared.release)) if failed else False
        if failed is not None and (left or self._any_routed(prepared)):
            cause, address = failed
            raise port_error(cause, f"removing {address.ip} from {interface}") from cause

    def _sweep(self, interface: str, addresses: tuple[IPInterface, ...]) -> None:
        """Remove the rules of addresses whose interface is gone, and their routes with it.

        Raises:
            PortError: `NO_PERMISSION`, `NO_BUFFER` or `OTHER`.
        """
        for address in addresses:
            if self._policy_routes is not None and (interface, address) in self._routings:
                try:
                    self._policy_routes.sweep(address)
                except OSError as error:
                    raise port_error(error, f"removing the rule of {address.ip}") from error

    def _any_routed(self, prepared: _Requests) -> bool:
        routes = self._policy_routes
        return routes is not None and any(map(routes.present, prepared.routes))

    def close(self) -> None:
        """End the thread and close the socket; the addresses stay until their leases end. Twice is fine."""
        self._renewals.close()
        self._netlink.close()
        if self._policy_routes is not None:
            self._policy_routes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _index_of(self, interface: str) -> int | None:
        """Return the number that an interface has now, or None if there is none of that name."""
        try:
            return index_of(self._netlink, interface)
        except OSError:
            return None

    def _admitted(self, interface: str, addresses: tuple[IPInterface, ...], lease_s: int) -> _Requests:
        """Return the encoded requests to hold addresses, unless it is known that they cannot be held.

        Raises:
            PortError: `NO_DEVICE` or `ADDRESS_TAKEN`.
        """
        index = self._index_of(interface)
        if index is None:
            raise PortError(PortFailure.NO_DEVICE, f"no interface {interface}")
        for address in addresses:
            holder = self._table.holder_besides(interface, address.ip)
            if holder is not None:
                raise PortError(PortFailure.ADDRESS_TAKEN, f"{holder} of this host has {address.ip}")
        return self._prepared(interface, index, addresses, lease_s)

    def _prepared(self, interface: str, index: int, addresses: tuple[IPInterface, ...], lease_s: int) -> _Requests:
        """Return the encoded requests, encoding them where nobody has done it for this interface and lease."""
        known = self._requests.get((interface, addresses))
        if known is not None and known.index == index and known.lease_s == lease_s:
            return known
        requests = self._encoded(interface, index, addresses, lease_s)
        self._requests[interface, addresses] = requests
        return requests

    def _undo(self, requests: _Requests, added: list[IPInterface]) -> None:
        """Take off again what a call has added that failed later on."""
        for address in added:
            if self._policy_routes is not None and address in requests.routes:
                with contextlib.suppress(OSError):
                    self._policy_routes.take_off(requests.routes[address])
            self._take_off(requests.index, address)
        requests.held.difference_update(added)

    def _make_room(self, index: int, address: IPv6Interface, question: bytes) -> None:
        """Remove an IPv6 address that is on an interface otherwise than it shall be.

        Raises:
            OSError: the kernel does not answer, or refuses.
        """
        found = self._netlink.find(question)
        if found is not None and (found.address != address or found.tentative):
            self._netlink.request(rtnetlink_messages.request_to_release_exactly(index, found.address))

    def _release_ipv4(self, request: bytes) -> None:
        """Repeat a removal until there is nothing left to remove.

        Raises:
            OSError: something else than that the address, or the interface, is not there.
        """
        for _ in range(_PREFIX_LENGTHS + 1):
            if not self._removed(request):
                return

    def _release_ipv6(self, index: int, request: bytes, question: bytes) -> None:
        """Remove an address with the prefix length that it should have, or else with the one that it has.

        Raises:
            OSError: something else than that the address, or the interface, is not there.
        """
        if not self._removed(request):
            found = self._netlink.find(question)
            if found is not None:
                self._removed(rtnetlink_messages.request_to_release_exactly(index, found.address))

    def _removed(self, request: bytes) -> bool:
        """Carry out a removal, and return whether there was something to remove.

        Raises:
            OSError: something else than that the address, or the interface, is not there.
        """
        try:
            self._netlink.request(request)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return False
            raise
        return True

    def _any_present(self, interface: str, addresses: tuple[IPInterface, ...]) -> bool:
        """Return whether one of some addresses is on an interface, as far as the kernel can be asked."""
        table = InterfaceTable()
        try:
            for report in self._netlink.dump():
                table.apply(report)
        except OSError:
            return True
        return any(table.variants_of(interface, address.ip) for address in addresses)

    def _take_off(self, index: int, address: IPInterface) -> None:
        """Remove an address with its prefix length, as well as it goes; its lease ends anyhow."""
        try:
            self._netlink.request(rtnetlink_messages.request_to_release_exactly(index, address))
        except OSError:
            return

    def _encoded(self, interface: str, index: int, addresses: tuple[IPInterface, ...], lease_s: int) -> _Requests:
        """Return the requests for some addresses."""
        routings = {a: self._routings[interface, a] for a in addresses if (interface, a) in self._routings}
        return _Requests(
            index=index,
            lease_s=lease_s,
            hold={
                a: rtnetlink_messages.request_to_hold(index, a, lease_s, claims_network=a not in routings)
                for a in addresses
            },
            find={
                a: rtnetlink_messages.request_to_find(index, a) for a in addresses if isinstance(a, IPv6Interface)
            },
            release={a: rtnetlink_messages.request_to_release(index, a) for a in addresses},
            routes={a: policy_routes.requests_for(index, a, routing) for a, routing in routings.items()},
            held=self._table.held_on(index),
        )
