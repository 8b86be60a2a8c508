"""Report -> Markdown: the page's numbers as tables for a repository or a diff, and a model card.

Names of speakers, files and emotions come from outside: they are escaped, so that they stay words in a cell.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from affekt.view import report_words, verdicts
from affekt.view.report_words import AXES, NAMES, counted, decimal, signed, span
from affekt.view.words import percent, printable

Report = Mapping[str, Any]

_SPEAKERS = 12
"the worst ones"


def markdown(report: Report) -> str:
    """Return the report as a page of Markdown."""
    lines = [f"# {plain(report['subject']['name'])}", "", *_stamp(report), *_bullets(report_words.summary(report))]
    for title, make in _SECTIONS.items():
        inside = list(make(report))
        lines += [f"## {title}", "", *inside, ""] if inside else []
    return _spaced(lines)


def _spaced(lines: Iterable[str]) -> str:
    """Join, with one empty line at most between two parts."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def plain(text: object) -> str:
    """Keep text from being markup.

    >>> print(plain("a|b <img> [x](y)"))
    a\\|b &lt;img&gt; \\[x\\](y)
    """
    return re.sub(r"([\\|\[\]*`])", r"\\\1", html.escape(printable(str(text)), quote=False))


def _stamp(report: Report) -> list[str]:
    why = report_words.leaky(report)
    return [f"**LEAKY: {plain(why)}**", ""] if why else []


def _bullets(lines: Iterable[object]) -> list[str]:
    return [*(f"- {plain(line)}" for line in lines), ""]


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Columns of numbers have a colon at the end of their name."""
    lines = [f"| {' | '.join(plain(cell) for cell in row)} |" for row in rows]
    rule = "|".join("---:" if column.endswith(":") else "---" for column in columns)
    head = " | ".join(plain(column.removesuffix(":")) for column in columns)
    return [f"| {head} |", f"|{rule}|", *lines] if lines else []


# Sections ---------------------------------------------------------------------------------------------------------


def _scores(report: Report) -> Iterator[str]:
    found = report["subject"]["emotion"]
    if not found:
        return
    peers = {row["name"]: row for row in found["peers"]}
    rows = []
    for name in ("uar", "macro_f1", "weighted_f1", "accuracy", "top2"):
        if not found[name]:
            continue
        most, guess = (peers.get(peer, {}).get(name) for peer in ("majority", "random"))
        own = found[name]
        told = decimal(most["value"]) if most else "", span(guess["interval"]) if guess else ""
        rows.append([NAMES[name], decimal(own["value"]), span(own["interval"]), *told])
    yield from _table(("", "score:", "95 %:", "always the commonest:", "guessing:"), rows)


def _affect(report: Report) -> Iterator[str]:
    found = report["subject"]["affect"]
    if found:
        rows = ([axis, *_pair(found[axis]["ccc"]), *_rest(found[axis])] for axis in AXES)
        yield from _table(("", "CCC:", "95 %:", "Pearson:", "RMSE:", "MAE:"), rows)


def _rest(axis: Mapping[str, Any]) -> list[str]:
    return [decimal(axis[name]["value"]) for name in ("pearson", "rmse", "mae")]


def _pair(score: Mapping[str, Any]) -> tuple[str, str]:
    return decimal(score["value"]), span(score["interval"])


def _others(report: Report) -> Iterator[str]:
    for other in report["others"]:
        found = other["comparison"]
        yield from (f"### Against {plain(other['evaluation']['name'])}", "")
        if found is None:
            yield from (plain(other["trouble"]), "")
            continue
        rows = ([NAMES.get(name, name), *_difference(row), row["p"]] for name, row in found["scores"].items())
        yield from (*_table(("", "this:", "other:", "difference:", "95 %:", "p:"), rows), "")
        classes = ([row["label"], *_difference(row), row["p_holm"]] for row in found["classes"])
        yield from (*_table(("recall", "this:", "other:", "difference:", "95 %:", "p, Holm:"), classes), "")


def _difference(row: Mapping[str, Any]) -> list[str]:
    interval = row["interval"]
    reach = f"{signed(interval[0])} to {signed(interval[1])}" if interval else ""
    return [decimal(row["a"]), decimal(row["b"]), signed(row["difference"]), reach]


def _classes(report: Report) -> Iterator[str]:
    found = report["subject"]["emotion"]
    if found:
        keys = ("recall", "precision", "f1")
        rows = (
            [row["label"], row["support"], *(cell for key in keys for cell in _pair(row[key]))]
            for row in found["classes"]
        )
        columns = ("emotion", "utterances:", "recall:", "95 %:", "precision:", "95 %:", "F1:", "95 %:")
        yield from _table(columns, rows)


def _confusion(report: Report) -> Iterator[str]:
    found = report["subject"]["emotion"]
    if found:
        labels, counts = found["confusion"]["labels"], found["confusion"]["counts"]
        rows = ([label, *row] for label, row in zip(labels, counts, strict=True))
        yield from _table(("is, said", *(f"{label}:" for label in labels)), rows)


def _parts(report: Report) -> Iterator[str]:
    for block, what in (("folds", "fold"), ("corpora", "corpus")):
        own = [row for row in report["subject"][block] if row["uar"]]
        if len(own) > 1:
            rows = ([row[what], row["n"], *_pair(row["uar"])] for row in own)
            yield from (*_table((what, "utterances:", "UAR:", "95 %:"), rows), "")


def _speakers(report: Report) -> Iterator[str]:
    found = report["subject"]["per_speaker"]
    rows = (
        [row["speaker"], row["n"], decimal(row["accuracy"]), decimal(row["uar"]), row["mistaken_for"] or ""]
        for row in found[:_SPEAKERS]
    )
    if len(found) > 1:
        yield from _table(("speaker", "utterances:", "accuracy:", "UAR:", "mistakes are mostly said to be"), rows)
        yield from ("", f"The worst {min(_SPEAKERS, len(found))} of {len(found)}.")


def _calibration(report: Report) -> Iterator[str]:
    found = report["subject"]["calibration"]
    if not found:
        return
    rows = []
    for name, told in (("raw", "as it is"), ("temperature", "with a temperature"), ("vector", "scaled per emotion")):
        own = found[name]
        if own:
            ece, perfect = own["ece"], own["ece"]["perfect"]["interval"]
            limit = decimal(perfect[1]) if perfect else ""
            rest = (decimal(own["brier"]["value"]), decimal(own["log_loss"]["value"]))
            rows.append(
                [told, decimal(ece["value"]), limit, *rest, percent(own["confidence"]), percent(own["accuracy"])]
            )
    yield from _table(("", "ECE:", "perfect up to:", "Brier:", "log loss:", "confidence:", "accuracy:"), rows)


def _selective(report: Report) -> Iterator[str]:
    found = report["subject"]["selective"]
    if found:
        rows = ([percent(row["coverage"]), *_pair(row["accuracy"]), decimal(row["uar"])] for row in found["at"])
        yield from _table(("judged", "accuracy:", "95 %:", "UAR:"), rows)
        yield from ("", f"AURC {decimal(found['aurc']['value'])} {span(found['aurc']['interval'])}".strip() + ".")


def _soft(report: Report) -> Iterator[str]:
    found = report["subject"]["soft"]
    if found:
        names = ("jsd", "kld", "cross_entropy", "raters_entropy", "top2")
        yield from _table(("", "value:", "95 %:"), ([NAMES[name], *_pair(found[name])] for name in names))


def _mistakes(report: Report) -> Iterator[str]:
    keys = ("id", "speaker", "truth", "said")
    rows = ([*(row[key] for key in keys), decimal(row["confidence"])] for row in report["subject"]["mistakes"])
    yield from _table(("utterance", "speaker", "is", "said", "confidence:"), rows)


def _stress(report: Report) -> Iterator[str]:
    if report["stress"]:
        yield from _bullets(verdicts.sentences(report["stress"]))
        yield from _tested(report["stress"], ("correctness", "fairness", "robustness"))


def _tested(stress: Mapping[str, Any], families: Sequence[str]) -> Iterator[str]:
    own = [row for row in verdicts.rows(stress) if row["main"] and row["family"] in families]
    rows = (
        [
            *(row["corpus"], row["test"], row["level"], row["metric"], row["shown"], span([row["low"], row["high"]])),
            *(row["needed"], row["verdict"], _guess(row), row["note"]),
        ]
        for row in own
    )
    columns = ("corpus", "test", "of", "measure", "value:", "95 %:", "needed:", "verdict", "guessing:", "note")
    yield from _table(columns, rows)


def _guess(row: Mapping[str, Any]) -> str:
    return "" if row["random"] is None else f"{decimal(row['random'])} {row['random_verdict']}".strip()


def _measured(report: Report) -> Iterator[str]:
    yield from _table(("", ""), report_words.measured(report))


def _glossary(report: Report) -> Iterator[str]:
    yield from _table(("number", "meaning"), report_words.glossary(report))


def _not_for(report: Report) -> Iterator[str]:
    yield from _bullets(report_words.NOT_FOR)
    card = report["card"]
    if card:
        yield from _bullets(card["limits"])


_SECTIONS = {
    "Scores": _scores,
    "Affect": _affect,
    "Side by side": _others,
    "Emotions": _classes,
    "Confusion": _confusion,
    "Folds and corpora": _parts,
    "Speakers": _speakers,
    "Calibration": _calibration,
    "Leaving the unsure out": _selective,
    "Raters' shares": _soft,
    "The surest mistakes": _mistakes,
    "Stress and fairness": _stress,
    "Use and limits": _not_for,
    "How it was measured": _measured,
    "What the numbers mean": _glossary,
}


# The model card ---------------------------------------------------------------------------------------------------


def card(report: Report) -> str:
    """Return a model card: what it is, what it may be used for, how good it is, how to do it again.

    Source of the sections: M. Mitchell et al. Model cards for model reporting. FAT* 2019.
    """
    lines = [f"# Model card: {plain(report['subject']['name'])}", "", *_stamp(report)]
    for title, make in _CARD.items():
        inside = list(make(report))
        lines += [f"## {title}", "", *(inside or ["Not measured."]), ""]
    return _spaced(lines)


_UNKNOWN = "Not known: no bundle was given with the judgements (`--bundle`)."


def _what(report: Report) -> Iterator[str]:
    known, own = report["card"], report["subject"]
    emotions = ", ".join(own["labels"])
    if known:
        yield from _bullets(
            (
                f"{known['title']} ({known['id']})",
                f"judges speech as one of {', '.join(known['labels'])}",
                f"uncertain below a confidence of {known['threshold']:g}",
                f"valence, arousal, dominance: {known['affect']}",
                f"languages heard in training: {', '.join(known['languages'])}",
                f"hears: {known['encoder'] or known.get('input', {}).get('set', 'not known')}",
                f"judged here as one of: {emotions}",
            )
        )
    else:
        yield from _bullets((f"judges speech as one of {emotions}" if emotions else "judges affect",))
        yield _UNKNOWN


def _heard(report: Report) -> Iterator[str]:
    yield from _bullets(report["card"]["trained_on"]) if report["card"] else [_UNKNOWN]


def _licence(report: Report) -> Iterator[str]:
    known = report["card"]
    yield plain(f"{known['licence']}. {known['licence_line']}") if known else _UNKNOWN


_INTENDED = (
    "Summaries over many recordings, research, and tools whose user sees that it is a guess and can correct it.",
    "Recordings like those it was judged on, below; elsewhere it has to be measured again.",
)


def _intended(report: Report) -> Iterator[str]:
    yield from _bullets(_INTENDED)


def _prohibited(report: Report) -> Iterator[str]:
    yield from _bullets(report_words.NOT_FOR)


def _judged(report: Report) -> Iterator[str]:
    yield from _bullets(line for line in report_words.summary(report))
    for make in (_scores, _affect, _classes, _others):
        yield from (*make(report), "")


def _fair(report: Report) -> Iterator[str]:
    if report["stress"]:
        yield from (*_tested(report["stress"], ("fairness",)), "")
    yield from _speakers(report)


def _robust(report: Report) -> Iterator[str]:
    if report["stress"]:
        yield from _tested(report["stress"], ("robustness",))


def _sure(report: Report) -> Iterator[str]:
    yield from (*_calibration(report), "", *_selective(report)) if report["subject"]["calibration"] else ()


def _limits(report: Report) -> Iterator[str]:
    own, known = report["subject"], report["card"]
    where = ", ".join(row["corpus"] for row in own["corpora"]) or "the given predictions"
    who = f"Measured on {where}: {counted(own['n'], 'utterance')} of {counted(own['speakers'], 'speaker')}."
    yield from _bullets((who, "Other people, languages, microphones and situations were not measured."))
    yield from _bullets(known["limits"]) if known else []


def _again(report: Report) -> Iterator[str]:
    known = report["card"]
    if known and known["command"]:
        yield from (f"Trained by `{known['command']}`.", "")
    yield from _measured(report)


_CARD = {
    "What it is": _what,
    "Trained on": _heard,
    "Licence": _licence,
    "Intended use": _intended,
    "Prohibited and wrong use": _prohibited,
    "Scores, with intervals and protocol": _judged,
    "Fairness": _fair,
    "Robustness": _robust,
    "Calibration": _sure,
    "Limits": _limits,
    "How to reproduce": _again,
}
