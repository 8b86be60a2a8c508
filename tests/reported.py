"""A made-up report, for tests of its forms that run anywhere: judgements with everything, and a small stress suite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import judged
from affekt import bundle
from affekt.evaluation import report

HOSTILE = "</script </script><script>alert(1)</script><img src=x onerror=alert(2)>{{data}}|`*[x](y)\u2028'\"&"


def stress(name="demo", note="") -> dict:
    """What a suite of three tests found: one surely passed, one that could turn, one failed, one not measured."""
    base = {"corpus": name, "level": "", "low": None, "high": None, "sure": True, "side": "least", "note": note}
    rows = [
        ("correctness/uar", {"metric": "UAR", "value": 0.6, "threshold": 0.5, "passed": True, "low": 0.55,
                             "high": 0.65}),
        ("correctness/ccc", {"metric": "CCC", "value": None, "threshold": None, "passed": None}),
        ("fairness/sex", {"metric": "gap", "level": "UAR", "value": 0.1263, "threshold": 0.126, "passed": False,
                          "side": "most", "random": {"value": 0.11, "passed": True},
                          "detail": {"groups": {"female": 0.4, "male": 0.5263}, "random threshold": 0.1}}),
        ("robustness/gain", {"metric": "change of UAR", "level": "-30 dB", "value": -0.04, "threshold": -0.05,
                             "passed": True, "sure": False, "low": -0.07, "high": -0.01,
                             "random": {"value": 0.0, "passed": True}}),
        ("robustness/gain", {"metric": "agreement", "level": "-30 dB", "value": 0.8, "threshold": 0.95, "passed": False,
                             "low": 0.7, "high": 0.9}),
        ("robustness/gain", {"metric": "UAR", "level": "-30 dB", "value": 0.56, "threshold": None, "passed": None}),
    ]  # fmt: skip
    results = [
        {**base, "test": test, "random": {"value": 0.2, "passed": False}, "detail": {}, **own} for test, own in rows
    ]
    tests = [{"name": test, "asks": f"What of {test}?"} for test in dict.fromkeys(test for test, _ in rows)]
    about = {"name": name, "utterances": 160, "speakers": 8, "leaky": "", "fingerprint": "f" * 8}
    return {
        "schema": "affekt.stress/1", "model": "made0@1", "licence": "", "date": "2026-01-01", "quick": True,
        "leaky": [], "corpora": [about], "tests": tests, "results": results,
    }  # fmt: skip


def full(word="demo", *, leaky=False) -> dict:
    """A report that has every section; `word` is the name of everything that has one."""
    shares = np.random.default_rng(1).dirichlet(np.ones(4), 160)
    own = replace(judged.judgements(folds=4, affect=True), ratings=shares, leaky=leaky, name=word)
    own = replace(
        own,
        ids=np.array([f"{word} {name}" for name in own.ids]),
        speakers=np.array([f"{word} {name}" for name in own.speakers]),
        corpora=np.where(np.arange(len(own)) < 80, word, "other"),
        about={"tried": 12, "protocol": word, "fingerprints": {word: word}, "merge": {word: word}, "skipped": [word]},
    )
    other = replace(own, name=f"{word} again", probs=np.roll(own.probs, 1, axis=0))
    alone = replace(judged.judgements(seed=3), name=f"{word} elsewhere")
    return report.gather(
        own,
        [other, alone],
        stress=stress(word, note=word),
        card=bundle.card("permissive"),
        run={"environment": {"python": "3", "packages": {"numpy": "2"}, "git": word}, "options": {"seed": 0}},
        command=f"affekt report {word}",
        bootstraps=50,
    )
