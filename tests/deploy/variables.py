"""The variables of the image."""

from typing import Final

VARIABLES: Final = frozenset(
    {
        "CARPD_ADDRESSES",
        "CARPD_ADVBASE",
        "CARPD_ADVSKEW",
        "CARPD_DEAD_RATIO",
        "CARPD_GROUP",
        "CARPD_PEERS",
        "CARPD_PREEMPT",
        "UCARP_ADDR",
        "UCARP_BROADCAST",
        "UCARP_GARP_TIMEOUT",
        "UCARP_GATEWAY",
        "UCARP_INTERFACE",
        "UCARP_MASKLEN",
        "UCARP_PASS",
        "UCARP_PASS_FILE",
        "UCARP_RTABLE",
        "UCARP_RTABLE_NETWORK_LENGTH",
        "UCARP_RULE_PRIORITY",
        "UCARP_SRCIP",
        "UCARP_VHID",
    }
)
