"""Through which interface this host reaches the rest of the world over IPv4."""

from pathlib import Path
from typing import Final

_ROUTES: Final = Path("/proc/thread-self/net/route")
_UP: Final = 0x1  # <linux/route.h>
_REJECT: Final = 0x200
_NOTHING: Final = "00000000"


def default_interface() -> str | None:
    """Return the interface of this host's best IPv4 default route in the main table, or None if there is none.

    Raises:
        OSError: ``/proc`` is not mounted.
    """
    return best_default_interface(_ROUTES.read_text(encoding="utf-8", errors="surrogateescape"))


def best_default_interface(routes: str) -> str | None:
    """Return the interface of the default route with the least metric, the first of them if there are several.

    A route through a gateway and one that has none count alike.

    Args:
        routes: the text of ``/proc/net/route`` (proc_pid_net(5)).
    """
    best: tuple[int, str] | None = None
    for line in routes.splitlines()[1:]:
        interface, destination, _gateway, flags, _, _, metric, mask, *_ = line.split()
        usable = int(flags, 16) & (_UP | _REJECT) == _UP
        if usable and destination == mask == _NOTHING and (best is None or int(metric) < best[0]):
            best = int(metric), interface
    return None if best is None else best[1]
