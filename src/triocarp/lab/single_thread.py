"""Keeps numerical libraries from starting threads when they are imported: a plugin that pytest loads first.

A process enters a private network only while it has one thread. pytest-randomly imports NumPy where there is one,
and OpenBLAS then starts a thread for each processor, before any configuration of ours is read.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
