"""Bundles and RAVDESS -> benchmarks/STRESS.md. What the bundled models withstand.

    python -m benchmarks.stress [--quick] [--workers N] [--cache FOLDER]

Reads ../shared/corpora and ../shared/noise. An utterance takes about 0.7 s of one processor for each bundle, and with a
cache only what changed is judged again; `affekt stress BUNDLE --on ravdess --noise ../shared/noise` shows the same.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from pathlib import Path

from affekt.cache import Cache
from affekt.evaluation.stress import page as pages
from affekt.evaluation.stress import suite
from affekt.evaluation.stress.suite import Report, Settings, Subject
from benchmarks import page
from recipes import corpora

BUNDLES = ("permissive", "default")
CORPUS = "ravdess"

HEAD = """# What the bundled models withstand

Written by `{command}` on {date}, commit {commit} ({machine}), on {clips} of RAVDESS.

[docs/stress.md](../docs/stress.md) has every question, threshold and source; thresholds are opinions. `value` and `UAR`
have their 95 % interval over speakers beside them; `change` is that of UAR, with the same speakers drawn before and
after, and may be `allowed` at most; `same` is the share of utterances of which the same emotion is said as of the clean
recording, and is `needed` at least; `moved` is the share of probability that goes to other emotions. `guessing` is a
model that guesses: its value, or how often it says the same. A question mark: the interval lies on both sides of the
threshold. Recorded noise and rooms are the five and four files of ../shared/noise.

## Reading

- **A gain changes nothing**, since speech is brought to one level first.
- **Loss and agreement are two things.** Steady noise at 20 dB costs hardly any UAR, and yet of one utterance in three
  (permissive) to one in seven (default) another emotion is said: right answers turn wrong, and wrong ones right.
- **Other voices cost most** of all noise at 20 dB, and of all rooms a recorded one (rir1), whose reverberation is
  stronger than the voice.
- **Telephone, codecs, lost packets and clipping** stay within what is allowed on these speakers, in a third of the
  cases by less than their interval (`passed?`).
- **Silence before an utterance moves more than silence after it.** Windows of 1 s that tile a recording lose far more
  than its middle second: the silence at its ends is judged as well. `affekt predict` looks for speech first; here, as
  with `--whole`, nobody does.
- **Affect is not yet right where emotion is**: neutral speech is said to be no more pleasant than angry speech.
- **By sex**, mean valence differs more than chance would have it: men are heard as more negative. What differs in UAR,
  recall and shares could be chance.
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help=f"{suite.QUICK} utterances only")
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    options.add_argument("--cache", type=Path, default=corpora.CACHE.parent / "stress", help="folder")
    asked = options.parse_args()
    settings = Settings(
        quick=asked.quick,
        noise=corpora.CORPORA.parent / "noise",
        workers=asked.workers,
        kept=Cache(asked.cache),
    )
    reports = [measure(name, settings) for name in BUNDLES]
    page.write("STRESS.md", write(reports, quick=asked.quick))


def measure(name: str, settings: Settings) -> Report:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = suite.stress(Subject.of(name), [corpora.manifest(CORPUS)], settings, _told)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name}: {seconds:.0f} s of processor in the processes that judge", file=sys.stderr)
    return report


def write(reports: list[Report], *, quick: bool) -> str:
    """Lay the page out."""
    command = "benchmarks.stress --quick" if quick else "benchmarks.stress"
    clips = f"{suite.QUICK} utterances, balanced by speaker and emotion," if quick else "all utterances"
    lines = [HEAD.format(**page.origin(command), clips=clips)]
    for report in reports:
        lines += pages.sections(report)
    return "\n".join(lines).rstrip() + "\n"


def _told(corpus: str, done: int, total: int) -> None:
    if done % 20 == 0 or done == total:
        print(f"\r{corpus}: {done}/{total} ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
