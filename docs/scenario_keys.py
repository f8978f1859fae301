"""Writes ``docs/scenario-keys.md``: every key of scenario files, from the types that they are made of.

What a key means is what its field's docstring says.
"""
# ruff: noqa: INP001 - a script beside the page that it writes

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from carpsim.checks import CHECKS
from carpsim.conditions import Conditions
from carpsim.host import Script
from carpsim.neighbour_cache import NeighbourSettings
from carpsim.scenario import ClientSettings
from carpsim.scenario_file import CLIENT_TABLE, CONFIG, EXPECTATION, FAULT, ROUTER_TABLE, SEGMENT_TABLE, TOP
from carpsim.scenario_hosts import HOST_TABLE, OF_UCARP, SHARED_WITH_UCARP, UCARP_TABLE, VIRTUAL_HOST_KEYS
from carpsim.scenario_keys import Choice, Kind, Leaf, OrNone, Several, Table, default_of, is_required, kinds_of
from carpsim.toml_text import value_text
from carpsim.ucarp_host import UcarpOptions
from triocarp.core import VirtualHostConfig
from triocarp.daemon.config_keys import KEYS

PAGE: Final = Path(__file__).with_name("scenario-keys.md")

HEAD: Final = """\
# The keys of scenario files

Written by `docs/scenario_keys.py` from the types that read the files; a test holds the two together.
[The simulator](simulator.md) is where to begin.

A scenario is a [TOML](https://toml.io) file. Every mistake in it is told at once,
each with its line, the way to the value, and what is accepted.
Programs have the same vocabulary: each table is a class of `carpsim`, and each key a field of it.

- A **duration** is a number of seconds, or a text with a unit: `"50us"`, `"300ms"`, `"1.5s"`, `"5min"`, `"1h"`.
  Instants are durations from the beginning.
- A **distribution** is a duration that is always the same, or a table:
  `{ type = "uniform", least = "20us", most = "1ms" }`.
- A **probability** is a number from 0 to 1.
- Hosts, clients and segments are named by the tables that they have;
  faults and expectations refer to these names.
"""

GROUP: Final = """\
## `[group]` and `[host.NAME]`

`[group]` has what all hosts share, and a host's own table counts where both say something.
The order of the hosts is that of the file. Nothing has to be told but the virtual `addresses`:
the interface is `eth0`, the VHID 1, the password one of the simulator's own,
and each host has an address of its own in the network of the virtual ones.
With `transport = "unicast"` the peers are all other hosts.

`daemon = "ucarp"` makes a host run ucarp, of which there is a model. Without it a host runs carpd.

The keys of a virtual host are [those of carpd's configuration file](configuration-keys.md);
instead of files there are the password itself and what stands in this table.
A host with several virtual hosts has them in tables `[[host.NAME.virtual_host]]`,
which take what they do not say from the host.
"""

UCARP: Final = f"""\
A host with ucarp takes {", ".join(f"`{name}`" for name in SHARED_WITH_UCARP)} from here, and has these:
"""

SEGMENT: Final = """\
## `[segment.NAME]`

Without any there is one, `lan`.
A table `inward` or `outward` says all of a cable: what it leaves out is as [below](#conditions).
"""

ROUTER: Final = """\
## `[router.NAME]`

A router forwards packets between segments. Hosts and clients name its address on their segment as their gateway.
"""

CLIENT: Final = """\
## `[client.NAME]`

A client that is told no `target` probes the first virtual address.
One that is told no `address` has one in the network of its target.
"""

RATES: Final = f"""\
## `[[fault]]`

`type` says what happens, and `at` when. With `every` in the place of `at` it happens again and again:

| key | type | meaning |
|---|---|---|
| `every` | distribution | how much time passes from one to the next |
| `first` | duration | the first one's instant; without it, one drawn time from the beginning |
| `last` | duration | after this there is none; the end, if it is not told |

Every duration of a fault may be a distribution, too, and is then drawn for each.
What is drawn depends on the seed, on the number of the table `[[fault]]` in the file and on the key,
and on nothing else: other settings leave it as it is, and so does a further fault behind it.
One before it gives it another number, and so other instants.

`stop` may have a table `{CONFIG}`: settings of the host that count from its next start.
"""

EXPECT: Final = """\
## `[[expect]]`

`type` says what is expected. `carpsim run` ends with status 1 if something is not so.
"""

CHECKS_HEAD: Final = """\
## Checks

Who looks on, unless `checks` names fewer, or none: `checks = []`. Each judges whenever something happens,
against a bound that it makes of the scenario: latencies, intervals with their demotion, clock drift, late timers,
scripts. A violation is told with that bound and its numbers, a check that held with what was left of it in the
closest case. What was disturbed by a fault is judged from its bound after the fault's end on, so that a check may
have nothing to judge.

| check | what it promises | bound |
|---|---|---|
"""

OWN: Final[Mapping[str, str]] = {
    "password": "the shared secret",
    "other_password": "is accepted as well, while a group changes its password",
}


def write() -> str:
    """Return the page."""
    return "\n".join(
        (
            HEAD,
            "## Before the first table\n",
            *_table(TOP),
            GROUP,
            *_virtual_host(),
            "A host has these as well, and `[group]` may have them for all:\n",
            *_table(HOST_TABLE),
            UCARP,
            *_rows({name: (kind, _meaning(UcarpOptions, name), "") for name, kind in OF_UCARP.items()}),
            *_table(UCARP_TABLE),
            SEGMENT,
            *_table(SEGMENT_TABLE),
            ROUTER,
            *_table(ROUTER_TABLE),
            CLIENT,
            *_table(CLIENT_TABLE),
            RATES,
            *_choice(FAULT),
            EXPECT,
            *_choice(EXPECTATION),
            CHECKS_HEAD + "\n".join(_checks()) + "\n",
            "## Tables within tables\n",
            *_parts(),
        )
    )


def _checks() -> Iterator[str]:
    for name, check in CHECKS.items():
        yield f"| `{name}` | {check.PROMISE} | {check.FORMULA} |"


def _virtual_host() -> Iterator[str]:
    yield "| key | type | what is accepted | meaning |"
    yield "|---|---|---|---|"
    for name, key in VIRTUAL_HOST_KEYS.items():
        if name not in KEYS:
            meaning = OWN.get(name) or _meaning_of_field(name)
            yield f"| `{name}` | {key.kind.type} | {key.kind.accepted} | {meaning} |"
    yield ""


def _meaning_of_field(name: str) -> str:
    return _meaning(VirtualHostConfig, name)


def _parts() -> Iterator[str]:
    for title, cls in (("Conditions", Conditions), ("Script", Script), ("Neighbour cache", NeighbourSettings)):
        yield f"### {title}"
        yield ""
        yield _first_line(cls)
        yield ""
        yield from _table(Table(cls))
    for title, owner, field in (("Distribution", Conditions, "latency"), ("Loss", Conditions, "loss")):
        kind = kinds_of(owner)[field]
        assert isinstance(kind, Choice)  # noqa: S101 - a mistake in this script
        yield f"### {title}"
        yield ""
        yield f"{kind.accepted[0].upper()}{kind.accepted[1:]}."
        yield ""
        yield from _choice(kind, level=4)


def _choice(choice: Choice, level: int = 3) -> Iterator[str]:
    for name, table in choice.tables.items():
        yield f"{'#' * level} `{name}`"
        yield ""
        yield _first_line(table.cls)
        yield ""
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    rows: dict[str, tuple[Kind, str, str]] = {}
    for name, kind in table.keys.items():
        field = table.fields[name]
        default = default_of(field)
        if is_required(field) and not (table.cls is ClientSettings and name in {"address", "target"}):
            said = "**required**"
        elif default is None or default in ((), {}) or name == "segments":
            said = ""
        else:
            said = f"`{value_text(kind.write(default))}`"
        rows[name] = (kind, _meaning(table.cls, name), said)
    yield from _rows(rows)


def _rows(rows: Mapping[str, tuple[Kind, str, str]]) -> Iterator[str]:
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, (kind, meaning, default) in rows.items():
        yield f"| `{name}` | {_type(kind)} | {default} | {meaning} |"
    yield ""


def _type(kind: Kind) -> str:
    """Return what a value may be, in a few words."""
    match kind:
        case Leaf():
            return _type_of_leaf(kind)
        case Several(element=Several()):
            return "list of lists of names"
        case Several():
            return f"list, each {_type(kind.element)}"
        case OrNone():
            return f'{_type(kind.kind)}, or `"none"`'
        case Choice():
            return "[distribution](#distribution)" if "uniform" in kind.tables else "[loss](#loss)"
        case Table():
            return _LINKS.get(kind.cls, "table")
        case _:
            return "table"


def _type_of_leaf(kind: Leaf) -> str:
    if kind.words:
        return " or ".join(f'`"{word}"`' for word in kind.words)
    if kind.type in {"integer", "string"}:
        return kind.accepted.removeprefix("a ").removeprefix("an ")
    return "probability" if kind.type == "number" else kind.type


_LINKS: Final[Mapping[type[Any], str]] = {
    Conditions: "[conditions](#conditions)",
    Script: "[script](#script)",
    NeighbourSettings: "[neighbour cache](#neighbour-cache)",
}


def _first_line(cls: type[Any]) -> str:
    words = (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ").replace("``", "`")
    return _without_unit(words)


def _meaning(cls: type[Any], field: str) -> str:
    docstring = inspect.getdoc(cls) or ""
    found = re.search(rf"^ +{field}: (.+?)(?=\n +\w+: |\n\S|\Z)", docstring, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{cls.__name__}.{field} is not described"  # noqa: S101 - a mistake in a docstring
    words = " ".join(found[1].split()).replace("``", "`").removesuffix(".")
    words = re.sub(r"^nanoseconds; less", "how far; less", words)
    words = _without_unit(words)
    words = re.sub(r"; (?:None|nobody) for ([^;]*)$", r"; without it \1", words)  # a key that is not there
    words = words.replace("without it ever", "without it for ever")
    words = re.sub(r"`[A-Z]\w+\.([A-Z_]+)`", lambda name: f'`"{name[1].lower().replace("_", "-")}"`', words)
    return words.replace("|", "\\|")


def _without_unit(words: str) -> str:
    """Return a meaning without the unit of the program: a file has durations."""
    return re.sub(r",? ?(in )?nanoseconds", "", words).strip(" ,;")


if __name__ == "__main__":
    PAGE.write_text(write(), encoding="utf-8")
