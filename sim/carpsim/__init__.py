"""A simulated world in which the state machine of ``triocarp.core`` runs: hosts, segments and virtual time.

The world itself imports nothing but the core, and whoever drives it says what time it is. `virtual_time` runs the
whole daemon in it, on trio's mock clock.
"""
