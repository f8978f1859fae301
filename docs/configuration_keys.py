"""Writes ``docs/configuration-keys.md``: every key of carpd's configuration file, from the types that read it.

What a key means is what the field of `VirtualHostConfig` says that it stands for, in the words of the file.
"""
# ruff: noqa: INP001 - a script beside the page that it writes

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from triocarp.core import CARPD, FlapDamping, Sealing, Transport, VirtualHostConfig
from triocarp.core.timing import SECOND
from triocarp.daemon.config_keys import KEYS, TABLE, TOP_KEYS, Key

PAGE: Final = Path(__file__).with_name("configuration-keys.md")

DAMPING: Final = FlapDamping()

HEAD: Final = """\
# The configuration file's keys

Written by `docs/configuration_keys.py` from the types that read the file; a test holds the two together.

The file is [TOML](https://toml.io), for `carpd --config FILE`. Keys are required that have no default.
Every mistake is told at once, each with the path to its value, as in `virtual_host[0].addresses[1]`.
What cannot be read hides nothing of the rest but what depends on it.
`carpd` tells in the same go what the host lacks: an interface, a `source` of its own, the journal's directory.

A program reads the same file with `triocarp.daemon.config_file.read_node_config(path)`, and gets the `NodeConfig`.
It reads the password files, and the interface's own addresses where the file has no `source` and no `source6`.
The scripts need not be there. It raises one `SettingsError`, with a line for each mistake in `lines`.
"""

DEFAULTS: Final = {
    "dialect": f'`"{CARPD.name}"`',
    "source": "the interface's own, if there is an IPv4 virtual address and no `source6`",
    "source6": "the interface's own, link-local if it can be, if there is an IPv6 virtual address and no `source`",
    "source_mac": "the dialect's",
    "flap_damping": "`false`",
    "link_layer_address": "none",
    "failover_group": "none",
    "routing_table": "none",
    "rule_priority": "the system's, just before the main table's",
    "routing_prefix_length": "the address's own",
}
"""What the file's reader or a dialect fills in, or what is no value in TOML."""

NOTES: Final = {
    "advbase": "0 where the dialect has it, with an `advskew` unless it is OpenBSD's; not 255 with `advskew` 255",
    "advskew": "254 at most, but in ucarp's dialect",
    "password_file": "its first line, at most 20 bytes (19 with ucarp or a BSD: more is told as a warning)",
    "addresses": "one IPv4 address in ucarp's dialect, else up to 255",
    "seal_window_s": "not while `sealing` is off",
    "link_layer_address": "OpenBSD's dialects only",
    "routing_table": "not 253, 254 or 255, which are the system's; each virtual host its own",
    "gateways": "at most one of each family",
    "flap_damping": f"after {DAMPING.losses} losses in {DAMPING.within / SECOND:g} s, "
    f"for {DAMPING.hold_down / SECOND:g} s",
}
"""What a range alone does not say."""


def write() -> str:
    """Return the page."""
    return "\n".join((HEAD, *_top(), *_virtual_host()))


def _top() -> Iterator[str]:
    yield "## Before the first table"
    yield ""
    yield from _table(TOP_KEYS)


def _virtual_host() -> Iterator[str]:
    yield f"## In each `[[{TABLE}]]`"
    yield ""
    yield from _table(KEYS)


def _table(keys: Mapping[str, Key]) -> Iterator[str]:
    yield "| key | type | unit | default | what is accepted | meaning |"
    yield "|---|---|---|---|---|---|"
    for name, key in keys.items():
        kind = key.kind
        type_ = f"list of {kind.type}s" if kind.several else kind.type
        accepted = f"each {kind.accepted}" if kind.several else kind.accepted
        note = f"; {NOTES[name]}" if name in NOTES else ""
        cells = (f"`{name}`", type_, _unit(name), _default(name, key), accepted + note, _meaning(key))
        yield f"| {' | '.join(cells)} |"
    yield ""


def _unit(name: str) -> str:
    if name.endswith("_s") or name == "advbase":
        return "s"
    return {"advskew": "1/256 s", "dead_ratio": "intervals", "announce_after": "advertisements"}.get(name, "")


def _default(name: str, key: Key) -> str:
    if key.required:
        return "**required**"
    if name in DEFAULTS:
        return DEFAULTS[name]
    if not key.field:
        return "none" if key.default is None else _in_toml(key.default)
    (field,) = (field for field in dataclasses.fields(VirtualHostConfig) if field.name == key.field)
    default: object = field.default
    if key.kind.seconds and isinstance(default, int):
        return _in_toml(default / SECOND)
    return "none" if default is None else _in_toml(default)


def _in_toml(value: object) -> str:
    match value:
        case bool():
            text = str(value).lower()
        case int() | float():
            text = f"{value:g}"
        case Transport() | Sealing():
            text = f'"{value.value}"'
        case tuple():
            text = str(list(value))  # pyright: ignore[reportUnknownArgumentType] - of any elements
        case _:
            text = f'"{value}"'
    return f"`{text}`"


def _meaning(key: Key) -> str:
    if not key.field:
        return key.meaning
    docstring = inspect.getdoc(VirtualHostConfig) or ""
    found = re.search(rf"^ +{key.field}: (.+?)(?=\n +\w+: |\Z)", docstring, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{key.field} is not described"  # noqa: S101 - a mistake in a docstring
    words = " ".join(found[1].split()).replace("``", "`")
    # The file says "unicast" where the class says Transport.UNICAST.
    words = re.sub(r"`[A-Z]\w+\.([A-Z]+)`", lambda name: f'`"{name[1].lower()}"`', words)
    words = re.sub(r"; (None for|else empty)[^.]*", "", words)  # a key that is not there
    return words.removesuffix(".")


if __name__ == "__main__":
    PAGE.write_text(write(), encoding="utf-8")
