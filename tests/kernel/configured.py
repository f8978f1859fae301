"""carpds that read a configuration file, on LANs of which each test chooses the hosts."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Final, TypeAlias

from tests.kernel.daemons import Carpd, Stage, traces, wait_until
from tests.kernel.wire import PASSWORD, VHID, VIP, Wire
from triocarp.lab import INTERFACE, Holders, Probe, clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triocarp.lab import Host

Setting: TypeAlias = "str | int | float | list[str]"
VirtualHost: TypeAlias = "Mapping[str, Setting]"

VIP6: Final = "2001:db8::100"
PATIENT: Final = 30
"""A dead ratio with which a backup takes over at a goodbye, and else after seconds: so nobody takes one for the
other, and nobody who is held up by a busy machine takes over."""

_CLIENT_INTERVAL: Final = 5 * clock.MILLISECOND
_numbers = itertools.count(1)


def virtual_host(**settings: Setting) -> VirtualHost:
    """Return a virtual host: by default one IPv4 address, an advertisement every 0.1 s, takeover after 1.6 s.

    The kernel may let a daemon wait for a second when it renews an address: all namespaces of the machine share
    one lock of their networks, and whoever makes and removes some, as other tests do, holds it meanwhile.
    """
    usual: dict[str, Setting] = {
        "interface": INTERFACE,
        "vhid": VHID,
        "password": PASSWORD,
        "addresses": [f"{VIP}/32"],
        "advbase": 0,
        "advskew": 26,
        "dead_ratio": 16,
    }
    return usual | settings


class ConfiguredStage(Stage):
    """A LAN that speaks both families, of which the tests watch every frame once it is complete.

    Attributes:
        wire: what crosses the switch, from `watch` on.
    """

    wire: Wire

    def hosts(self, *names: str) -> list[Host]:
        """Add hosts with the addresses 10.0.0.1 and 2001:db8::1 and so on, and begin to watch."""
        added = [
            self.lan.add_host(name, f"10.0.0.{number}/24", f"2001:db8::{number}/64")
            for number, name in enumerate(names, len(self.lan.hosts) + 1)
        ]
        for host in added:
            wait_until_complete(host)
        self.watch()
        return added

    def watch(self) -> None:
        """Begin to record what crosses the switch: no host is added any more."""
        self.wire = Wire(self.resources.enter_context(self.lan.capture()))

    def holders(self, *hosts: Host, vip: str = VIP) -> Holders:
        """Begin to watch which of some hosts hold an address."""
        return self.resources.enter_context(Holders(hosts, vip))

    def probe(self, client: Host, vip: str = VIP) -> Probe:
        """Begin to ask an address for answers."""
        return self.resources.enter_context(Probe(client, vip, interval_ns=_CLIENT_INTERVAL))

    def carpd(self, host: Host, *virtual_hosts: VirtualHost) -> Carpd:
        """Start a carpd without waiting for anything.

        Args:
            host: where.
            virtual_hosts: from `virtual_host`. A password stands in the file of its own that carpd wants.
        """
        tables = [self._table(one) for one in virtual_hosts]
        file = self.directory / f"{host.name}-{next(_numbers)}.toml"
        file.write_text("\n\n".join(tables), encoding="utf-8")
        return self.run_carpd(host, ["--config", str(file)])

    def ready(self, host: Host, *virtual_hosts: VirtualHost) -> Carpd:
        """Start a carpd and wait until it takes part."""
        daemon = self.carpd(host, *virtual_hosts)
        daemon.wait_for_log(r"\[INFO\] ready: ", count=len(virtual_hosts))
        return daemon

    def master(self, host: Host, *virtual_hosts: VirtualHost) -> Carpd:
        """Start a carpd and wait until it is master of all its virtual hosts, and has announced them."""
        since = clock.now()
        daemon = self.carpd(host, *virtual_hosts)
        daemon.wait_for_log("Switching to state: MASTER", count=len(virtual_hosts))
        for one in virtual_hosts:
            port = (
                host if one["interface"] == host.interface else self.lan.hosts[f"{host.name}-{one['interface']}"]
            )
            for vip in vips_of(one):
                self.wire.wait_for_announcement(port, since=since, vip=vip)
        return daemon

    def _table(self, settings: VirtualHost) -> str:
        lines = ["[[virtual_host]]"]
        for key, value in settings.items():
            name, written = key, value
            if key in ("password", "other_password"):
                file = self.directory / f"password-{next(_numbers)}"
                file.write_text(str(value), encoding="utf-8")
                name, written = f"{key}_file", str(file)
            lines.append(f"{name} = {json.dumps(written)}")
        return "\n".join(lines)


def wait_until_complete(host: Host) -> None:
    """Wait until a host's kernel has joined the multicast group of the host's IPv6 addresses.

    It does so a while after they were added, and what a daemon leaves behind is compared with what was before.
    """
    solicited = f"ff0200000000000000000001ff0000{host.number:02x}"
    wait_until(lambda: solicited in traces(host)["groups of IPv6"], f"{host} answers for its addresses")


def vips_of(*virtual_hosts: VirtualHost) -> list[str]:
    """Return the virtual addresses, without their prefix lengths."""
    found: list[str] = []
    for one in virtual_hosts:
        addresses = one["addresses"]
        assert isinstance(addresses, list)
        found += [address.partition("/")[0] for address in addresses]
    return found


def held_by(host: Host, *virtual_hosts: VirtualHost) -> set[str]:
    """Return which of the virtual addresses are on a host's interface now."""
    return {str(one.ip.ip) for one in host.addresses()} & set(vips_of(*virtual_hosts))


def wait_until_held(host: Host, *virtual_hosts: VirtualHost) -> None:
    """Wait until a host has all the virtual addresses on its interface."""
    wanted = set(vips_of(*virtual_hosts))
    wait_until(lambda: held_by(host, *virtual_hosts) == wanted, f"{host} holds {wanted}")
