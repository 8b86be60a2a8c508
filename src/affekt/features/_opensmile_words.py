"""openSMILE's name -> its documentation. What the parts of its names mean: descriptor, smoothing, change, functional.

A name is `DESCRIPTOR_sma[3[nz]][_de][[INDEX]][_FUNCTIONAL]`: smoothed over three frames (nz: over voiced ones only),
the change per frame, the coefficient's or band's index, and the functional. Meanings are those of the papers and the
published configurations.
"""

from __future__ import annotations

import re

from affekt.features._feature import Feature

_NAME = re.compile(r"(.+?)_sma(3nz|3)?(_de)?(?:\[(\d+)\])?(?:_(.+))?")

_DESCRIPTORS = {
    "F0final": ("Hz", "fundamental frequency by subharmonic summation and a Viterbi search, 0 where unvoiced"),
    "F0semitoneFrom27.5Hz": ("semitones above 27.5 Hz", "fundamental frequency, 0 where unvoiced"),
    "F0": ("Hz", "fundamental frequency by autocorrelation and cepstrum, 0 where unvoiced"),
    "F0env": ("Hz", "envelope of the fundamental frequency, which goes on where unvoiced"),
    "voicingFinalUnclipped": ("1", "probability that the frame is voiced"),
    "voiceProb": ("1", "probability that the frame is voiced"),
    "jitterLocal": ("1", "mean difference of neighbouring periods' lengths over their mean length"),
    "jitterDDP": ("1", "mean difference of neighbouring differences of periods' lengths over the mean length"),
    "shimmerLocal": ("1", "mean difference of neighbouring periods' amplitudes over their mean amplitude"),
    "shimmerLocaldB": ("dB", "mean difference of neighbouring periods' amplitudes"),
    "logHNR": ("dB", "harmonics over noise, from the mean period and what is left; at least -100"),
    "HNRdBACF": ("dB", "harmonics over noise, from the autocorrelation at the period, 0 where unvoiced"),
    "logRelF0-H1-H2": ("dB", "first over second harmonic"),
    "logRelF0-H1-A3": ("dB", "first harmonic over the strongest one near the third formant"),
    "loudness": ("1", "loudness, the sum over the auditory spectrum"),
    "audspec_lengthL1norm": ("1", "loudness, the sum over the auditory spectrum"),
    "audspecRasta_lengthL1norm": ("1", "sum over the auditory spectrum after RASTA filtering"),
    "audSpec_Rfilt": ("1", "band of the auditory spectrum after RASTA filtering"),
    "pcm_RMSenergy": ("1", "root mean square of the samples, full scale 1"),
    "pcm_zcr": ("1", "changes of sign per sample"),
    "pcm_intensity": ("1", "mean square of the windowed samples"),
    "pcm_loudness": ("1", "intensity over that of the threshold, to the power 0.3"),
    "pcm_fftMag_fband250-650": ("1", "power between 250 and 650 Hz over the number of bins"),
    "pcm_fftMag_fband1000-4000": ("1", "power between 1 and 4 kHz over the number of bins"),
    **{
        f"pcm_fftMag_spectralRollOff{share}.0": ("Hz", f"frequency below which {share} % of the power lie")
        for share in (25, 50, 75, 90)
    },
    "pcm_fftMag_spectralFlux": ("1", "root mean square change of the magnitudes since the frame before"),
    "spectralFlux": ("1", "root mean square change of the magnitudes since the frame before"),
    "pcm_fftMag_spectralCentroid": ("Hz", "mean frequency, weighted by power"),
    "pcm_fftMag_spectralEntropy": ("bit", "entropy of the power's distribution over the bins"),
    "pcm_fftMag_spectralVariance": ("Hz^2", "variance of frequency, weighted by power"),
    "pcm_fftMag_spectralSkewness": ("1", "skewness of frequency, weighted by power"),
    "pcm_fftMag_spectralKurtosis": ("1", "kurtosis of frequency, weighted by power"),
    "pcm_fftMag_spectralSlope": ("1", "slope of the regression line through the power spectrum"),
    "pcm_fftMag_psySharpness": ("1", "sharpness, the centroid in Bark, weighted towards high frequencies"),
    "pcm_fftMag_spectralHarmonicity": ("1", "mean difference of neighbouring peaks and valleys of the power spectrum"),
    "alphaRatio": ("dB", "energy in 1 .. 5 kHz over that in 50 .. 1000 Hz"),
    "hammarbergIndex": ("dB", "strongest peak below 2 kHz over that in 2 .. 5 kHz"),
    "slope0-500": ("dB/Hz", "slope of the power spectrum between 0 and 500 Hz"),
    "slope500-1500": ("dB/Hz", "slope of the power spectrum between 500 and 1500 Hz"),
    "mfcc": ("1", "mel-frequency cepstral coefficient"),
    "lspFreq": ("rad", "line spectral frequency of a prediction of order 8"),
    **{
        f"F{k}{what}": (unit, f"{meaning} of formant {k}")
        for k in (1, 2, 3)
        for what, unit, meaning in (
            ("frequency", "Hz", "frequency"),
            ("bandwidth", "Hz", "bandwidth"),
            ("amplitudeLogRelF0", "dB", "level, relative to that of F0, -201 where unvoiced,"),
        )
    },
}

_SAME = ""
"the functional has the descriptor's unit"
_RANGE = "share of the range"
_MOMENTS = {
    "amean": (_SAME, "mean"),
    "stddev": (_SAME, "standard deviation"),
    "stddevNorm": ("1", "standard deviation over the mean"),
    "skewness": ("1", "skewness"),
    "kurtosis": ("1", "kurtosis (3 for a normal distribution)"),
    "max": (_SAME, "maximum"),
    "min": (_SAME, "minimum"),
    "range": (_SAME, "maximum less minimum"),
    "quartile1": (_SAME, "first quartile"),
    "quartile2": (_SAME, "median"),
    "quartile3": (_SAME, "third quartile"),
    "iqr1-2": (_SAME, "median less first quartile"),
    "iqr2-3": (_SAME, "third quartile less median"),
    "iqr1-3": (_SAME, "third quartile less first"),
    **{f"percentile{share}.0": (_SAME, f"{share}th percentile") for share in (20, 50, 80, 99)},
    "percentile1.0": (_SAME, "1st percentile"),
    "pctlrange0-1": (_SAME, "99th less 1st percentile"),
    "pctlrange0-2": (_SAME, "80th less 20th percentile"),
    "posamean": (_SAME, "mean of the positive values"),
    "rqmean": (_SAME, "root mean square"),
    "flatness": ("1", "geometric over arithmetic mean of the absolute values"),
}
_COMPARE = {
    "maxPos": ("share of the duration", "where the maximum lies"),
    "minPos": ("share of the duration", "where the minimum lies"),
    "meanSegLen": ("s", "mean length of the segments between crossings of 25 and 75 % of the range"),
    "maxSegLen": ("s", "length of the longest of the segments between crossings of 25 and 75 % of the range"),
    "minSegLen": ("s", "length of the shortest of the segments between crossings of 25 and 75 % of the range"),
    "segLenStddev": (
        "s",
        "standard deviation of the lengths of the segments between crossings of 25 and 75 % of the range",
    ),
    **{
        f"upleveltime{share}": ("share of the duration", f"time above {share} % of the range")
        for share in (25, 50, 75, 90)
    },
    "risetime": ("share of the duration", "time in which the contour rises"),
    "leftctime": ("share of the duration", "time in which the contour bends to the left"),
    "lpgain": ("1", "gain of a linear prediction of the contour of order 5"),
    **{f"lpc{k}": ("1", f"coefficient {k} of a linear prediction of the contour of order 5") for k in range(5)},
    "linregc1": (_RANGE, "slope of the regression line"),
    "linregc2": (_RANGE, "where the regression line begins"),
    "linregerrQ": ("1", "mean squared distance from the regression line, the range scaled to 1"),
    "qregc1": (_RANGE, "quadratic coefficient of the regression parabola"),
    "qregc2": (_RANGE, "linear coefficient of the regression parabola"),
    "qregc3": (_RANGE, "where the regression parabola begins"),
    "qregerrQ": ("1", "mean squared distance from the regression parabola, the range scaled to 1"),
    "centroid": ("share of the duration", "mean time, weighted by the absolute values"),
    "ff0_nnz": ("share of the duration", "time that is voiced"),
    "ff0_meanSegLen": ("s", "mean length of the voiced segments"),
    "ff0_maxSegLen": ("s", "length of the longest voiced segment"),
    "ff0_minSegLen": ("s", "length of the shortest voiced segment"),
    "ff0_segLenStddev": ("s", "standard deviation of the voiced segments' lengths"),
    "meanPeakDist": ("s", "mean time between peaks"),
    "peakDistStddev": ("s", "standard deviation of the time between peaks"),
    "peakRangeAbs": (_SAME, "highest less lowest peak"),
    "peakRangeRel": ("1", "highest less lowest peak, over the mean"),
    "peakMeanAbs": (_SAME, "mean of the peaks"),
    "peakMeanMeanDist": (_SAME, "mean of the peaks less the mean"),
    "peakMeanRel": ("1", "mean of the peaks over the mean"),
    "minRangeRel": ("1", "highest less lowest valley, over the mean"),
    **{
        f"{what}{way}Slope": ("per s", f"{meaning} of the {way.lower()} slopes between peaks and valleys")
        for what, meaning in (("mean", "mean"), ("stddev", "standard deviation"))
        for way in ("Rising", "Falling")
    },
}
_EMOBASE = {
    "maxPos": ("frame", "where the maximum lies"),
    "minPos": ("frame", "where the minimum lies"),
    "linregc1": ("per frame", "slope of the regression line"),
    "linregc2": (_SAME, "where the regression line begins"),
    "linregerrA": (_SAME, "mean absolute distance from the regression line"),
    "linregerrQ": ("squared", "mean squared distance from the regression line"),
}
_WHOLE = {
    "loudnessPeaksPerSec": ("1/s", "peaks of loudness per second"),
    "VoicedSegmentsPerSec": ("1/s", "voiced segments per second"),
    "MeanVoicedSegmentLengthSec": ("s", "mean length of the voiced segments"),
    "StddevVoicedSegmentLengthSec": ("s", "standard deviation of the voiced segments' lengths"),
    "MeanUnvoicedSegmentLength": ("s", "mean length of the unvoiced segments"),
    "StddevUnvoicedSegmentLength": ("s", "standard deviation of the unvoiced segments' lengths"),
    "equivalentSoundLevel_dBp": ("dB", "mean power, relative to full scale"),
}


def describe(name: str, source: str, *, emobase: bool = False) -> Feature:
    """Document a column or functional by what the parts of its name say.

    >>> describe("pcm_fftMag_spectralCentroid_sma_de_stddev", "Weninger et al. 2013").unit
    'Hz/frame'
    """
    if name in _WHOLE:
        return Feature(name, *_WHOLE[name], source)
    parts = _NAME.fullmatch(name)
    if not parts:
        return Feature(name, "?", "not documented here", source)
    stem, smoothed, change, index, functional = parts.groups()
    unit, meaning = _descriptor(stem, index)
    if smoothed == "3nz" and not meaning.endswith("voiced frames"):
        meaning += ", voiced frames"
    if change:
        unit, meaning = f"{unit}/frame", f"slope over five frames of {meaning}"
    if functional:
        unit, meaning = _functional(functional, unit, meaning, emobase=emobase)
    return Feature(name, unit, meaning, source)


def _descriptor(stem: str, index: str | None) -> tuple[str, str]:
    number = re.fullmatch(r"(mfcc)(\d+)(U?V)?", stem)
    where = ""
    if number:
        stem, index, where = number[1], number[2], number[3] or ""
    elif regional := re.fullmatch(r"(alphaRatio|hammarbergIndex|spectralFlux|slope)(U?V)(.*)", stem):
        stem, where = regional[1] + regional[3], regional[2]
    unit, meaning = _DESCRIPTORS.get(stem, _DESCRIPTORS.get(stem.lower(), ("?", stem)))
    where = {"V": ", voiced frames", "UV": ", unvoiced frames"}.get(where, "")
    return unit, f"{meaning}{f', number {index}' if index else ''}{where}"


def _functional(name: str, unit: str, meaning: str, *, emobase: bool) -> tuple[str, str]:
    own, what = (_MOMENTS | _COMPARE | (_EMOBASE if emobase else {})).get(name, ("?", name))
    relative = own in ("per s", "per frame", "squared")
    return (f"({unit}) {own}" if relative else own or unit), f"{what}; contour: {meaning}"
