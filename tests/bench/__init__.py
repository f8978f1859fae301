"""The benchmark: carpd, ucarp and keepalived, measured side by side in the same run (`python -m tests.bench`).

Each daemon runs as it is meant to run, in a network of its own (`triocarp.lab`), and is watched from outside:
frames and echo replies with the kernel's time stamps, addresses by the kernel's notifications. A second table has
the calls of the core, beside other libraries that read CARP; a third one the simulator, beside the same network on
trio and in SimPy. Nothing here is a test: no figure makes it fail, only
a scenario that did not happen does.
"""
