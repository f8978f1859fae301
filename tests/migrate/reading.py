"""Reads what `carpd migrate` prints with carpd's own reader, as a file whose passwords are at hand."""

from __future__ import annotations

import re
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from triocarp.core import IPInterface, Link
from triocarp.daemon import config_file
from triocarp.linux.interface_table import InterfaceTable
from triocarp.linux.rtnetlink_messages import AddressReport, LinkReport

if TYPE_CHECKING:
    from triocarp.core import NodeConfig

PASSWORD = "love"


def meaning(text: str, password: str = PASSWORD, *names: str) -> NodeConfig:
    """Return the node that a printed file means, whatever its password files are called.

    Args:
        text: what was printed.
        password: of every virtual host.
        names: of the interfaces of this host, each with two addresses of its own.
    """
    with TemporaryDirectory() as directory:
        secret = Path(directory, "password")
        secret.write_bytes(password.encode(errors="surrogateescape") + b"\n")
        path = Path(directory, "carpd.toml")
        path.write_text(re.sub('password_file = "[^\n]*', f'password_file = "{secret}"', text), encoding="utf-8")
        return config_file.read_node_config(path, lambda: a_host_with(*names))


def a_host_with(*names: str) -> InterfaceTable:
    """Return a host whose interfaces have 198.51.100.1 and fe80::99."""
    table = InterfaceTable()
    own: tuple[IPInterface, ...] = (IPv4Interface("198.51.100.1/24"), IPv6Interface("fe80::99/64"))
    for index, name in enumerate(names, 1):
        report = LinkReport(
            index=index, name=name, link=Link.UP, hardware_address=bytes(6), loopback=False, arp=True
        )
        table.apply(report)
        for address in own:
            table.apply(AddressReport(index=index, address=address, present=True, port_id=0, number=0))
    return table
