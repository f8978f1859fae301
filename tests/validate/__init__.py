"""The simulator beside reality: the same scenes with simulated hosts, and with real daemons in network namespaces.

It stands among the tests, next to the benchmark, because it needs both sides: the lab and what the benchmark
knows of real daemons here, and the simulator there, neither of which may know of the other.
"""

from triocarp.lab import single_thread as single_thread  # before numpy, for a process with threads may not move
