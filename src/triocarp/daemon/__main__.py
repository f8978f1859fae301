"""``python -m triocarp.daemon`` is ``carpd``."""

import sys

from triocarp.daemon.main import main

if __name__ == "__main__":
    sys.exit(main())
