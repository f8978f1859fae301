"""triocarp: keeps one IP address alive on a group of hosts with CARP.

- ``triocarp.core`` is the sans-IO state machine, for embedders.
- ``triocarp.daemon`` is ``carpd``, the daemon that replaces ``ucarp``.
- ``triocarp.linux`` is what ``carpd`` does to the kernel.
- ``triocarp.lab`` and ``triocarp.demo`` are private networks of namespaces, and the show that runs in one.
"""
