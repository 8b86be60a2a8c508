"""Name -> documentation. The 25 columns and 88 functionals of eGeMAPS: names, units, definitions, sources, in order.

A functional's name is its descriptor's, how that was smoothed (`sma3`: over three frames, `nz`: of those in which it
is there), and the statistic. V and UV stand for voiced and unvoiced frames; the rest of a name is openSMILE's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from affekt.errors import UnknownNameError
from affekt.features._feature import Feature

_GEMAPS = "Eyben et al. 2016"
_VOICED = "; 0 in unvoiced frames"
_LATE = "; heard in 60 ms, whose centre lies 20 ms after the frame's time"

_PITCH = (
    "F0semitoneFrom27.5Hz",
    "semitones above 27.5 Hz",
    "pitch by subharmonic summation and the cheapest path through its candidates",
    f"Hermes 1988; {_GEMAPS}",
)
_LOUDNESS = (
    "Loudness",
    "1",
    "mean over 26 mel bands of power, weighted as the ear does, to the power 0.33",
    f"Hermansky 1990; {_GEMAPS}",
)
_SHAPE = (
    ("alphaRatio", "dB", "energy in 1 .. 5 kHz over that below 1 kHz, 0 in silence", _GEMAPS),
    ("hammarbergIndex", "dB", "strongest bin below 2 kHz over that in 2 .. 5 kHz, 0 in silence", _GEMAPS),
    ("slope0-500", "dB/Hz", "slope of the regression line through the log power spectrum in 0 .. 500 Hz", _GEMAPS),
    (
        "slope500-1500",
        "dB/Hz",
        "slope of the regression line through the log power spectrum in 500 .. 1500 Hz",
        _GEMAPS,
    ),
    ("spectralFlux", "1", "root mean square change of the magnitudes below 5 kHz since the frame before", _GEMAPS),
    *(
        (f"mfcc{k}", "1", f"mel-frequency cepstral coefficient {k} of 26 bands in 20 .. 8000 Hz, liftered", "HTK book")
        for k in range(1, 5)
    ),
)
_ABSENT = "; -201 in unvoiced frames, 0 where no harmonic lies within a fifth of it"
_VOICE = (
    ("jitterLocal", "1", "mean difference of successive periods over their mean length", _GEMAPS),
    (
        "shimmerLocaldB",
        "dB",
        "20 log10(1 + s) with s the mean difference of successive periods' ranges over the mean range",
        _GEMAPS,
    ),
    (
        "HNRdBACF",
        "dB",
        "harmonics over noise, from the autocorrelation's peak at the period",
        f"Boersma 1993; {_GEMAPS}",
    ),
    ("logRelF0-H1-H2", "dB", "second over third harmonic, which the reference calls H1 and H2", _GEMAPS),
    (
        "logRelF0-H1-A3",
        "dB",
        "second harmonic over the strongest one within a fifth of the third formant",
        _GEMAPS,
    ),
    *(
        (f"F{k}{what}", unit, f"{meaning} of formant {k} as eGeMAPS finds it, not a phonetician{absent}", _GEMAPS)
        for k in (1, 2, 3)
        for what, unit, meaning, absent in (
            ("frequency", "Hz", "frequency", ""),
            ("bandwidth", "Hz", "bandwidth", ""),
            ("amplitudeLogRelF0", "dB", "strongest harmonic over that of F0, near the frequency", _ABSENT),
        )
    ),
)
_WHOLE = (
    ("loudnessPeaksPerSec", "1/s", "peaks of smoothed loudness per second", _GEMAPS),
    ("VoicedSegmentsPerSec", "1/s", "voiced segments per second", _GEMAPS),
    ("MeanVoicedSegmentLengthSec", "s", "mean length of the voiced segments", _GEMAPS),
    ("StddevVoicedSegmentLengthSec", "s", "standard deviation of the voiced segments' lengths", _GEMAPS),
    ("MeanUnvoicedSegmentLength", "s", "mean length of the unvoiced segments", _GEMAPS),
    ("StddevUnvoicedSegmentLength", "s", "standard deviation of the unvoiced segments' lengths", _GEMAPS),
    ("equivalentSoundLevel_dBp", "dB", "mean power of 20 ms frames, relative to full scale", _GEMAPS),
)

_MOMENTS = (("amean", "{}", "mean"), ("stddevNorm", "1", "standard deviation divided by the mean"))
_CONTOUR = (
    *_MOMENTS,
    *((f"percentile{share}.0", "{}", f"{share}th percentile") for share in (20, 50, 80)),
    ("pctlrange0-2", "{}", "80th less 20th percentile"),
    *(
        (f"{what}{way}Slope", "({})/s", f"{meaning} of the {way.lower()} slopes between peaks and valleys")
        for way in ("Rising", "Falling")
        for what, meaning in (("mean", "mean"), ("stddev", "standard deviation"))
    ),
)

Words = tuple[str, str, str, str]


def _columns(words: Iterable[Words], smoothing: str) -> Iterator[Feature]:
    for name, *rest in words:
        yield Feature(f"{name}_{smoothing}", *rest)


def _over_time(words: Iterable[Words]) -> Iterator[Words]:
    """Add what is to be known of a frame: what stands for absence, and where it listens."""
    for name, unit, definition, source in words:
        absent = "" if _ABSENT in definition else _VOICED
        late = "" if name.startswith(("jitter", "shimmer")) or name.endswith(("frequency", "bandwidth")) else _LATE
        yield name, unit, f"{definition}{absent}{late}", source


def _summed_up(
    words: Iterable[Words], smoothing: str, statistics: Iterable[Words | tuple[str, str, str]], *, over: str = ""
) -> list[Feature]:
    return [
        Feature(f"{name}_{smoothing}_{what}", own.format(unit), f"{meaning}{over} of: {definition}", source)
        for name, unit, definition, source in words
        for what, own, meaning, *_ in statistics
    ]


def _in_frames(words: Iterable[Words], which: str) -> Iterator[Words]:
    for name, unit, definition, source in words:
        label = name.replace("slope", f"slope{which}") if name.startswith("slope") else f"{name}{which}"
        yield label, unit, definition, source


FEATURES = (*_columns((_LOUDNESS, *_SHAPE), "sma3"), *_columns(_over_time((_PITCH, *_VOICE)), "sma3nz"))
"of the 25 columns, in order"

_PRESENT = " over the {}frames in which it is not 0 (0 without any)"
_FUNCTIONALS = (
    *_summed_up([_PITCH], "sma3nz", _CONTOUR, over=" over the voiced frames put together (0 without any)"),
    *_summed_up([("loudness", *_LOUDNESS[1:])], "sma3", _CONTOUR),
    *_summed_up(_SHAPE[4:], "sma3", _MOMENTS),
    *_summed_up(_VOICE, "sma3nz", _MOMENTS, over=_PRESENT.format("")),
    *_summed_up(_in_frames(_SHAPE, "V"), "sma3nz", _MOMENTS, over=_PRESENT.format("voiced ")),
    *_summed_up(_in_frames(_SHAPE[:5], "UV"), "sma3nz", _MOMENTS[:1], over=_PRESENT.format("unvoiced ")),
    *(Feature(*words) for words in _WHOLE),
)
FUNCTIONALS = tuple(feature.name for feature in _FUNCTIONALS)
"names of the 88 functionals, in order"

_DOCUMENTED = {feature.name: feature for feature in (*FEATURES, *_FUNCTIONALS)}


def describe(name: str) -> Feature:
    """Document a column or a functional.

    Raises:
        UnknownNameError: there is none of that name; the message has the closest.

    >>> describe("loudness_sma3_meanRisingSlope").unit
    '(1)/s'
    """
    if name not in _DOCUMENTED:
        raise UnknownNameError("feature of eGeMAPS", name, tuple(_DOCUMENTED))
    return _DOCUMENTED[name]
