"""Says who was master in a capture, and why that changed: who_was_master.py CAPTURE VHID ADDRESS... < password."""

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dpkt

from triocarp.core.observer import Host, ObservedGroup, Observer, RoleChanged, Sighting, explain_sighting


def main(capture: str, vhid: str, *addresses: str) -> None:
    """Print what happened, and then the roles of each host over time; seconds count from the first frame."""
    password = sys.stdin.buffer.readline().rstrip(b"\n")
    group = ObservedGroup(vhid=int(vhid), passwords=(password,), addresses=tuple(map(ip_address, addresses)))
    observer = Observer(group)
    seen: list[Sighting] = []
    begin = end = None
    with Path(capture).open("rb") as file:
        frames: Any = dpkt.pcap.Reader(file)
        for seconds, frame in frames:
            end = round(seconds * 1_000_000) * 1000  # nanoseconds of the whole microseconds in the file
            begin = end if begin is None else begin
            seen += observer.observe(frame, end)
    if begin is None or end is None:
        sys.exit(f"{capture} has no frames")

    roles: dict[Host, list[str]] = {}
    for sighting in seen:
        at = f"{(sighting.at - begin) / 1e9:.3f} s"
        print(f"{at:>10}  {explain_sighting(sighting)}")
        if isinstance(sighting, RoleChanged):
            roles.setdefault(sighting.host, []).append(f"{sighting.role.value} from {at}")
    for host, changes in roles.items():
        print(f"{host}: {', '.join(changes)}, until {(end - begin) / 1e9:.3f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
