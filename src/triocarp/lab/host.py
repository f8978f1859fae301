"""One host of a LAN: a network namespace with an `eth0`, whose cable ends in a port of the switch."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final, TypeVar

from triocarp.lab import clock
from triocarp.lab.capture import BpfInstruction, Capture
from triocarp.lab.namespace import NetworkNamespace, Stream
from triocarp.lab.rtnetlink import Address, IPInterface, Rtnetlink

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

Result = TypeVar("Result")

INTERFACE: Final = "eth0"

# Port indices stay clear of the small indices inside hosts: the kernel takes a veth whose index equals its
# peer's for a device without a peer, and then delays the news of its carrier by up to a second
# (linkwatch_urgent_event).
FIRST_PORT: Final = 1000

_SETTLE_S: Final = 5
_SETTLE_STEP_S: Final = 0.0002

# New namespaces copy the machine's IPv4 settings, so what decides over ARP is pinned to the kernel's
# defaults.
_PINNED: Final = {
    f"ipv4/conf/{scope}/{key}": value
    for scope in ("all", "default")
    for key, value in {
        "arp_accept": "0",
        "arp_announce": "0",
        "arp_filter": "0",
        "arp_ignore": "0",
        "arp_notify": "0",
        "promote_secondaries": "0",
        "rp_filter": "0",
    }.items()
}
IPV6_OFF: Final = {"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1"}
_IPV6_QUIET: Final = {
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/dad_transmits": "0",
    "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/default/router_solicitations": "0",
}


class Host:
    """A host on a `Lan`, which makes it (`Lan.add_host`) and closes it.

    One with several interfaces (`Lan.add_interface`) has an object for each, and what is said of `eth0` here holds
    for that interface.

    Attributes:
        name: What the LAN calls it.
        interface: The name of its interface, `eth0`.
        ip: Its own address with the prefix length.
        further: More of its own addresses.
        mac: The Ethernet address of its `eth0`.
        interface_index: The index of its `eth0`, which changes when the interface is made again.
        port: The name of its port on the switch, in the switch's namespace.
        port_index: The index of that port.
        bridge: The index of the bridge that the port is on.
        number: Its number on the LAN, from 1.
        namespace: Its network namespace.
        switch_namespace: The switch's network namespace, which knows this one by `number`.
    """

    def __init__(
        self,
        *,
        name: str,
        ip: IPInterface,
        further: tuple[IPInterface, ...],
        number: int,
        switch_namespace: NetworkNamespace,
        switch: Rtnetlink,
        bridge: int,
        label: str,
        ipv6: bool,
        interface: str = INTERFACE,
        beside: tuple[Host, ...] = (),
    ) -> None:
        """Create the host and plug it in.

        Args:
            name: What the LAN calls it.
            ip: Its own address with the prefix length.
            further: More of its own addresses.
            number: From 1; the last byte of its MAC and the number of its port.
            switch_namespace: The switch's network namespace.
            switch: Requests in it.
            bridge: The index of the bridge that it starts on.
            label: The name for `ip netns`.
            ipv6: Whether its kernel speaks IPv6.
            interface: The name of its interface.
            beside: The interfaces that the host has already.
        """
        self.name = name
        self.interface = interface
        self.ip = ip
        self.further = further
        self.mac = f"02:00:00:00:00:{number:02x}"
        # What is made again gets the next index, so each interface has a hundred.
        self.interface_index = 1 + 100 * len(beside)
        self.port = f"port{number}"
        self.port_index = FIRST_PORT + number
        self.bridge = bridge
        self.number: int = beside[0].number if beside else number
        self.switch_namespace: NetworkNamespace = switch_namespace
        self._switch = switch
        self._plugged = False
        self.namespace: NetworkNamespace = beside[0].namespace if beside else NetworkNamespace(label)
        self._rtnetlink = self.namespace.call(Rtnetlink)
        try:
            if not beside:
                self.namespace.set_sysctls({**_PINNED, **(_IPV6_QUIET if ipv6 else IPV6_OFF)})
                # Under this number, the notifications of this host's kernel can be heard in the switch's
                # namespace.
                self._switch.name_namespace(self.namespace.descriptor, number)
                self._rtnetlink.set_up(1, up=True)
            self.create_interface()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<Host {self.name} {self.ip} {self.mac}>"

    # Programs and sockets

    def popen(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = None,
        stderr: Stream = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        pass_fds: Iterable[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a program on this host, which does not survive the LAN; see `NetworkNamespace.popen`."""
        return self.namespace.popen(
            argv, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, pass_fds=pass_fds
        )

    def run(
        self, argv: Sequence[str | os.PathLike[str]], *, stdin: bytes = b"", timeout_s: float = 10
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a short program on this host to its end; see `NetworkNamespace.run`."""
        return self.namespace.run(argv, stdin=stdin, timeout_s=timeout_s)

    def call(self, function: Callable[[], Result]) -> Result:
        """Run a function in this host's network, in a thread of its own, and return its result."""
        return self.namespace.call(function)

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """Open a socket on this host, which stays there whatever thread uses it."""
        return self.namespace.call(lambda: socket.socket(family, kind, protocol))

    def capture(self, bpf: Sequence[BpfInstruction] = ()) -> Capture:
        """Start to record what `eth0` sends and receives; see `Capture`."""
        return Capture(self.namespace, {self.interface: self.name}, incoming_only=False, bpf=bpf)

    # The cable and the interface

    def lose_carrier(self) -> None:
        """Pull the cable: `eth0` stays up and loses its carrier."""
        self._switch.set_up(self.port_index, up=False)

    def restore_carrier(self) -> None:
        """Plug the cable in again."""
        self._switch.set_up(self.port_index, up=True)
        self._settle()

    @property
    def carrier(self) -> bool:
        """Whether `eth0` is up and has a carrier; otherwise nothing gets through."""
        return self._rtnetlink.link_state(self.interface_index).carrier

    def link_down(self) -> None:
        """Set `eth0` administratively down, as an operator would."""
        self._rtnetlink.set_up(self.interface_index, up=False)

    def link_up(self) -> None:
        """Set `eth0` administratively up, and give it back the host's own IPv6 addresses: down, it loses them."""
        self._rtnetlink.set_up(self.interface_index, up=True)
        for ip in (self.ip, *self.further):
            if isinstance(ip, ipaddress.IPv6Interface):
                self._rtnetlink.add_address(self.interface_index, ip)
        self._settle()

    def remove_interface(self) -> None:
        """Remove `eth0`, as when a driver is unloaded; nothing when it is gone already."""
        if self._plugged:
            self._plugged = False
            with contextlib.suppress(OSError):  # whoever works on this host may have removed it
                self._switch.delete_link(self.port_index)

    def create_interface(self) -> None:
        """Make `eth0` again: the same MAC and addresses, a new index; nothing when it is there."""
        if self._plugged:
            return
        self.interface_index += 1
        self._switch.create_veth(
            port=self.port,
            index=self.port_index,
            bridge=self.bridge,
            peer=self.interface,
            peer_index=self.interface_index,
            mac=self.mac,
            namespace=self.namespace.descriptor,
        )
        self._plugged = True
        self._rtnetlink.set_up(self.interface_index, up=True)
        for ip in (self.ip, *self.further):
            self._rtnetlink.add_address(self.interface_index, ip)
        self._settle()

    def move_to(self, bridge: int) -> None:
        """Move this host's port to another bridge of the switch; its carrier does not flicker."""
        if bridge != self.bridge:
            self.bridge = bridge
            if self._plugged:
                self._switch.set_bridge(self.port_index, bridge)

    def _settle(self) -> None:
        """Wait until a cable that is up at both ends carries frames, which a kernel thread sees to.

        Until then each end drops what it is given to send, and a lost ARP request costs a test a second.
        """
        deadline = time.monotonic() + _SETTLE_S
        ends = ((self._switch, self.port_index), (self._rtnetlink, self.interface_index))
        while True:
            states = [rtnetlink.link_state(index) for rtnetlink, index in ends]
            if all(state.operational for state in states) or not all(state.up for state in states):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"the cable of {self.name} is up and carries nothing after {_SETTLE_S} s")
            time.sleep(_SETTLE_STEP_S)

    # Addresses

    def add_address(self, ip: str | IPInterface, valid_s: int | None = None) -> None:
        """Add an address to `eth0`, or renew its lifetime.

        Args:
            ip: The address with its prefix length.
            valid_s: After how many seconds the kernel removes it; None for never.
        """
        self._rtnetlink.add_address(self.interface_index, ipaddress.ip_interface(ip), valid_s)

    def remove_address(self, ip: str | IPInterface) -> None:
        """Remove an address from `eth0`; nothing when it is not there."""
        try:
            self._rtnetlink.remove_address(self.interface_index, ipaddress.ip_interface(ip))
        except OSError as exc:
            if exc.errno != errno.EADDRNOTAVAIL:
                raise

    def addresses(self) -> tuple[Address, ...]:
        """List the addresses of `eth0`."""
        return self._rtnetlink.addresses(self.interface_index)

    # The whole host

    def crash(self, *processes: subprocess.Popen[bytes]) -> int:
        """Let the host die: no more carrier, and SIGKILL for its daemons, in the same instant.

        What its kernel holds (a virtual IP address, too) stays, but nobody hears of it; see `boot`.

        Returns:
            An instant since which nothing of the host is on the wire, in nanoseconds of the lab's clock.
        """
        # The cable first: on a busy machine the kernel may take milliseconds to begin with it, in which a
        # host whose daemons are dead would still answer pings. The daemons outlive the cable by less than
        # they need to notice.
        self.lose_carrier()
        at = clock.now()
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
        return at

    def boot(self) -> None:
        """Bring a crashed host back as a reboot does: with a carrier and no address but its own."""
        own = {self.ip, *self.further}
        for address in self.addresses():
            if address.ip not in own and not address.ip.is_link_local:
                self.remove_address(address.ip)
        self.restore_carrier()

    def close(self) -> None:
        """Kill what runs on the host and dissolve it; a second time does nothing.

        Its interface goes with the namespace, which the kernel clears away later and at its leisure: to wait
        for that would take 15 ms a host.
        """
        self.namespace.close()
        self._rtnetlink.close()
