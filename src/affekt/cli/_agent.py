"""--agent WHO -> the one who is not judged. A second one is refused: of two, the first would be judged unnoticed."""

from __future__ import annotations

import click

from affekt.errors import UsageError


def one(ctx: click.Context, param: click.Parameter, told: tuple[str, ...]) -> str | None:
    """Return who was named, None where nobody was.

    Raises:
        UsageError: several were named.
    """
    if len(told) > 1:
        raise UsageError(
            f"--agent was given {len(told)} times ({', '.join(told)}), and names one channel or speaker: judge a "
            f"recording of several agents channel by channel (--channel), and leave theirs out"
        )
    return told[0] if told else None
