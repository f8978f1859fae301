"""Who else speaks on the segment?"""

from collections.abc import Iterator, Sequence
from typing import Final

from triocarp.core import PacketReceived, VirtualHostConfig
from triocarp.core.advertisement import Advertisement, MalformedAdvertisementError, parse
from triocarp.core.authentication import Keyring
from triocarp.core.reasons import DropReason
from triocarp.daemon.settings import Settings
from triocarp.doctor.facts import Facts
from triocarp.doctor.finding import Finding, Verdict

_CHECK: Final = "vhid"
_TTL: Final = 255


def check(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield who uses the same numbers, and whether the others of the group can be heard.

    Args:
        settings: of carpd.
        facts: of this host.
    """
    for host in settings.node.virtual_hosts:
        about = f"{host.interface} id {host.vhid}"
        if facts.heard is None:
            yield Finding(
                check=_CHECK,
                about=about,
                verdict=Verdict.UNKNOWN,
                found=f"nobody could listen: {facts.why_not_heard}",
                mend="run it as root, and where the interface is"
                if facts.listened_s
                else "give --listen some seconds",
            )
            continue
        here = [packet for packet in facts.heard if packet.interface == host.interface]
        found = [*_of_group(host, about, here)]
        yield from found
        if all(finding.verdict is not Verdict.MEND for finding in found):
            yield Finding(
                check=_CHECK,
                about=about,
                verdict=Verdict.FINE,
                found=f"no other group was heard with this number in {facts.listened_s:g} s",
            )


def _of_group(host: VirtualHostConfig, about: str, here: Sequence[PacketReceived]) -> Iterator[Finding]:
    addresses = tuple(address.ip for address in host.addresses)
    keyring = Keyring(host.passwords, host.vhid, addresses, host.dialect, host.link_layer_address or b"")
    masters: dict[int, set[str]] = {}
    for packet in here:
        try:
            heard = parse(packet.payload)
        except MalformedAdvertisementError as error:
            if error.vhid == host.vhid:
                yield _malformed(about, host.vhid, packet, error.reason)
            continue
        if heard.vhid != host.vhid:
            continue
        if keyring.key_of(heard.counter, heard.digest) is None:
            yield _stranger(about, packet, keyring, heard)
            continue
        if not heard.is_goodbye:
            masters.setdefault(packet.source.version, set()).add(str(packet.source))
        yield from _mate(host, about, packet, heard)
    for sources in masters.values():
        if len(sources) > 1:
            yield Finding(
                check=_CHECK,
                about=about,
                verdict=Verdict.MEND,
                found=f"several hosts advertise as master: {', '.join(sorted(sources))}",
                mend="if it lasts they do not hear each other: look at the switch between them",
            )


def _malformed(about: str, vhid: int, packet: PacketReceived, reason: DropReason) -> Finding:
    if reason is DropReason.FOREIGN:
        return Finding(
            check=_CHECK,
            about=about,
            verdict=Verdict.MEND,
            found=f"{packet.source} speaks VRRP with the number {vhid}, and so from the same MAC",
            mend="choose another vhid for the group, or another number for the VRRP router",
        )
    return Finding(
        check=_CHECK,
        about=about,
        verdict=Verdict.MEND,
        found=f"what {packet.source} advertises is dropped: {reason.value}",
        mend="look at that host: it speaks another version, or something on the way alters its packets",
    )


def _stranger(about: str, packet: PacketReceived, keyring: Keyring, heard: Advertisement) -> Finding:
    if keyring.has_other_addresses(heard.counter, heard.digest, packet.source):
        return Finding(
            check=_CHECK,
            about=about,
            verdict=Verdict.MEND,
            found=f"{packet.source} has the same password and other virtual addresses",
            mend="give all hosts of the group the same list of addresses",
        )
    return Finding(
        check=_CHECK,
        about=about,
        verdict=Verdict.MEND,
        found=f"{packet.source} advertises the same vhid, signed with another password or for other addresses",
        mend="if it belongs to another group, choose another vhid; else give both the same password and addresses",
    )


def _mate(host: VirtualHostConfig, about: str, packet: PacketReceived, heard: Advertisement) -> Iterator[Finding]:
    if packet.ttl != _TTL and not host.routed_peers:
        yield Finding(
            check=_CHECK,
            about=about,
            verdict=Verdict.MEND,
            found=f"what {packet.source} says comes through a router, with TTL {packet.ttl}, and is dropped",
            mend="bring the hosts onto one segment, or use unicast with routed_peers",
        )
    elif packet.destination.is_multicast and packet.destination not in {host.group, host.group6}:
        yield Finding(
            check=_CHECK,
            about=about,
            verdict=Verdict.MEND,
            found=f"{packet.source} advertises to {packet.destination}, which is not the group of this host",
            mend="give all hosts the same group",
        )
    elif not heard.is_goodbye:
        other = (
            ""
            if heard.advbase_s == host.advbase_s
            else f"; its advbase is {heard.advbase_s}, here {host.advbase_s}"
        )
        yield Finding(
            check=_CHECK,
            about=about,
            verdict=Verdict.NOTE,
            found=f"{packet.source} is master of this group, with advskew {heard.advskew}{other}",
        )
