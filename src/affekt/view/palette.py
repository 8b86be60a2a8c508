"""Emotion -> its colour and its letter, the same in the terminal, the page and the figure.

Colour is never the only cue: each emotion also has a letter of its own. The hues start from Okabe and Ito's palette
("Color Universal Design", 2008) and were moved until every two of the nine emotions that acted corpora have stay
apart (CIE 1976 colour difference of 20 or more) in normal sight and in complete protanopia, deuteranopia and
tritanopia; the test holds this. The other four differ from all by 16 or more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

INK, SOFT, LINE, FAINT, ACCENT = "#1b1c21", "#63656f", "#dcdad4", "#f3f1ed", "#5a48c9"
"""Of pictures on white: text, lesser text, lines of the grid, grounds, and the one colour that means nothing."""


@dataclass(frozen=True, slots=True)
class Paint:
    """How one emotion is drawn."""

    mark: str
    "one letter, unique in the vocabulary"
    light: str
    "#rrggbb, on a light ground"
    dark: str
    "#rrggbb, on a dark ground"

    def fill(self, *, dark: bool = False) -> str:
        """Return the colour for the given ground."""
        return self.dark if dark else self.light


# From pleasant to unpleasant: the order of stacked areas, so that a band keeps its place from file to file.
PAINTS = {
    "happiness": Paint("H", "#f2a22c", "#fca103"),
    "excitement": Paint("E", "#fce50a", "#f1f87c"),
    "surprise": Paint("U", "#f5b9da", "#ffccdb"),
    "calm": Paint("C", "#5cb4ef", "#77cffd"),
    "neutral": Paint("N", "#929292", "#989898"),
    "other": Paint("O", "#2e2e30", "#585c61"),
    "boredom": Paint("B", "#775c44", "#7f674e"),
    "sadness": Paint("S", "#1a558e", "#4a56da"),
    "fear": Paint("F", "#9253db", "#b25abd"),
    "disgust": Paint("D", "#6fac5c", "#92cc7d"),
    "contempt": Paint("T", "#522657", "#922c83"),
    "frustration": Paint("R", "#832f0f", "#98471f"),
    "anger": Paint("A", "#cd3b05", "#de4e15"),
}


def paint(emotion: str) -> Paint:
    """Return how `emotion` is drawn; a name outside the vocabulary is grey with its first letter.

    >>> paint("anger").mark, paint("wonder")
    ('A', Paint(mark='W', light='#6b7280', dark='#9ca3af'))
    """
    return PAINTS.get(emotion) or Paint((emotion[:1] or "?").upper(), "#6b7280", "#9ca3af")


def stacked(emotions: Iterable[str]) -> list[str]:
    """Sort emotion names from pleasant to unpleasant, unknown ones last.

    >>> stacked(["wonder", "anger", "neutral", "happiness"])
    ['happiness', 'neutral', 'anger', 'wonder']
    """
    place = {name: i for i, name in enumerate(PAINTS)}
    return sorted(emotions, key=lambda name: place.get(name, len(place)))


def ink(fill: str) -> str:
    """Return the text colour, black or white, that reads better on `fill` (WCAG 2 relative luminance).

    >>> ink("#fce50a"), ink("#1a558e")
    ('#000000', '#ffffff')
    """
    return "#000000" if luminance(fill) > 0.179 else "#ffffff"


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb in [0, 1] (WCAG 2).

    >>> luminance("#ffffff")
    1.0
    """
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
