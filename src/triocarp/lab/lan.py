"""A LAN: an Ethernet switch with hosts on it, all in namespaces that disappear with it."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import itertools
import os
import shutil
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Self

from triocarp.lab import private_network
from triocarp.lab.capture import BpfInstruction, Capture
from triocarp.lab.host import IPV6_OFF, Host
from triocarp.lab.namespace import NetworkNamespace
from triocarp.lab.rtnetlink import Rtnetlink

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence

_SWITCH_BRIDGE: Final = 2
_MAXIMUM_HOSTS: Final = 254
# An ordinary user's PATH lacks the directories in which distributions put `nft`.
_PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_numbers = itertools.count(1)


@contextlib.contextmanager
def _kernel_has(module: str) -> Generator[None]:
    """Say what to do about a kernel module that is missing and could not be loaded from in here."""
    try:
        yield
    except OSError as exc:
        if exc.errno != errno.EOPNOTSUPP:
            raise
        message = f"the kernel can't make a {module}; type first: sudo modprobe {module}"
        raise private_network.PrivateNetworkUnavailable(message) from exc


class Lan:
    """An Ethernet switch, to which hosts are added; a context manager that leaves nothing behind.

    The switch is a bridge in a namespace of its own. It has no delay, no loss, no spanning tree and no
    opinion about multicast. Frames cross it inside the sender's system call, so latencies are those of the
    hosts.

    Attributes:
        namespace: The switch's own network namespace.
    """

    namespace: NetworkNamespace

    def __init__(self, name: str = "", *, ipv6: bool = False) -> None:
        """Set the switch up.

        Args:
            name: Prefix of the names under which `ip netns` finds the switch and the hosts; made up when
                empty.
            ipv6: Whether the hosts' kernels speak IPv6.

        Raises:
            PrivateNetworkUnavailable: the kernel has no Ethernet bridge.
            RuntimeError: this process is not in a private network (`private_network.enter`).
        """
        if not private_network.entered():
            raise RuntimeError("a Lan needs a private network: call triocarp.lab.private_network.enter() first")
        self._name = name or f"lan{os.getpid()}-{next(_numbers)}"
        self._ipv6 = ipv6
        self._hosts: dict[str, Host] = {}
        self._bridges = 1
        self._blocked = False
        self.namespace = NetworkNamespace(f"{self._name}-switch")
        self.namespace.set_sysctls(IPV6_OFF)
        self._rtnetlink = self.namespace.call(Rtnetlink)
        try:
            self._rtnetlink.set_up(1, up=True)
            with _kernel_has("bridge"):
                self._rtnetlink.create_bridge("switch", _SWITCH_BRIDGE)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill all that runs on the hosts and dissolve the LAN; a second time does nothing."""
        for host in self._hosts.values():
            host.close()
        self._rtnetlink.close()
        self.namespace.close()

    @property
    def hosts(self) -> Mapping[str, Host]:
        """The hosts by name, in the order in which they were added."""
        return MappingProxyType(self._hosts)

    def add_host(self, name: str, ip: str, *further: str) -> Host:
        """Add a host and plug it in.

        Args:
            name: What to call it.
            ip: Its address with the prefix length, like `10.0.0.1/24`.
            further: More of its own addresses, like `2001:db8::1/64` on a LAN that speaks IPv6.

        Returns:
            The host; the first has the MAC 02:00:00:00:00:01, and so on.
        """
        if name in self._hosts or len(self._hosts) >= _MAXIMUM_HOSTS:
            raise ValueError(
                f"a LAN has up to {_MAXIMUM_HOSTS} hosts of different names; {name!r} is one too many"
            )
        with _kernel_has("veth"):
            host = Host(
                name=name,
                ip=ipaddress.ip_interface(ip),
                further=tuple(map(ipaddress.ip_interface, further)),
                number=len(self._hosts) + 1,
                switch_namespace=self.namespace,
                switch=self._rtnetlink,
                bridge=_SWITCH_BRIDGE,
                label=f"{self._name}-{name}",
                ipv6=self._ipv6,
            )
        self._hosts[name] = host
        return host

    def add_interface(self, host: Host, interface: str, ip: str, *further: str) -> Host:
        """Give a host another interface, with a cable and a port of its own.

        Args:
            host: The host, as `add_host` returned it.
            interface: What to call the interface, like `eth1`.
            ip: Its address with the prefix length.
            further: More of its addresses.

        Returns:
            The same host, as seen from that interface; the LAN calls it `HOST-INTERFACE`. What watches the host's
            addresses (`Holders`) is told about those of all its interfaces when it is given the host itself.
        """
        name = f"{host.name}-{interface}"
        beside = tuple(one for one in self._hosts.values() if one.namespace is host.namespace)
        if name in self._hosts or len(self._hosts) >= _MAXIMUM_HOSTS:
            raise ValueError(
                f"a LAN has up to {_MAXIMUM_HOSTS} ports of different names; {name!r} is one too many"
            )
        self._hosts[name] = Host(
            name=name,
            ip=ipaddress.ip_interface(ip),
            further=tuple(map(ipaddress.ip_interface, further)),
            number=len(self._hosts) + 1,
            switch_namespace=self.namespace,
            switch=self._rtnetlink,
            bridge=_SWITCH_BRIDGE,
            label="",
            ipv6=self._ipv6,
            interface=interface,
            beside=beside,
        )
        return self._hosts[name]

    def capture(self, bpf: Sequence[BpfInstruction] = ()) -> Capture:
        """Start to record each frame once, as it enters the switch, with its sender; see `Capture`."""
        ports = {host.port: host.name for host in self._hosts.values()}
        return Capture(self.namespace, ports, incoming_only=True, bpf=bpf)

    def partition(self, *groups: Collection[Host]) -> None:
        """Cut the LAN into groups that don't hear each other, while every host keeps its carrier.

        Args:
            groups: The hosts of each part. The first group stays on the main switch, and so do hosts of no
                group.
        """
        self.heal()
        for number, group in enumerate(groups[1:], start=1):
            if number >= self._bridges:
                self._rtnetlink.create_bridge(f"segment{number}", _SWITCH_BRIDGE + number)
                self._bridges += 1
            for host in group:
                host.move_to(_SWITCH_BRIDGE + number)

    def block(self, source: Host, destination: Host, match: str = "") -> None:
        """Drop frames from one host to another; the other way stays open.

        Args:
            source: The one.
            destination: The other.
            match: Which frames, in the words of `nft`, like `ip6 nexthdr 112`; all when empty.

        Raises:
            FileNotFoundError: the program `nft` is missing.
        """
        self._blocked = True
        self._nft(
            "add table bridge lab\n"
            "add chain bridge lab forward { type filter hook forward priority 0; }\n"
            f"add rule bridge lab forward iifname {source.port} oifname {destination.port} {match} drop\n"
        )

    def heal(self) -> None:
        """Let everybody hear everybody again: undo `partition` and `block`, not a lost carrier."""
        if self._blocked:
            self._nft("delete table bridge lab\n")
            self._blocked = False
        for host in self._hosts.values():
            host.move_to(_SWITCH_BRIDGE)

    def _nft(self, commands: str) -> None:
        done = self.namespace.run([shutil.which("nft", path=_PATH) or "nft", "-f", "-"], stdin=commands.encode())
        if done.returncode != 0:
            raise OSError(f"nft: {done.stderr.decode(errors='replace').strip()}")
