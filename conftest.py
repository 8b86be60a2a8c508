"""What is left out where an optional framework is not installed; `make test` and `make adapters` install it."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [f"src/affekt/adapters/{name}.py" for name in ("livekit", "pipecat") if find_spec(name) is None]
if find_spec("fastapi") is None:
    collect_ignore += ["src/affekt/client.py", "src/affekt/service", "tests/service"]
