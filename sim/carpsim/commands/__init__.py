"""What ``carpsim`` can be asked for: one module for each subcommand.

Each has ``NAME``, ``HELP``, ``add_arguments`` and ``run``; see `Command`.
"""
