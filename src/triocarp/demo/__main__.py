"""``python -m triocarp.demo`` plays the demonstration."""

import sys

from triocarp.demo.main import main

if __name__ == "__main__":
    sys.exit(main())
