"""What no host would send, as a sound receiver reads it."""

from ipaddress import IPv4Address

import pytest

from carpsim.crafted_packets import CraftedAdvertisement, VrrpRouter
from carpsim.faults import Fault, Filter
from carpsim.frame import Frame, FrameKind
from carpsim.scenario import ClientSettings, Scenario
from carpsim.world import World
from tests.sim.recorder import PASSWORD, VHID, VIP, carpd
from triocarp.core import CARP_GROUP, DropReason
from triocarp.core.advertisement import internet_checksum
from triocarp.core.timing import SECOND

SOURCE = IPv4Address("10.0.0.66")
CLIENT = ClientSettings(name="client", address=IPv4Address("10.0.0.200"), target=VIP.ip)


def frames_of(fault: Fault, *, label: str = "adversary") -> tuple[World, list[Frame]]:
    """Let a fault happen beside one carpd, and return the world at its end and what somebody sent."""
    world = World(Scenario(hosts=(carpd("a", 1),), clients=(CLIENT,), faults=(fault,), duration=10 * SECOND))
    frames: list[Frame] = []
    world.segments["lan"].add_sender_tap(lambda _, name, frame: frames.append(frame) if name == label else None)
    world.run()
    return world, frames


def dropped(world: World) -> dict[DropReason, int]:
    """Return how many packets the carpd has dropped, by reason."""
    node = world.carpd("a").node
    assert node is not None
    (virtual_host,) = node.virtual_hosts.values()
    counts = node.statistics.dropped + virtual_host.statistics.dropped
    return {reason: count for reason, count in counts.items() if count}


def advertisement(**wrong: int | bool) -> CraftedAdvertisement:
    """Return one that is right in all but one thing."""
    return CraftedAdvertisement(
        at=4 * SECOND,
        vhid=VHID,
        source=SOURCE,
        addresses=(VIP.ip,),
        password=PASSWORD.decode(),
        **wrong,  # type: ignore[arg-type]  # each of its own type
    )


@pytest.mark.parametrize(
    ("wrong", "reasons"),
    [
        ({}, set()),
        ({"ttl": 254}, {DropReason.BAD_TTL}),
        ({"version": 3}, {DropReason.BAD_VERSION}),
        ({"sums_up": False}, {DropReason.BAD_CHECKSUM}),
        ({"length": 35}, {DropReason.BAD_LENGTH}),
        ({"length": 0}, {DropReason.SHORT_HEADER, DropReason.BAD_LENGTH}),
    ],
)
def test_an_advertisement_is_wrong_in_one_thing(wrong: dict[str, int], reasons: set[DropReason]) -> None:
    """It is sent once, its IP header sums up whatever is wrong, and a receiver names what it is."""
    world, frames = frames_of(advertisement(**wrong))
    (frame,) = frames
    packet = frame.packet
    assert internet_checksum(frame.packet[:20]) == 0
    assert (packet[12:16], packet[16:20], packet[9]) == (SOURCE.packed, CARP_GROUP.packed, 112)
    found = dropped(world)
    assert set(found) <= reasons
    assert sum(found.values()) == bool(reasons)


@pytest.mark.parametrize("version", [2, 3])
def test_a_vrrp_router_is_one_to_others(version: int) -> None:
    """Its number, priority and interval stand where VRRP has them; its checksum is that of its version."""
    router = VrrpRouter(
        at=0, vhid=VHID, source=SOURCE, address=IPv4Address("10.0.0.251"), priority=120, vrrp=version
    )
    world, frames = frames_of(router)
    assert len(frames) == 11
    payload = frames[0].packet[20:]
    assert (payload[0] >> 4, payload[1], payload[2], payload[3]) == (version, VHID, 120, 1)
    length = len(payload).to_bytes(2)
    pseudo = SOURCE.packed + CARP_GROUP.packed + bytes((0, 112)) + length if version == 3 else b""
    assert internet_checksum(pseudo + payload) == 0
    assert frames[0].source == bytes.fromhex("00005e0001") + bytes((VHID,))
    assert dropped(world) == {DropReason.FOREIGN: 10}  # the last one is still on its way


@pytest.mark.parametrize(("kind", "outages"), [(FrameKind.ARP, 1), (FrameKind.CARP_IPV4, 1), (FrameKind.OTHER, 2)])
def test_a_filter_drops_frames_of_one_kind(kind: FrameKind, outages: int) -> None:
    """A client that knows the MAC needs no ARP for a while, no CARP at all, and its probes always."""
    fault = Filter(at=6 * SECOND, frames=kind, receivers=("client",), duration=SECOND)
    world, _ = frames_of(fault)
    assert len(world.clients["client"].outages) == outages
    assert not world.segments["lan"].has_rules
