"""The template: every corpus and model gives a run that can be read, in which every key is explained."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, replace

import pytest

import tones
from affekt import augment, config, datasets, registry, training
from affekt.errors import UnknownNameError
from affekt.training import template
from affekt.training.run import Run

CORPORA = [name for name in datasets.names() if name not in ("table", "folder")]


def read(text):
    return config.parse(Run, tomllib.loads(text))


@pytest.mark.parametrize("model", registry.names("models"))
def test_every_model_gives_a_run_that_goes_together(model):
    pytest.importorskip("torch")
    training.check(read(template.write("ravdess", model)))


@pytest.mark.parametrize("corpus", CORPORA)
def test_every_corpus_gives_its_recommended_protocol(corpus):
    run = read(template.write(corpus, "svm"))
    assert run.data.corpora == (corpus,)
    assert run.data.protocol == f"{corpus}/{next(iter(datasets.protocols(corpus)))}"
    assert run.name == f"{corpus}-svm"


def test_every_key_is_there_with_its_default_and_a_word():
    text = template.write("emodb", "svm")
    for table in ("data", "features", "model", "target", "balance", "augment"):
        section = re.search(rf"^\[{table}\]\n(.*?)(?=^\[|\Z)", text, re.DOTALL | re.MULTILINE)[1]
        for field in fields(Run.__dataclass_fields__[table].default_factory or type(read(text).data)
                            if table != "data" else type(read(text).data)):  # fmt: skip
            if (table, field.name) not in (("model", "options"), ("model", "search")):
                assert re.search(rf"^#?{field.name} =", section, re.MULTILINE), (table, field.name)
    assert "# share of each fold's training speakers" in text
    assert "# cost of what lies on the wrong side\n#C = 3.0" in text


def test_the_defaults_shown_are_the_defaults():
    text = template.write("emodb", "cnn")
    shown = re.sub(r"^#(?! )", "", text, flags=re.MULTILINE)
    shown = re.sub(r"^\w+ =\n", "", shown, flags=re.MULTILINE)  # nothing stands for none
    assert replace(read(shown), model=read(text).model) == read(text)
    module = registry.load("models", "cnn")
    assert training.classical.parse(module, read(shown).model.options) == module.Options()


def test_every_chain_is_named():
    (line,) = re.findall(
        r"^# chains of affekt\.augment.*?(?=^#copies)", template.write("emodb", "svm"), re.DOTALL | re.M
    )
    assert set(augment.CHAINS) <= set(re.findall(r"\w+", line))


def test_a_network_is_told_of_its_loop_and_a_classical_model_is_not():
    assert "[optimise]" in template.write("emodb", "cnn")
    assert "[optimise]" not in template.write("emodb", "svm")


def test_data_of_your_own_are_split_by_speaker(tmp_path):
    table = tones.corpus(tmp_path)
    run = read(template.write(str(table), "lda"))
    assert run.data.manifest == table
    assert run.data.protocol == "speakers/5"


def test_names_that_are_not_known_are_answered_with_the_closest():
    with pytest.raises(UnknownNameError, match="did you mean 'ravdess'"):
        template.write("ravdes", "svm")
    with pytest.raises(UnknownNameError, match="did you mean 'svm'"):
        template.write("ravdess", "svn")


def test_no_line_is_wider_than_a_screen():
    assert max(map(len, template.write("ravdess", "encoder").splitlines())) <= 120
