"""Virtual hosts as the tables of carpd's configuration file: the reverse of `config_file`."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from triocarp.core import CARPD, FlapDamping, Hook, VirtualHostConfig
from triocarp.core.timing import SECOND
from triocarp.daemon.config_keys import KEYS, TABLE, Key
from triocarp.daemon.settings import SCRIPT_TIMEOUT_S_DEFAULT
from triocarp.migrate.migration import MigratedHost, Migration, MigrationError

_DEFAULTS: Final[Mapping[str, object]] = {
    each.name: each.default for each in dataclasses.fields(VirtualHostConfig)
} | {"dialect": CARPD}
_SCRIPT_KEYS: Final = {Hook.UP: "up_script", Hook.DOWN: "down_script"}
_DELETE: Final = "\x7f"


def write(migration: Migration) -> str:
    """Return the file that means what was read.

    Args:
        migration: what was read.

    Raises:
        MigrationError: TOML cannot say it.
    """
    lines = [f"{name} = {_text(value)}" for name, value in migration.top.items()]
    for host in migration.hosts:
        lines += ["", f"[[{TABLE}]]"]
        lines += [f"{name} = {_text(value)}" for name, value in _table(host)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _table(host: MigratedHost) -> Iterator[tuple[str, object]]:
    for name, key in KEYS.items():
        if not key.field or key.field in host.left_out:
            continue
        if key.field == "password":
            yield name, str(host.password_file)
            continue
        value = getattr(host.config, key.field)
        if value != _DEFAULTS[key.field] or key.required:
            yield name, _plain(key, value)
    yield from _scripts(host)


def _plain(key: Key, value: Any) -> object:  # noqa: ANN401 - of the field's type, whichever that is
    """Return a value of the configuration as TOML has it."""
    if key.kind.choices:
        return next(name for name, meant in key.kind.choices.items() if meant == value)
    if key.kind.seconds:
        return value / SECOND
    if isinstance(value, FlapDamping):
        return True
    if isinstance(value, bytes):
        return value.hex(":")
    if isinstance(value, tuple):
        return [_plain(key, element) for element in value]
    return value if isinstance(value, bool | int) else str(value)


def _scripts(host: MigratedHost) -> Iterator[tuple[str, object]]:
    for hook, name in _SCRIPT_KEYS.items():
        if hook in host.scripts:
            yield name, str(Path(host.scripts[hook].path).absolute())
    for script in list(host.scripts.values())[:1]:
        parameters = script.arguments[2:]
        if parameters == ("",):
            raise MigrationError("an empty parameter of the scripts cannot be said in a configuration file")
        yield from (("script_parameter", parameter) for parameter in parameters)
        if script.timeout_s != SCRIPT_TIMEOUT_S_DEFAULT:
            yield "script_timeout_s", int(script.timeout_s)


def _text(value: object) -> str:
    if isinstance(value, list):
        elements: list[object] = value
        return f"[{', '.join(map(_text, elements))}]"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise MigrationError(f"{value!r}: expected UTF-8, as a configuration file has it") from None
        return json.dumps(value, ensure_ascii=False).replace(_DELETE, "\\u007f")
    return json.dumps(value)
