"""TOML -> frozen dataclass. The dataclass is the schema: its fields are the allowed keys, its annotations the kinds.

    load(Training, "run.toml")     a file
    parse(Training, {...})         a mapping that is already there
    dump(training)                 back to TOML; load(dump(x)) == x

An unknown key is refused with the closest known one, a value of the wrong kind with its place, what was given and what
is allowed. A whole number is taken where a real one is asked for; nothing else is converted. Paths stay as written:
they are relative to where the program runs, not to the file. Checks that a kind cannot express (a range, two fields
that belong together) live in the dataclass's `__post_init__`; an `AffektError` or `ValueError` from there is reported
with the place in the file.

Kinds: bool, int, float, str, Path, Literal, X | None, lists, tuples, mappings with text keys, dataclasses in any depth.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from affekt.errors import AffektError, ConfigError, UnknownNameError

T = TypeVar("T")

_SAYS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path", NoneType: "none"}
_LISTS = (list, tuple, Sequence)
_TABLES = (dict, Mapping)


def load(cls: type[T], path: str | Path) -> T:
    """Read a TOML file as the dataclass `cls`.

    Args:
        cls: a dataclass; fields without a default must be in the file.
        path: the file, UTF-8.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or does not fit `cls`.
    """
    try:
        mapping = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    return parse(cls, mapping, source=str(path))


def parse(cls: type[T], mapping: Mapping[str, Any], *, source: str = "configuration") -> T:
    """Read a mapping as the dataclass `cls`.

    Args:
        cls: a dataclass; fields without a default must be in the mapping.
        mapping: what `tomllib` or `json` gives.
        source: named first in every message.

    Raises:
        ConfigError: an unknown or missing key, or a value of the wrong kind.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Training:
    ...     epochs: int
    ...     rate: float = 1e-3
    >>> parse(Training, {"epochs": 3, "rate": 1})
    Training(epochs=3, rate=1.0)
    >>> parse(Training, {"epoch": 3}, source="run.toml")
    Traceback (most recent call last):
    affekt.errors.ConfigError: run.toml: no key is called 'epoch'; did you mean 'epochs'? Known: epochs, rate
    >>> parse(Training, {"epochs": "three"}, source="run.toml")
    Traceback (most recent call last):
    affekt.errors.ConfigError: run.toml, epochs: given "three", allowed is a whole number
    """
    value: T = _table(cls, mapping, _Place(source))
    return value


def dump(value: Any) -> str:
    """Write a dataclass as TOML. None is left out, so a field that may be None should have None as its default.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Training:
    ...     epochs: int
    ...     data: Path | None = None
    >>> print(dump(Training(3, Path("corpora"))), end="")
    epochs = 3
    data = "corpora"

    Raises:
        ConfigError: a value that TOML has no form for.
    """
    return "\n".join(_lines(_fields(value), ())).lstrip("\n") + "\n"


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    source: str
    keys: str = ""
    "dotted, e.g. train.layers[2]"

    def key(self, name: str) -> _Place:
        return _Place(self.source, f"{self.keys}.{name}" if self.keys else name)

    def item(self, index: int) -> _Place:
        return _Place(self.source, f"{self.keys}[{index}]")

    def error(self, text: str) -> ConfigError:
        return ConfigError(f"{self.source}, {self.keys}: {text}" if self.keys else f"{self.source}: {text}")

    def mismatch(self, given: Any, allowed: str) -> ConfigError:
        return self.error(f"given {_show(given)}, allowed is {allowed}")


def _table(cls: Any, mapping: Any, place: _Place) -> Any:
    if not isinstance(mapping, Mapping):
        raise place.mismatch(mapping, _says(cls))
    kinds = get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    for key in mapping:
        if key not in fields:
            raise place.error(str(UnknownNameError("key", str(key), fields)))
    for name, field in fields.items():
        if name not in mapping and field.default is field.default_factory is dataclasses.MISSING:
            raise place.error(f"the key {name!r} is missing; it must be {_says(kinds[name])}")
    values = {key: _read(kinds[key], value, place.key(key)) for key, value in mapping.items()}
    try:
        return cls(**values)
    except (AffektError, ValueError) as error:
        raise place.error(str(error)) from error


def _read(kind: Any, value: Any, place: _Place) -> Any:
    origin = get_origin(kind) or kind
    if dataclasses.is_dataclass(kind):
        return _table(kind, value, place)
    if kind is Any:
        return value
    if origin is Literal:
        return _choice(kind, value, place)
    if origin in (Union, UnionType):
        return _either(kind, value, place)
    if origin in _LISTS:
        return _list(kind, value, place)
    if origin in _TABLES:
        return _mapping(kind, value, place)
    return _scalar(kind, value, place)


def _scalar(kind: Any, value: Any, place: _Place) -> Any:
    taken: Any = {float: (int, float), Path: (str, Path)}.get(kind, kind)
    if not isinstance(value, taken) or (isinstance(value, bool) and kind is not bool):
        raise place.mismatch(value, _says(kind))
    return kind(value) if kind in (float, Path) else value


def _choice(kind: Any, value: Any, place: _Place) -> Any:
    for known in get_args(kind):
        if known == value and type(known) is type(value):
            return known
    raise place.mismatch(value, _says(kind))


def _either(kind: Any, value: Any, place: _Place) -> Any:
    if value is None and NoneType in get_args(kind):
        return None
    members = [member for member in get_args(kind) if member is not NoneType]
    if len(members) == 1:  # X | None: its own message is more exact than ours
        return _read(members[0], value, place)
    for member in members:
        try:
            return _read(member, value, place)
        except ConfigError:
            continue
    raise place.mismatch(value, _says(kind))


def _list(kind: Any, value: Any, place: _Place) -> Any:
    if not isinstance(value, list | tuple):
        raise place.mismatch(value, _says(kind))
    made = tuple if get_origin(kind) is tuple or kind is tuple else list
    members = get_args(kind) or (Any, ...)
    if made is list or members[-1] is ...:
        members = (members[0],) * len(value)
    if len(members) != len(value):
        raise place.mismatch(value, _says(kind))
    return made(_read(member, item, place.item(i)) for i, (member, item) in enumerate(zip(members, value, strict=True)))


def _mapping(kind: Any, value: Any, place: _Place) -> Any:
    if not isinstance(value, Mapping):
        raise place.mismatch(value, _says(kind))
    member = (get_args(kind) or (str, Any))[1]
    return {key: _read(member, item, place.key(key)) for key, item in value.items()}


def _says(kind: Any) -> str:
    origin, members = get_origin(kind) or kind, get_args(kind)
    if dataclasses.is_dataclass(kind):
        return "a table with " + (", ".join(field.name for field in dataclasses.fields(kind)) or "nothing")
    if origin is Literal:
        return ("one of " if len(members) > 1 else "") + ", ".join(map(_show, members))
    if origin in (Union, UnionType):
        return " or ".join(_says(member) for member in members if member is not NoneType)
    if origin is tuple and members and members[-1] is not ...:
        return f"a list of {len(members)}: " + ", ".join(map(_says, members))
    if origin in _LISTS:
        return "a list" + (f", each {_says(members[0])}" if members else "")
    if origin in _TABLES:
        return "a table" + (f", each value {_says(members[1])}" if members else "")
    return _SAYS.get(kind, str(kind))


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _fields(value: Any) -> dict[str, Any]:
    named = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
    return {name: _plain(item) for name, item in named.items() if item is not None}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.as_posix() if isinstance(value, Path) else value


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """Plain keys first: in TOML everything after a [table] line belongs to that table."""
    lines = [f"{_key(name)} = {_inline(item)}" for name, item in table.items() if not isinstance(item, dict)]
    for name, item in table.items():
        if isinstance(item, dict):
            inner = (*path, _key(name))
            lines += ["", f"[{'.'.join(inner)}]", *_lines(item, inner)]
    return lines


def _inline(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(name)} = {_inline(item)}' for name, item in value.items())}}}"
    raise ConfigError(f"TOML has no form for {value!r}")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _inline(name)
