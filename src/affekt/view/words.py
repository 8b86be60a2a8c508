"""Numbers -> words that people read: times, shares, signed values, names that cannot harm a terminal."""

from __future__ import annotations


def clock(seconds: float, *, hours: bool = False) -> str:
    """Write a time as m:ss.s, from one hour on (or with `hours`) as h:mm:ss.s.

    >>> clock(3.94), clock(59.96), clock(3723.4), clock(5, hours=True)
    ('0:03.9', '1:00.0', '1:02:03.4', '0:00:05.0')
    """
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    tail = f"{rest // 10:02}.{rest % 10}"
    if hours or minutes >= 60:
        return f"{minutes // 60}:{minutes % 60:02}:{tail}"
    return f"{minutes}:{tail}"


def percent(share: float) -> str:
    """Write a share of one as whole percent.

    >>> percent(0.634), percent(1)
    ('63 %', '100 %')
    """
    return f"{round(share * 100)} %"


def signed(value: float) -> str:
    """Write a value in [-1, 1] with its sign; what rounds to zero has none.

    >>> signed(0.724), signed(-0.6), signed(-0.004)
    ('+0.72', '−0.60', ' 0.00')
    """
    text = f"{value:+.2f}"
    return " 0.00" if float(text) == 0 else text.replace("-", "−")


def kilohertz(rate: int) -> str:
    """Write a sampling rate.

    >>> kilohertz(8000), kilohertz(44100)
    ('8 kHz', '44.1 kHz')
    """
    return f"{rate / 1000:g} kHz"


def channels(count: int) -> str:
    """Write a number of channels.

    >>> channels(1), channels(2), channels(6)
    ('mono', 'stereo', '6 channels')
    """
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def printable(text: str) -> str:
    r"""Replace what a terminal would obey or cannot show: control characters, bidi overrides, half surrogates.

    >>> printable("a\x1b[31mb\n")
    'a�[31mb�'
    """
    return "".join(c if c.isprintable() else "�" for c in text)
