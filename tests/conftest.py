"""Settings of all tests."""

from __future__ import annotations

from hypothesis import settings

# No deadline: a busy machine is no bug. The same examples every time: a failure can be repeated by anybody.
settings.register_profile("affekt", deadline=None, derandomize=True)
settings.load_profile("affekt")
