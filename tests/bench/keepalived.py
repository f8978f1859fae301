"""keepalived with a VRRP instance for each virtual host.

VRRP's priority is CARP's advskew from the other end: 256 - advskew. Priority 255 is kept for the owner of an
address, which is master from the first moment, so that advskew 0 and 1 become 254. Seconds are VRRPv2's,
fractions need VRRPv3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from tests.bench import settings as group
from tests.bench.implementation import program
from triocarp.lab import INTERFACE
from triocarp.lab.clock import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.settings import Settings
    from triocarp.lab import Host

_SHORTEST_INTERVAL: Final = 10 * MILLISECOND
_GLOBAL: Final = """\
global_defs {{
    vrrp_version {version}
}}
"""
_INSTANCE: Final = """\
vrrp_instance bench{vhid} {{
    state BACKUP
    interface {interface}
    virtual_router_id {vhid}
    priority {priority}
    advert_int {interval_s:g}
    {preemption}
    virtual_ipaddress {{
        {address}/{prefix_length} dev {interface}
    }}
}}
"""


@final
class Keepalived:
    """keepalived with its VRRP process alone, without the checker."""

    name = "keepalived"
    ready = "VRRP sockpool"

    def installed(self) -> bool:
        """See `Implementation.installed`."""
        return program("keepalived") is not None

    def supports(self, settings: Settings) -> bool:
        """See `Implementation.supports`: its shortest interval is 10 ms."""
        fast_enough = settings.advbase_s > 0 or settings.advskew * SECOND // 256 >= _SHORTEST_INTERVAL
        return fast_enough and not settings.sealed

    def interval(self, settings: Settings) -> int:
        """See `Implementation.interval`: skew is no part of it in VRRP, so below a second it stands for 10 ms."""
        return settings.advbase_s * SECOND or _SHORTEST_INTERVAL

    def dead_time(self, settings: Settings) -> int:
        """See `Implementation.dead_time`: three intervals and the skew, which VRRPv3 scales by the interval."""
        interval = self.interval(settings)
        skew_unit = (interval if settings.advbase_s == 0 else SECOND) // 256
        return 3 * interval + (256 - _priority(settings)) * skew_unit

    def commands(self, host: Host, settings: Settings, directory: Path) -> Sequence[Sequence[str]]:
        """See `Implementation.commands`."""
        del host
        numbers = [directory / "keepalived.pid", directory / "vrrp.pid"]
        for left_over in numbers:  # by a crash; after a real one /run is empty
            left_over.unlink(missing_ok=True)
        configuration = directory / "keepalived.conf"
        configuration.write_text(self._configuration(settings), encoding="ascii")
        return [
            [
                program("keepalived") or "keepalived",
                *("--dont-fork", "--log-console", "--log-detail", "--vrrp"),
                f"--use-file={configuration}",
                f"--pid={numbers[0]}",
                f"--vrrp_pid={numbers[1]}",
            ]
        ]

    def _configuration(self, settings: Settings) -> str:
        return _GLOBAL.format(version=2 if settings.advbase_s else 3) + "".join(
            _INSTANCE.format(
                interface=INTERFACE,
                vhid=vhid,
                priority=_priority(settings),
                interval_s=self.interval(settings) / SECOND,
                preemption="" if settings.preempt else "nopreempt",
                address=address,
                prefix_length=group.PREFIX_LENGTH,
            )
            for vhid, address in settings.shares.items()
        )


def _priority(settings: Settings) -> int:
    return 254 if settings.advbase_s == 0 else min(254, 256 - settings.advskew)
