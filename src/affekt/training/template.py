"""Corpus, model -> run.toml. Every key with its default and what it means, read from the schema itself.

What a run of this kind sets is written out; all else stands there as a comment, ready to be changed.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from affekt import config, datasets, registry
from affekt.errors import UnknownNameError
from affekt.training import run as schema

Table = Mapping[str, Any]

_WIDTH = 118
_OWN = {".jsonl", ".parquet", ".csv"}
_SEARCHES: Mapping[str, Table] = {
    "svm": {"C": [1.0, 3.0, 10.0], "gamma": [0.3, 1.0]},
    "logistic": {"C": [0.001, 0.01, 0.1]},
    "lda": {"shrinkage": [0.5, 0.75, 0.85]},
    "ridge": {"penalty": [1.0, 3.0, 10.0]},
    "gmm": {"mixtures": [1, 2, 4], "floor": [0.1, 0.3]},
}


def write(corpus: str, model: str) -> str:
    """Write a run.toml for people.

    Args:
        corpus: the name of a corpus, or a manifest, CSV or folder of your own.
        model: a file of affekt/models.

    Raises:
        UnknownNameError: no such corpus or model.
    """
    module, chosen = registry.load("models", model), _chosen(corpus, model)
    lines = [
        f"# {chosen['name']}: what `affekt train` is to do. Lines like #key = value show the defaults.",
        "# `affekt train run.toml --dry-run` says what would happen; a wrong key is answered with the right one.",
        "",
        *_keys(schema.Run, chosen, skip=_tables(schema.Run)),
    ]
    for name, cls in _tables(schema.Run).items():
        if name == "optimise" and module.KIND != "neural":
            continue
        lines += ["", f"[{name}]", *_about(cls), *_keys(cls, chosen.get(name, {}))]
        if name == "model":
            lines += _model_tables(module, chosen["model"])
    return "\n".join(lines) + "\n"


def _chosen(corpus: str, model: str) -> dict[str, Any]:
    """What a run of this corpus and model sets."""
    neural = registry.load("models", model).KIND == "neural"
    pooled = model in ("lda", "logistic", "ridge")
    features: dict[str, Any] = {"set": "logmel" if neural else "whisper" if pooled else "egemaps"}
    features["level"] = "frames" if neural else "functionals"
    options: dict[str, Any] = {"layers": 3, "pools": 2} if model == "lda" else {}
    return {
        "name": f"{Path(corpus).stem}-{model}",
        "data": _data(corpus),
        "features": features,
        "model": {"name": model, "options": options, "search": dict(_SEARCHES.get(model, {}))},
        "target": {"kind": "affect" if model == "ridge" else "emotion"},
    }


def _data(corpus: str) -> dict[str, Any]:
    if corpus in datasets.names() and corpus not in ("table", "folder"):
        return {"corpora": [corpus], "protocol": f"{corpus}/{next(iter(datasets.protocols(corpus)))}"}
    path = Path(corpus)
    if path.is_dir() or path.suffix in _OWN:
        return {"manifest": path.as_posix(), "protocol": "speakers/5"}
    raise UnknownNameError("corpus (and no file of your own)", corpus, datasets.names())


def _tables(cls: Any) -> dict[str, Any]:
    """Fields that are dataclasses themselves: name -> class."""
    kinds = inspect.get_annotations(cls, eval_str=True)
    return {name: kind for name, kind in kinds.items() if dataclasses.is_dataclass(kind)}


def _about(cls: Any) -> list[str]:
    return [f"# {(inspect.getdoc(cls) or '').splitlines()[0]}"]


def _model_tables(module: ModuleType, chosen: Table) -> Iterator[str]:
    yield from ("", "[model.options]", *_keys(module.Options, chosen["options"]))
    yield from ("", "[model.search]", "# option = [values to try]; chosen on training speakers, in every fold anew")
    yield from (_line(name, values) for name, values in chosen["search"].items())


def _keys(cls: Any, chosen: Table, skip: Table | None = None) -> Iterator[str]:
    words = _words(cls)
    for field in dataclasses.fields(cls):
        if field.name in (skip or {}) or (cls is schema.Model and field.name in ("options", "search")):
            continue
        yield from _comment(words.get(field.name, ""))
        if field.name in chosen:
            yield _line(field.name, chosen[field.name])
        else:
            yield f"#{_line(field.name, _default(field))}"


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


def _line(name: str, value: Any) -> str:
    if value is None:
        return f"{name} ="
    if isinstance(value, Mapping) and not value:
        return f"{name} = {{}}"
    holder = dataclasses.make_dataclass("Holder", [(name, Any)])
    return config.dump(holder(value)).strip()


def _comment(text: str) -> Iterator[str]:
    words, line = text.split(), "#"
    for word in words:
        if len(line) + len(word) + 1 > _WIDTH:
            yield line
            line = "#"
        line += f" {word}"
    if words:
        yield line


def _words(cls: Any) -> dict[str, str]:
    """What the schema says below each of its fields; a parent's too."""
    found: dict[str, str] = {}
    parts: list[type] = [one for one in cls.__mro__ if "__dataclass_fields__" in vars(one)]
    for part in reversed(parts):
        (body,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(part))).body
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, below in pairwise(statements):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                said = below.value if isinstance(below, ast.Expr) else None
                if isinstance(said, ast.Constant) and isinstance(said.value, str):
                    found[field.target.id] = said.value
    return found
