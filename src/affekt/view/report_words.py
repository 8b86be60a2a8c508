"""Report -> sentences: what came out, how it was measured, what the numbers mean; the same on every form of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from affekt.view import verdicts
from affekt.view.words import percent

Report = Mapping[str, Any]

NAMES = {
    "uar": "UAR",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "accuracy": "accuracy",
    "top2": "among the two best",
    "ccc_valence": "CCC valence",
    "ccc_arousal": "CCC arousal",
    "ccc_dominance": "CCC dominance",
    "mean_ccc": "mean CCC",
    "jsd": "Jensen-Shannon",
    "kld": "Kullback-Leibler",
    "cross_entropy": "cross entropy",
    "raters_entropy": "raters' own entropy",
}
AXES = ("valence", "arousal", "dominance")
FORBIDDEN = (
    "In the EU, do not infer emotions of employees at work or of pupils and students in education (AI Act, Regulation "
    "(EU) 2024/1689, article 5 (1) f; medical and safety reasons are excepted)."
)
NOT_FOR = (
    FORBIDDEN,
    "No decision about a person should rest on it alone: hiring, credit, insurance, policing, diagnosis.",
    "It says how something sounded to the people who labelled its data, not what anybody felt, meant, or whether they "
    "lied.",
    "Who is judged should know of it (AI Act, article 50 (3)).",
)


def decimal(value: float | None) -> str:
    """Write a score with three digits.

    >>> decimal(0.75), decimal(None)
    ('0.750', 'not defined')
    """
    return "not defined" if value is None else f"{value:.3f}"


def span(interval: list[float] | None) -> str:
    """Write an interval, empty where there is none.

    >>> span([0.7, 0.8])
    '0.700 to 0.800'
    """
    return "" if not interval or None in interval else f"{interval[0]:.3f} to {interval[1]:.3f}"


def counted(n: int, what: str) -> str:
    """Count in words.

    >>> counted(1, "speaker"), counted(1440, "utterance")
    ('1 speaker', '1,440 utterances')
    """
    return f"{n:,} {what}{'' if n == 1 else 's'}"


# What came out ----------------------------------------------------------------------------------------------------


def leaky(report: Report) -> str:
    """Say why the scores are too high, empty where they are not."""
    own = report["subject"]
    if not own["leaky"]:
        return ""
    why = own["about"]["known"] or "train and test share speakers"
    return f"{why[0].upper()}{why[1:]}. The scores are too high: do not quote them."


def summary(report: Report) -> list[str]:
    """Say in a few sentences what came out."""
    own = report["subject"]
    found = [*_emotion(own), *_affect(own), *own["notes"], *_trust(own), *_tried(own)]
    found += [line for other in report["others"] for line in beside(other)]
    return found + (list(verdicts.sentences(report["stress"])) if report["stress"] else [])


def _emotion(own: Mapping[str, Any]) -> Iterator[str]:
    found = own["emotion"]
    if not found:
        return
    uar, classes = found["uar"], counted(len(found["classes"]), "emotion")
    where = f"{counted(found['n'], 'utterance')} of {counted(found['speakers'], 'speaker')}, {classes}"
    if uar["value"] is not None:
        sure = f"; other speakers of the same kind would give {span(uar['interval'])}" if uar["interval"] else ""
        share = percent(uar["value"])
        yield f"Of each emotion, {share} are found on average: UAR {decimal(uar['value'])}{sure} ({where})."
        if sum(row["support"] > 0 for row in found["classes"]) > 1:  # of one emotion, nothing beats a guess
            yield from _peers(found)
    yield from _resolves(found)


def _peers(found: Mapping[str, Any]) -> Iterator[str]:
    peers = {row["name"]: row["uar"] for row in found["peers"]}
    guess, most = peers.get("random"), peers.get("majority")
    if not guess or not guess["interval"] or not most:
        return
    low, uar = guess["interval"][1], found["uar"]
    least = uar["interval"][0] if uar["interval"] else uar["value"]
    told = "That is more than guessing" if least > low else "That cannot be told from guessing"
    yield (
        f"{told}, which reaches {span(guess['interval'])}; always saying the commonest emotion reaches "
        f"{decimal(most['value'])}."
    )


def _resolves(found: Mapping[str, Any]) -> Iterator[str]:
    known = found["resolves"]["uar"]
    if known and known["alike"] is not None:
        other = "" if known["unlike"] is None else f", or {known['unlike']:.3f} where they find other speakers hard"
        yield (
            f"Two equally good models lie up to {known['alike']:.3f} in UAR apart by chance on these "
            f"speakers{other}: smaller differences mean nothing."
        )


def _affect(own: Mapping[str, Any]) -> Iterator[str]:
    found = own["affect"]
    if found:
        told = ", ".join(_score(axis, found[axis]["ccc"]) for axis in AXES)
        yield f"Agreement with the raters' affect (CCC, 1 is perfect): {told}, on {counted(found['n'], 'utterance')}."


def _score(name: str, score: Mapping[str, Any]) -> str:
    interval = f" ({span(score['interval'])})" if score["interval"] else ""
    return f"{name} {decimal(score['value'])}{interval}"


def _trust(own: Mapping[str, Any]) -> Iterator[str]:
    found, sure = own["calibration"], own["selective"]
    if found:
        raw = found["raw"]
        apart = raw["confidence"] - raw["accuracy"]
        limit = (raw["ece"]["perfect"]["interval"] or [None, None])[1]
        good = limit is not None and raw["ece"]["value"] <= limit
        how = (
            "as sure as it should be, for all these utterances tell"
            if good
            else "too sure"
            if apart > 0
            else "too modest"
        )
        yield f"It is {how}: mean confidence {percent(raw['confidence'])}, accuracy {percent(raw['accuracy'])}."
    if sure:
        told = ", ".join(
            f"{percent(at['accuracy']['value'])} of the surest {percent(at['coverage'])}" for at in sure["at"]
        )
        yield f"Where the unsure are left out, more is right: {told}."


def _tried(own: Mapping[str, Any]) -> Iterator[str]:
    tried = own["about"]["tried"]
    if tried is None:
        yield "How many combinations of options were tried is not known; the best of many looks better than it is."
    elif tried > 1:
        yield f"{tried:,} combinations of options were tried before, on training speakers."
    else:
        yield "No other options were tried before."


def beside(other: Mapping[str, Any]) -> Iterator[str]:
    """Say how the subject compares with another model."""
    name, found = other["evaluation"]["name"], other["comparison"]
    if found is None:
        yield f"It cannot be compared with {name}: {other['trouble']}."
        return
    main, row = next(iter(found["scores"].items()))
    if row["difference"] is None:
        return
    told = (
        "chance alone may make as much" if row["p"] is None or row["p"] >= 0.05 else "chance alone rarely makes as much"
    )
    sure = f", {signed(row['interval'][0])} to {signed(row['interval'][1])}" if row["interval"] else ""
    stamp = " LEAKY: train and test of one of them share speakers." if found["leaky"] else ""
    yield (
        f"Against {name}, on {counted(found['n'], 'utterance')} that both have judged, its {NAMES.get(main, main)} "
        f"differs by {signed(row['difference'])}{sure}{_chance(row['p'])}: {told}.{stamp}"
    )


def _chance(p: float | None) -> str:
    return "" if p is None else f", p {'below 0.001' if p < 0.001 else f'{p:.3f}'}"


def signed(value: float | None) -> str:
    """Write a difference with its sign.

    >>> signed(0.1), signed(-0.25)
    ('+0.100', '−0.250')
    """
    return "not defined" if value is None else f"{value:+.3f}".replace("-", "−")


# How it was measured ----------------------------------------------------------------------------------------------


def measured(report: Report) -> list[tuple[str, str]]:
    """Give what a reader needs to do it again, as pairs of name and value."""
    own = report["subject"]
    about = own["about"]
    found = [
        ("judged", f"{counted(own['n'], 'utterance')} of {counted(own['speakers'], 'speaker')}"),
        ("protocol", about["protocol"] or "none: judged as given"),
        ("split", own["split"]),
        ("who was judged", about["tested"] or "not known"),
        ("trained anew in each fold", about["recipe"] or ""),
        ("emotions offered", _OFFERED.get(about["offered"], "as in the given predictions")),
        ("counted as one", ", ".join(f"{one} = {to}" for one, to in about["merge"].items())),
        ("left out, emotions not known", ", ".join(f"{name} {n:,}" for name, n in about["left_out"].items())),
        ("left out, not readable", "; ".join(about["skipped"])),
        ("options tried", "not known" if about["tried"] is None else f"{about['tried']:,}"),
        ("intervals", f"{percent(own['level'])}, {own['bootstraps']:,} draws of speakers, seed {own['seed']}"),
        *((f"fingerprint of {name}", value) for name, value in about["fingerprints"].items()),
        *_stressed(report),
        *_trained(report["run"]),
        ("report made by", report["made"]["command"]),
        ("versions", _versions(report["made"]["python"], report["made"]["packages"])),
    ]
    return [(name, value) for name, value in found if value]


_OFFERED = {"corpus": "what the corpus can name", "all": "all that the model knows"}


def _versions(python: str, packages: Mapping[str, str]) -> str:
    return ", ".join([f"Python {python}", *(f"{name} {one}" for name, one in packages.items())])


def _stressed(report: Report) -> Iterator[tuple[str, str]]:
    stress = report["stress"]
    if not stress:
        return
    yield "stress suite", f"put to {stress['model']} on {stress.get('date', 'an unknown day')}"
    for about in stress["corpora"]:
        yield f"stressed on {about['name']}", f"fingerprint {about.get('fingerprint', 'not known')}"


def _trained(run: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if not run:
        return
    around = run["environment"]
    yield "seed of the training", str(run["options"].get("seed", ""))
    yield "trained with", _versions(around.get("python", "?"), around.get("packages", {})) if around else ""
    yield "trained by", around.get("command") or ""
    yield "state of the sources", around.get("git") or ""


# What the numbers mean --------------------------------------------------------------------------------------------

_GLOSSARY = {
    "interval": "95 %: in it lie the values that other speakers of the same kind would give, by drawing speakers anew.",
    "UAR": "Unweighted average recall: the share of each emotion that is found, averaged over the emotions.",
    "recall": "Of the utterances that are of an emotion, the share that is found.",
    "precision": "Of the utterances that are said to be of an emotion, the share that is.",
    "F1": "Harmonic mean of recall and precision; macro: mean over emotions; weighted: by how often each occurs.",
    "accuracy": "Share of the utterances that are right. Frequent emotions count more than in UAR.",
    "majority, guessing": "What models reach that do not listen: always the commonest emotion; any, at random.",
    "confidence": "The probability that the model gives to the emotion it names.",
    "ECE": "Mean distance between confidence and accuracy, in 15 bins. Even a perfectly calibrated model has some.",
    "temperature": "One number that makes all confidences higher or lower, fitted on other speakers.",
    "Brier, log loss": "Errors of the probabilities themselves; 0 is perfect.",
    "coverage, risk": "Share that is judged when the unsurest are left out; share of those that is wrong.",
    "AURC": "Mean risk over all coverages; lower is better.",
    "CCC": "Concordance correlation: 1 where judged and rated affect are equal, 0 where they are unrelated.",
    "Pearson": "Correlation, whatever the scale and the offset.",
    "RMSE, MAE": "Typical error of affect, on the scale of -1 to 1.",
    "Jensen-Shannon": "Distance of the probabilities from the raters' shares, in bits: 0 same, 1 nothing in common.",
    "p": "How often models that are equally good would differ this much or more.",
    "p, Holm": "The same, corrected for looking at several emotions.",
    "agreement": "Share of the utterances of which the same is said as before the sound was changed.",
    "passed?, FAILED?": "The interval lies on both sides of the threshold, or there is none, of one speaker: others "
    "could turn the verdict.",
    "gap": "Largest difference between groups of speakers; the threshold is what models blind to the group show.",
}
_NEEDS = {
    "emotion": ("UAR", "recall", "precision", "F1", "accuracy", "majority, guessing"),
    "calibration": ("confidence", "ECE", "temperature", "Brier, log loss"),
    "selective": ("coverage, risk", "AURC"),
    "affect": ("CCC", "Pearson", "RMSE, MAE"),
    "soft": ("Jensen-Shannon",),
}


def glossary(report: Report) -> list[tuple[str, str]]:
    """Explain the numbers that this report has."""
    names = ["interval", *(name for block, own in _NEEDS.items() if report["subject"][block] for name in own)]
    names += ["p", "p, Holm"] if report["others"] else []
    names += ["agreement", "passed?, FAILED?", "gap"] if report["stress"] else []
    return [(name, _GLOSSARY[name]) for name in names]
