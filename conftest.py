"""What the doctests of src leave out where an optional framework is not installed; `make adapters` installs it."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [f"src/affekt/adapters/{name}.py" for name in ("livekit", "pipecat") if find_spec(name) is None]
