"""What touches the Linux kernel: packet socket, rtnetlink, precise timer, privileges.

Nothing here decides anything about the protocol. Each module is imported by its own name, so that a program
pays only for what it uses.
"""
