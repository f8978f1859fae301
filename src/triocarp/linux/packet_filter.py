"""Classic BPF programs: what the kernel shall not even wake us for.

An instruction is written as in ``struct sock_filter`` of <linux/filter.h>: code, jump if true, jump if false
(both counted from the next instruction), operand. A program returns how many bytes of the packet to keep.
"""

import ctypes
import socket
import struct
from collections.abc import Sequence
from typing import Final, TypeAlias

from triocarp.core.family import Family

Instruction: TypeAlias = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""

ETHERTYPES: Final = {Family.IPV4: 0x0800, Family.IPV6: 0x86DD}
"""Which ethertype carries a family (``ETH_P_IP`` and ``ETH_P_IPV6`` of <linux/if_ether.h>)."""

_SO_ATTACH_FILTER: Final = 26  # <asm-generic/socket.h>; Python does not have it

# <linux/bpf_common.h>
_LOAD_WORD: Final = 0x20
_LOAD_HALF: Final = 0x28
_LOAD_BYTE: Final = 0x30
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_LOAD_NUMBER: Final = 0x00
_LOAD_BYTE_BEHIND_X: Final = 0x50
_LOAD_NUMBER_INTO_X: Final = 0x01
_COPY_INTO_X: Final = 0x07

_KEEP: Final = 0x40000
_PACKET_TYPE: Final = 0xFFFF_F000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE: what the kernel notes beside the packet
_PACKET_OTHERHOST: Final = 3  # <linux/if_packet.h>
_FIND_ATTRIBUTE: Final = 0xFFFF_F000 + 12  # SKF_AD_OFF + SKF_AD_NLATTR: the one of type X, from offset A on; or 0

_ETHERTYPE_OFFSET: Final = 12
# Behind the 14 bytes of Ethernet.
_PROTOCOL_OFFSETS: Final = {Family.IPV4: 23, Family.IPV6: 20}
_MESSAGE_TYPE_OFFSET: Final = 4  # struct nlmsghdr
_MESSAGE_PORT_OFFSET: Final = 12
_ADDRESS_FAMILY_OFFSET: Final = 16  # struct ifaddrmsg behind it
_ADDRESS_ATTRIBUTES_OFFSET: Final = 24
_ATTRIBUTE_HEADER_LENGTH: Final = 4
_IFA_PROTO: Final = 11  # <linux/if_addr.h>

KEEP_NOTHING: Final = ((_RETURN, 0, 0, 0),)
"""The program for a socket that only sends."""


def ip_protocol(family: Family, protocol: int) -> tuple[Instruction, ...]:
    """Return the program that keeps the IP packets of one protocol that are for this host, or for many.

    In IPv6 the protocol is the header's next one: what has extension headers in between is no advertisement.

    The kernel marks two kinds of frames as another host's. One is a unicast frame with another MAC, which comes
    only while somebody traces. The other comes from a VLAN that this host does not have; its tag is off by the
    time that a socket on the trunk gets it, and it may be an advertisement from another segment with the same
    VHID.

    Args:
        family: whose packets.
        protocol: its number.
    """
    return (
        (_LOAD_HALF, 0, 0, _ETHERTYPE_OFFSET),
        (_JUMP_IF_EQUAL, 0, 5, ETHERTYPES[family]),
        (_LOAD_BYTE, 0, 0, _PROTOCOL_OFFSETS[family]),
        (_JUMP_IF_EQUAL, 0, 3, protocol),
        (_LOAD_WORD, 0, 0, _PACKET_TYPE),
        (_JUMP_IF_EQUAL, 1, 0, _PACKET_OTHERHOST),
        (_RETURN, 0, 0, _KEEP),
        (_RETURN, 0, 0, 0),
    )


def unless_own(message_type: int, port_id: int, address_protocol: int) -> tuple[Instruction, ...]:
    """Return the program that drops netlink messages of one type which one port caused, and keeps all others.

    Notifications about IPv6 addresses do not name a port; those about addresses with our mark are dropped. The
    answers to a dump, several in one datagram, name the port that asked, and are kept.

    BPF reads numbers in network order and netlink writes them in the host's.

    Args:
        message_type: such as ``RTM_NEWADDR``.
        port_id: of the netlink socket whose requests cause them.
        address_protocol: the mark, in ``IFA_PROTO``.
    """
    return (
        (_LOAD_HALF, 0, 0, _MESSAGE_TYPE_OFFSET),
        (_JUMP_IF_EQUAL, 0, 13, socket.htons(message_type)),
        (_LOAD_WORD, 0, 0, _MESSAGE_PORT_OFFSET),
        (_JUMP_IF_EQUAL, 10, 0, socket.htonl(port_id)),
        (_JUMP_IF_EQUAL, 0, 10, 0),
        (_LOAD_BYTE, 0, 0, _ADDRESS_FAMILY_OFFSET),
        (_JUMP_IF_EQUAL, 0, 8, socket.AF_INET6),
        (_LOAD_NUMBER_INTO_X, 0, 0, _IFA_PROTO),
        (_LOAD_NUMBER, 0, 0, _ADDRESS_ATTRIBUTES_OFFSET),
        (_LOAD_WORD, 0, 0, _FIND_ATTRIBUTE),
        (_JUMP_IF_EQUAL, 4, 0, 0),
        (_COPY_INTO_X, 0, 0, 0),
        (_LOAD_BYTE_BEHIND_X, 0, 0, _ATTRIBUTE_HEADER_LENGTH),
        (_JUMP_IF_EQUAL, 0, 1, address_protocol),
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
