"""Every emotion can be told from every other, by letter always and by colour in any sight."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from affekt.view.palette import PAINTS, ink, luminance, paint, stacked

VOCABULARY = {
    "anger", "boredom", "calm", "contempt", "disgust", "excitement", "fear", "frustration", "happiness", "neutral",
    "sadness", "surprise", "other",
}  # fmt: skip
ACTED = VOCABULARY - {"contempt", "excitement", "frustration", "other"}

# Machado, Oliveira and Fernandes (2009), severity 1.0; rows of linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(colour: str, sight: str) -> np.ndarray:
    """CIE L*a*b* (D65) of #rrggbb as `sight` sees it."""
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = XYZ @ np.clip(SIGHT[sight] @ linear, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_whole_vocabulary_is_painted() -> None:
    assert set(PAINTS) == VOCABULARY


def test_letters_are_unique() -> None:
    assert len({p.mark for p in PAINTS.values()}) == len(PAINTS)
    assert all(len(p.mark) == 1 and p.mark.isupper() for p in PAINTS.values())


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("dark", [False, True])
def test_colours_stay_apart_in_every_sight(sight: str, dark: bool) -> None:
    """Any two emotions of acted corpora differ by 20 (CIE 1976), any two at all by 16."""
    for one, other in combinations(sorted(VOCABULARY), 2):
        distance = np.linalg.norm(lab(PAINTS[one].fill(dark=dark), sight) - lab(PAINTS[other].fill(dark=dark), sight))
        assert distance >= (20 if {one, other} <= ACTED else 16), f"{one} and {other} in {sight}"


@pytest.mark.parametrize("fill", [c for p in PAINTS.values() for c in (p.light, p.dark)])
def test_text_on_a_fill_has_the_contrast_of_wcag_aa(fill: str) -> None:
    light, low = sorted((luminance(fill), luminance(ink(fill))), reverse=True)
    assert (light + 0.05) / (low + 0.05) >= 4.5


def test_an_unknown_emotion_is_drawn_all_the_same() -> None:
    assert paint("wonder").mark == "W"
    assert paint("").mark == "?"


def test_the_stack_is_a_permutation_from_pleasant_to_unpleasant() -> None:
    order = stacked(sorted(VOCABULARY))
    assert set(order) == VOCABULARY
    assert order.index("happiness") < order.index("neutral") < order.index("anger")
