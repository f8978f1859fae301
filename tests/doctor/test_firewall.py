"""Rules of nftables are followed as the kernel follows them, and what is not understood is told as such."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triocarp.doctor.packet_filter import Fate, advertisement, arp, fates

PACKET = advertisement("eth0", "224.0.0.18")
CARP = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "protocol"}}, "right": 112}}
NOT_CARP = {"match": {"op": "!=", "left": {"meta": {"key": "l4proto"}}, "right": "vrrp"}}
SSH = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}
SET = {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": {"set": [6, 112]}}}
GROUP = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "224.0.0.18"}}
OTHER_WAY = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth1"}}
RIDDLE = {"match": {"op": "==", "left": {"ct": {"key": "state"}}, "right": "new"}}
ACCEPT, DROP, REJECT, RETURN = ({word: None} for word in ("accept", "drop", "reject", "return"))


def jump(target: str, word: str = "jump") -> dict[str, Any]:
    """Return a statement that goes on in another chain."""
    return {word: {"target": target}}


def ruleset(rules: list[list[Any]], policy: str = "accept", **chains: list[list[Any]]) -> list[Any]:
    """Return a base chain at eth0's ingress, and others."""
    place = {"family": "netdev", "table": "t"}
    base = {**place, "name": "base", "type": "filter", "hook": "ingress", "dev": "eth0", "policy": policy}
    found: list[Any] = [{"metainfo": {}}, {"table": place}, {"chain": base}]
    for name, each in {"base": rules, **chains}.items():
        found += [{"rule": {**place, "chain": name, "expr": expressions}} for expressions in each]
    return found


def fate(rules: list[list[Any]], policy: str = "accept", **chains: list[list[Any]]) -> Fate:
    """Return what becomes of an advertisement."""
    ((name, found),) = fates(ruleset(rules, policy, **chains), "ingress", PACKET)
    assert name == "netdev t base"
    return found


@pytest.mark.parametrize(
    ("rules", "policy", "expected"),
    [
        ([], "accept", Fate.PASSES),
        ([], "drop", Fate.DROPPED),
        ([[CARP, ACCEPT]], "drop", Fate.PASSES),
        ([[SET, ACCEPT]], "drop", Fate.PASSES),
        ([[GROUP, ACCEPT]], "drop", Fate.PASSES),
        ([[CARP, DROP]], "accept", Fate.DROPPED),
        ([[CARP, {"counter": {}}, REJECT]], "accept", Fate.DROPPED),
        ([[NOT_CARP, DROP]], "accept", Fate.PASSES),
        ([[SSH, ACCEPT]], "drop", Fate.DROPPED),
        ([[OTHER_WAY, DROP]], "accept", Fate.PASSES),
        ([[RIDDLE, DROP]], "accept", Fate.UNCERTAIN),
        ([[RIDDLE, {"counter": {}}]], "accept", Fate.PASSES),
        ([[RIDDLE, DROP], [CARP, ACCEPT]], "accept", Fate.UNCERTAIN),
        ([[CARP, {"limit": {}}, ACCEPT]], "drop", Fate.UNCERTAIN),
        ([[{"vmap": {}}]], "accept", Fate.UNCERTAIN),
        ([[jump("other")]], "accept", Fate.DROPPED),
        ([[jump("empty")]], "drop", Fate.DROPPED),
        ([[jump("away", "goto")], [DROP]], "accept", Fate.PASSES),
        ([[jump("loop")]], "accept", Fate.PASSES),
    ],
)
def test_rules_are_followed(rules: list[list[Any]], policy: str, expected: Fate) -> None:
    """From the first to the last, into other chains and back, to the policy."""
    chains: dict[str, list[list[Any]]] = {"other": [[CARP, DROP]], "away": [[RETURN]], "loop": [[jump("loop")]]}
    assert fate(rules, policy, **chains) is expected


@given(st.lists(st.sampled_from([SSH, OTHER_WAY, NOT_CARP]), max_size=5), st.sampled_from([ACCEPT, DROP, REJECT]))
def test_rules_about_others_change_nothing(matches: list[Any], statement: Any) -> None:  # noqa: ANN401 - JSON
    """The policy decides."""
    rules = [[match, statement] for match in matches]
    assert fate(rules, "drop") is Fate.DROPPED
    assert fate(rules, "accept") is Fate.PASSES


def test_only_the_hooks_of_ones_own_interface_count() -> None:
    """Not another interface's, not input, no chain of another type."""
    rules = ruleset([], "drop")
    (base,) = [each["chain"] for each in rules if "chain" in each]
    for change in ({"dev": "eth1"}, {"dev": ["eth1", "eth2"]}, {"hook": "input"}, {"type": "nat"}):
        assert not list(fates([{"chain": base | change}], "ingress", PACKET))
    assert list(fates([{"chain": base | {"dev": ["eth1", "eth0"]}}], "ingress", PACKET))
    output = {**base, "family": "ip6", "hook": "output"}
    assert not list(fates([{"chain": output}], "output", PACKET))
    assert list(fates([{"chain": output | {"family": "inet"}}], "output", PACKET))


def about(protocol: str, field: str, right: Any, relation: str = "==") -> Any:  # noqa: ANN401 - JSON
    """Return a condition on a field of a packet."""
    return {"match": {"op": relation, "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}}


def network(address: str, length: int) -> Any:  # noqa: ANN401 - JSON
    """Return a network, as nft's JSON has it."""
    return {"prefix": {"addr": address, "len": length}}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (about("ip", "daddr", network("224.0.0.0", 4)), True),
        (about("ip", "daddr", network("239.0.0.0", 8)), False),
        (about("ip", "daddr", {"range": ["224.0.0.0", "224.0.0.255"]}), True),
        (about("ip", "daddr", {"set": ["10.0.0.1", network("224.0.0.0", 24)]}), True),
        (about("ip", "daddr", {"set": ["10.0.0.1", {"elem": {"val": "224.0.0.18"}}]}), True),
        (about("ip", "daddr", network("224.0.0.0", 4), "!="), False),
        (about("ip", "daddr", "@group"), None),
        (about("ip", "daddr", {"set": ["224.0.0.18", {"concat": []}]}), True),
        (about("ip", "saddr", network("10.0.0.0", 8)), None),
        (about("ip", "ttl", 255), True),
        (about("ip", "ttl", 255, "!="), False),
        (about("ip", "ttl", 255, "<"), False),
        (about("ip", "ttl", {"range": [1, 254]}), False),
        (about("ip", "ttl", 254, ">"), True),
        (about("ip", "protocol", {"range": [100, 120]}), True),
        (about("ether", "type", 0x0800), True),
        (about("ether", "type", "arp"), False),
        (about("tcp", "dport", 22, "!="), False),
        (about("arp", "operation", 1, "!="), False),
        ({"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth*"}}, True),
        ({"match": {"op": "==", "left": {"meta": {"key": "protocol"}}, "right": "ip6"}}, False),
    ],
)
def test_what_a_rule_says_of_an_advertisement(condition: Any, expected: bool | None) -> None:  # noqa: ANN401 - JSON
    """Networks, ranges and sets, the time to live; a rule about another protocol does not match at all."""
    fates_of = {True: Fate.DROPPED, False: Fate.PASSES, None: Fate.UNCERTAIN}
    assert fate([[condition, DROP]]) is fates_of[expected]


@pytest.mark.parametrize(
    ("condition", "question", "answer"),
    [
        (about("arp", "operation", "request"), Fate.DROPPED, Fate.PASSES),
        (about("arp", "operation", 2), Fate.PASSES, Fate.DROPPED),
        (about("arp", "operation", 256), Fate.DROPPED, Fate.PASSES),
        (about("arp", "daddr ip", network("10.0.0.0", 24)), Fate.DROPPED, Fate.UNCERTAIN),
        (about("arp", "saddr ip", "10.0.0.9"), Fate.UNCERTAIN, Fate.PASSES),
        (about("ether", "type", "arp"), Fate.DROPPED, Fate.DROPPED),
        (about("ip", "daddr", "10.0.0.9", "!="), Fate.PASSES, Fate.PASSES),
        (NOT_CARP, Fate.PASSES, Fate.PASSES),
    ],
)
def test_what_a_rule_says_of_arp(condition: Any, question: Fate, answer: Fate) -> None:  # noqa: ANN401 - JSON
    """Of a client's question, and of this host's answer; rules about IP are not about it."""
    rules = ruleset([[condition, DROP]])
    for reply, expected in ((False, question), (True, answer)):
        ((_, found),) = fates(rules, "ingress", arp("eth0", "10.0.0.100", reply=reply))
        assert found is expected


def test_arp_is_seen_by_the_chains_of_its_family() -> None:
    """And by the interface's own; those of IP do not see it, nor do ARP's see an advertisement."""
    (base,) = [each["chain"] for each in ruleset([], "drop") if "chain" in each]
    question = arp("eth0", "10.0.0.100", reply=False)
    hooked = {**base, "hook": "input"}
    assert list(fates([{"chain": hooked | {"family": "arp"}}], "input", question))
    assert not list(fates([{"chain": hooked | {"family": "inet"}}], "input", question))
    assert not list(fates([{"chain": base | {"family": "inet"}}], "ingress", question))
    assert list(fates([{"chain": base | {"family": "inet"}}], "ingress", PACKET))
    assert not list(fates([{"chain": hooked | {"family": "arp", "hook": "output"}}], "output", PACKET))
