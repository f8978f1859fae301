"""From the stanzas of Debian's interfaces(5) that Debian's package of ucarp reads."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, final

from triocarp.migrate import ucarp_options
from triocarp.migrate.migration import MigratedHost, Migration, MigrationError, stand_in

_BEGINNINGS: Final = frozenset(
    {"iface", "auto", "mapping", "source", "source-directory", "no-auto-down", "rename"}
)
_NO: Final = ("no", "off", "false", "0")
_NEEDED: Final = ("ucarp-vid", "ucarp-vip", "ucarp-password")
_FLAGS: Final = {
    "ucarp-vid": "--vhid",
    "ucarp-vip": "--addr",
    "ucarp-password": "--pass",
    "ucarp-upscript": "--upscript",
    "ucarp-downscript": "--downscript",
    "ucarp-advskew": "--advskew",
    "ucarp-advbase": "--advbase",
    "ucarp-deadratio": "--deadratio",
    "ucarp-xparam": "--xparam",
}
_SWITCHES: Final = {"ucarp-master": "--preempt", "ucarp-nomcast": "--nomcast"}
_ADDRESS: Final = frozenset({"address", "netmask", "network", "broadcast"})
_ALIAS: Final = ":ucarp"


@final
@dataclass(frozen=True, slots=True)
class _Stanza:
    """What stands below ``iface NAME inet METHOD``.

    Attributes:
        name: of the interface.
        options: by name; of several with the same name the last.
    """

    name: str
    options: dict[str, str] = field(default_factory=dict[str, str])


def read(text: str) -> Migration:
    """Return what the stanzas mean.

    Args:
        text: of ``/etc/network/interfaces``.

    Raises:
        MigrationError: with a line for every mistake.
        OSError: the kernel does not tell the interfaces.
    """
    stanzas = _stanzas(text)
    aliases = {stanza.name: stanza for stanza in stanzas if stanza.name.endswith(_ALIAS)}
    wanted = [stanza for stanza in stanzas if all(stanza.options.get(name) for name in _NEEDED)]
    if not wanted:
        incomplete = [stanza.name for stanza in stanzas if any(name in stanza.options for name in _NEEDED)]
        of = f"; {', '.join(incomplete)} lacks one of them" if incomplete else ""
        raise MigrationError(f"no stanza has {', '.join(_NEEDED)}{of}")
    migrations: list[Migration] = []
    wrong: list[str] = []
    for stanza in wanted:
        try:
            migrations.append(_read_stanza(stanza, aliases.get(stanza.name + _ALIAS)))
        except MigrationError as error:
            wrong += (f"iface {stanza.name}: {_in_debians_words(line)}" for line in error.lines)
    if wrong:
        raise MigrationError(*wrong)
    differences = dict.fromkeys(difference for migration in migrations for difference in migration.differences)
    return Migration(
        hosts=tuple(host for migration in migrations for host in migration.hosts), differences=tuple(differences)
    )


def _in_debians_words(line: str) -> str:
    """Return what is said of an option with the name that it has in a stanza."""
    for option, flag in {**_FLAGS, **_SWITCHES, "address": "--srcip"}.items():
        line = re.sub(rf"(-\w/)?{flag}\b", option, line)
    return line


def _stanzas(text: str) -> list[_Stanza]:
    stanzas: list[_Stanza] = []
    inside = False
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ") if " " in line.strip() else line.strip().partition("\t")
        if not word or word.startswith("#"):
            continue
        if word in _BEGINNINGS or word.startswith("allow-"):
            inside = word == "iface" and bool(rest.split())
            if inside:
                stanzas.append(_Stanza(rest.split()[0]))
        elif inside:
            # Debian's hook cannot tell them apart: it sees both in capitals with underscores.
            stanzas[-1].options[word.replace("_", "-")] = rest.strip()
    return stanzas


def _read_stanza(stanza: _Stanza, alias: _Stanza | None) -> Migration:
    options = stanza.options
    words = ["--shutdown", "--daemonize", f"--interface={stanza.name}"]
    words += [f"{flag}={options[name]}" for name, flag in _FLAGS.items() if name in options]
    words += [flag for name, flag in _SWITCHES.items() if name in options and not options[name].startswith(_NO)]
    source = options.get("address", "").partition("/")[0]
    words.append(f"--srcip={source or '192.0.2.1'}")
    length = None if alias is None else _prefix_length(alias)
    if length is not None:
        words.append(f"--prefix-length={length}")
    migration = ucarp_options.read(words)
    (host,) = migration.hosts
    changed = replace(
        host,
        password_origin=f"ucarp-password of the stanza iface {stanza.name}",
        flags=tuple(word for word in host.flags if word != "--daemonize"),
    )
    if not source:
        changed = _without_source(changed)
    own = [*migration.differences, *_differences(stanza, alias, source)]
    dropped = [difference for difference in own if not difference.startswith("-B ")]
    return replace(migration, hosts=(changed,), differences=tuple(dropped))


def _without_source(host: MigratedHost) -> MigratedHost:
    config = replace(host.config, source=stand_in("source", host.config.addresses))
    return replace(host, config=config, left_out=frozenset({"source"}), flags=())


def _prefix_length(alias: _Stanza) -> int | None:
    address, _, length = alias.options.get("address", "").partition("/")
    mask = length or alias.options.get("netmask", "")
    try:
        return ipaddress.ip_interface(f"{address or '192.0.2.1'}/{mask}").network.prefixlen if mask else None
    except ValueError:
        return None


def _differences(stanza: _Stanza, alias: _Stanza | None, source: str) -> Sequence[str]:
    found: list[str] = []
    name = stanza.name
    if not source:
        found.append(f"the stanza of {name} has no address: carpd takes the interface's own when it starts")
    if "ucarp-upscript" not in stanza.options and "ucarp-downscript" not in stanza.options:
        found.append(
            f"Debian's own scripts run ifup and ifdown on {name}{_ALIAS}; "
            "carpd holds the address itself, and that stanza can go"
        )
        lost = [] if alias is None else sorted(alias.options.keys() - _ADDRESS)
        if lost:
            found.append(f"what stands there besides is not done any more: {', '.join(lost)}")
    unknown = sorted(
        option for option in stanza.options if option.startswith("ucarp-") and option not in {*_FLAGS, *_SWITCHES}
    )
    if unknown:
        found.append(f"{', '.join(unknown)}: Debian's hook does not know it, and carpd's neither")
    found.append("take the ucarp- options out of the stanza, or let carpd's own hook read them: docs/debian.md")
    return found
