"""``python -m triocarp.daemon`` is ``carpd``.

Here is what must be quick: the health check, which would otherwise load a whole daemon every ten seconds, and
SIGTERM to the first process of a container, which the kernel ignores until somebody handles it.
"""

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Run carpd, or ask the one that runs how it is, and return the exit status."""
    if sys.argv[1:] == ["--healthcheck"]:
        from triocarp.daemon import health_check  # noqa: PLC0415 - see above

        return health_check.main()
    if os.getpid() == 1:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, _leave)
    from triocarp.daemon.main import main as serve  # noqa: PLC0415 - see above

    return serve()


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
