"""Work -> words about it. What training tells whoever started it; silent unless somebody overrides it."""

from __future__ import annotations


class Progress:
    """Hears how far the work is and says nothing; a command's own prints it.

    >>> Progress().step("features", 3, 10)
    """

    def step(self, what: str, done: int, total: int) -> None:
        """Take note that `done` of `total` are done of `what`."""

    def note(self, text: str) -> None:
        """Take note of something that the user should know: a file that cannot be read, a finished fold."""
