"""Classic BPF programs: what the kernel shall not even wake us for.

An instruction is written as in ``struct sock_filter`` of <linux/filter.h>: code, jump if true, jump if false
(both counted from the next instruction), operand. A program returns how many bytes of the packet to keep.
"""

import ctypes
import socket
import struct
from collections.abc import Sequence
from typing import Final, TypeAlias

Instruction: TypeAlias = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""

_SO_ATTACH_FILTER: Final = 26  # <asm-generic/socket.h>; Python does not have it

# <linux/bpf_common.h>
_LOAD_WORD: Final = 0x20
_LOAD_HALF: Final = 0x28
_LOAD_BYTE: Final = 0x30
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06

_KEEP: Final = 0x40000
_PACKET_TYPE: Final = 0xFFFF_F000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE: what the kernel notes beside the packet
_PACKET_OTHERHOST: Final = 3  # <linux/if_packet.h>

_ETHERTYPE_OFFSET: Final = 12
_PROTOCOL_OFFSET: Final = 23  # of an IPv4 header behind the 14 bytes of Ethernet
_MESSAGE_TYPE_OFFSET: Final = 4  # struct nlmsghdr
_MESSAGE_PORT_OFFSET: Final = 12


def ipv4_protocol(protocol: int) -> tuple[Instruction, ...]:
    """Return the program that keeps the IPv4 packets of one protocol that are for this host, or for many.

    The kernel marks two kinds of frames as another host's. One is a unicast frame with another MAC, which comes
    only while somebody traces. The other comes from a VLAN that this host does not have; its tag is off by the
    time that a socket on the trunk gets it, and it may be an advertisement from another segment with the same
    VHID.

    Args:
        protocol: its number.
    """
    return (
        (_LOAD_HALF, 0, 0, _ETHERTYPE_OFFSET),
        (_JUMP_IF_EQUAL, 0, 5, 0x0800),
        (_LOAD_BYTE, 0, 0, _PROTOCOL_OFFSET),
        (_JUMP_IF_EQUAL, 0, 3, protocol),
        (_LOAD_WORD, 0, 0, _PACKET_TYPE),
        (_JUMP_IF_EQUAL, 1, 0, _PACKET_OTHERHOST),
        (_RETURN, 0, 0, _KEEP),
        (_RETURN, 0, 0, 0),
    )


def unless_own(message_type: int, port_id: int) -> tuple[Instruction, ...]:
    """Return the program that drops netlink messages of one type which one port caused, and keeps all others.

    BPF reads numbers in network order and netlink writes them in the host's.

    Args:
        message_type: such as ``RTM_NEWADDR``.
        port_id: of the netlink socket whose requests cause them.
    """
    return (
        (_LOAD_HALF, 0, 0, _MESSAGE_TYPE_OFFSET),
        (_JUMP_IF_EQUAL, 0, 3, socket.htons(message_type)),
        (_LOAD_WORD, 0, 0, _MESSAGE_PORT_OFFSET),
        (_JUMP_IF_EQUAL, 0, 1, socket.htonl(port_id)),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, _KEEP),
    )


def attach(receiver: socket.socket, program: Sequence[Instruction]) -> None:
    """Have the kernel run a program over all that a socket is about to receive.

    Args:
        receiver: the socket.
        program: it.

    Raises:
        OSError: the kernel refuses the program.
    """
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    memory = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog holds a pointer; the kernel has copied the program when setsockopt(2) returns.
    header = struct.pack("@HP", len(program), ctypes.addressof(memory))
    receiver.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
