"""The rules of `affekt.config`: the dataclass is the schema, and every refusal names the place and the way out."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt import config
from affekt.errors import AffektError, ConfigError, UsageError


@dataclass(frozen=True)
class Optimiser:
    name: Literal["adam", "sgd"] = "adam"
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)

    def __post_init__(self):
        if self.rate <= 0:
            raise UsageError(f"rate must be above 0, got {self.rate}")


@dataclass(frozen=True)
class Corpus:
    name: str
    weight: float = 1.0


@dataclass(frozen=True)
class Run:
    epochs: int
    seed: int | None = None
    shuffle: bool = True
    out: Path = Path("runs")
    labels: tuple[str, ...] = ()
    layers: list[int] = field(default_factory=list)
    width: int | Literal["auto"] = "auto"
    corpora: tuple[Corpus, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    optimiser: Optimiser = Optimiser()
    dev: Corpus | None = None


TOML = """
epochs = 3
out = "runs/a"
labels = ["anger", "sadness"]
layers = [1, 2]
width = 64
extra = { note = "first", tries = [1, "two"] }

[[corpora]]
name = "emodb"

[[corpora]]
name = "savee"
weight = 2

[weights]
anger = 1
"very sad" = 0.5

[optimiser]
name = "sgd"
betas = [0, 0.5]
"""


def test_a_file_becomes_the_dataclass(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(TOML, encoding="utf-8")
    assert config.load(Run, path) == Run(
        epochs=3,
        out=Path("runs/a"),
        labels=("anger", "sadness"),
        layers=[1, 2],
        width=64,
        extra={"note": "first", "tries": [1, "two"]},
        corpora=(Corpus("emodb"), Corpus("savee", 2.0)),
        weights={"anger": 1.0, "very sad": 0.5},
        optimiser=Optimiser("sgd", betas=(0.0, 0.5)),
    )


def test_whole_numbers_become_real_where_asked_and_defaults_fill_the_rest():
    run = config.parse(Run, {"epochs": 1, "optimiser": {"rate": 1}})
    assert isinstance(run.optimiser.rate, float)
    assert run == Run(1, optimiser=Optimiser(rate=1.0))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"epochs": 1, "sead": 2}, "run.toml: no key is called 'sead'; did you mean 'seed'? Known: corpora, dev, "),
        ({"epochs": 1, "optimiser": {"rat": 1}}, "run.toml, optimiser: no key is called 'rat'; did you mean 'rate'?"),
        ({"epochs": 1, "corpora": [{"name": "a"}, {"nam": "b"}]}, "run.toml, corpora[1]: no key is called 'nam'"),
        ({}, "run.toml: the key 'epochs' is missing; it must be a whole number"),
        ({"epochs": 1, "dev": {}}, "run.toml, dev: the key 'name' is missing; it must be text"),
        ({"epochs": "3"}, 'run.toml, epochs: given "3", allowed is a whole number'),
        ({"epochs": 3.0}, "run.toml, epochs: given 3.0, allowed is a whole number"),
        ({"epochs": True}, "run.toml, epochs: given true, allowed is a whole number"),
        ({"epochs": 1, "shuffle": 1}, "run.toml, shuffle: given 1, allowed is true or false"),
        ({"epochs": 1, "seed": "x"}, 'run.toml, seed: given "x", allowed is a whole number'),
        ({"epochs": 1, "out": 1}, "run.toml, out: given 1, allowed is a path"),
        ({"epochs": 1, "labels": "anger"}, 'run.toml, labels: given "anger", allowed is a list, each text'),
        ({"epochs": 1, "labels": ["a", 1]}, "run.toml, labels[1]: given 1, allowed is text"),
        ({"epochs": 1, "width": "big"}, 'run.toml, width: given "big", allowed is a whole number or "auto"'),
        ({"epochs": 1, "weights": [1]}, "run.toml, weights: given [1], allowed is a table, each value a number"),
        ({"epochs": 1, "weights": {"a": "b"}}, 'run.toml, weights.a: given "b", allowed is a number'),
        ({"epochs": 1, "dev": 5}, "run.toml, dev: given 5, allowed is a table with name, weight"),
        (
            {"epochs": 1, "optimiser": {"name": "adem"}},
            'run.toml, optimiser.name: given "adem", allowed is one of "adam", "sgd"',
        ),
        (
            {"epochs": 1, "optimiser": {"betas": [1]}},
            "run.toml, optimiser.betas: given [1], allowed is a list of 2: a number, a number",
        ),
        ({"epochs": 1, "optimiser": {"rate": -1}}, "run.toml, optimiser: rate must be above 0, got -1.0"),
        ({"epochs": "x" * 99}, f'run.toml, epochs: given "{"x" * 56}..., allowed is a whole number'),
    ],
)
def test_a_refusal_names_the_place_what_was_given_and_what_is_allowed(mapping, message):
    with pytest.raises(ConfigError) as error:
        config.parse(Run, mapping, source="run.toml")
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"epochs = ", "is no TOML: Invalid value"), (b"\xff\xfe", "is no TOML"), (None, "cannot read the configuration")],
)
def test_a_file_that_is_no_toml_or_absent_is_named(tmp_path, content, message):
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as error:
        config.load(Run, path)
    assert str(path) in str(error.value)


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        config.load(Run, tmp_path)


def test_none_in_a_mapping_is_taken_where_none_is_allowed():
    assert config.parse(Run, {"epochs": 1, "seed": None}).seed is None
    with pytest.raises(ConfigError, match="epochs: given null, allowed is a whole number"):
        config.parse(Run, {"epochs": None})


texts = st.text(st.characters(codec="utf-8"))
numbers = st.floats(allow_nan=False)
runs = st.builds(
    Run,
    epochs=st.integers(-(2**63), 2**63 - 1),
    seed=st.none() | st.integers(0, 9),
    shuffle=st.booleans(),
    out=texts.map(lambda text: Path("runs") / text.replace("/", "").replace("\0", "")),
    labels=st.lists(texts).map(tuple),
    layers=st.lists(st.integers(-9, 9)),
    width=st.integers(1, 9) | st.just("auto"),
    corpora=st.lists(st.builds(Corpus, texts, numbers)).map(tuple),
    weights=st.dictionaries(texts, numbers),
    extra=st.dictionaries(
        texts, st.recursive(texts | st.booleans(), lambda x: st.lists(x) | st.dictionaries(texts, x))
    ),
    optimiser=st.builds(Optimiser, st.sampled_from(["adam", "sgd"]), st.floats(1e-9, 1), st.tuples(numbers, numbers)),
    dev=st.none() | st.builds(Corpus, texts, numbers),
)


@given(runs)
def test_what_is_dumped_is_read_back_the_same(run):
    assert config.parse(Run, tomllib.loads(config.dump(run))) == run


def test_dump_reads_like_a_file_written_by_hand():
    run = Run(3, labels=("anger",), weights={"very sad": 0.5}, corpora=(Corpus("emodb"),))
    assert config.dump(run).splitlines() == [
        "epochs = 3",
        "shuffle = true",
        'out = "runs"',
        'labels = ["anger"]',
        "layers = []",
        'width = "auto"',
        'corpora = [{name = "emodb", weight = 1.0}]',
        "",
        "[weights]",
        '"very sad" = 0.5',
        "",
        "[extra]",
        "",
        "[optimiser]",
        'name = "adam"',
        "rate = 0.001",
        "betas = [0.9, 0.999]",
    ]


def test_dump_refuses_what_toml_cannot_say():
    with pytest.raises(ConfigError, match="TOML has no form for None"):
        config.dump(Run(1, extra={"x": [None]}))


def test_a_configuration_error_is_a_usage_error():
    """The command answers it with exit code 2."""
    assert issubclass(ConfigError, UsageError)
    assert issubclass(ConfigError, AffektError)
