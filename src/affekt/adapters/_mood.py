"""Mood -> one sentence for an agent's prompt, or nothing: what was heard, how surely, and that it may be wrong."""

from __future__ import annotations

from affekt.types import Mood

MARK = "[voice]"
"""How a message of the context begins that says the mood: by it the one before is found, and the prompt names it."""
LEAST = 0.5
"""Level below which nothing is said: another emotion than the one that would be named is as likely."""
STEADY = 0.02
"""Change per second of speech below which a level neither rises nor falls: 0.2 in the 10 s over which it is taken."""

_SOUNDS = {
    "anger": "angry",
    "boredom": "bored",
    "disgust": "disgusted",
    "fear": "afraid",
    "happiness": "happy",
    "sadness": "sad",
    "surprise": "surprised",
}
_CAVEAT = "This is an estimate from the voice alone and may be wrong."


def sentence(mood: Mood, *, who: str = "caller") -> str | None:
    """Put a mood into words; None where it is too uncertain to say anything.

    >>> mood = Mood(31.0, None, {"anger": 0.72, "neutral": 0.2}, trend={"anger": 0.03}, speech=20.4)
    >>> sentence(mood)
    'The caller sounds angry (72 %, rising; from 20 s of speech). This is an estimate from the voice alone and may be wrong.'
    >>> sentence(Mood(2.0, None, {"anger": 0.72, "neutral": 0.2}, speech=1.0, uncertain=True))

    Args:
        mood: of whom the agent talks to; never an employee's, of whom there is none.
        who: what the agent calls that person.
    """  # noqa: E501
    level = mood.levels[mood.emotion]
    if mood.uncertain or level < LEAST:
        return None
    sounds = _SOUNDS.get(mood.emotion, mood.emotion)
    heard = f"{100 * level:.0f} %, {_way(mood)}; from {mood.speech:.0f} s of speech"
    return f"The {who} sounds {sounds} ({heard}). {_CAVEAT}"


def _way(mood: Mood) -> str:
    slope = mood.trend.get(mood.emotion, 0.0)
    return "rising" if slope > STEADY else "falling" if slope < -STEADY else "steady"
