"""The demonstration: three hosts and a client in private networks, with real daemons and real packets.

`python -m triocarp.demo` plays it. The machine's own network is never touched.
"""
