"""A value -> a JSON response. Fast, and strict: what is not a number in JSON becomes null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


class Json(Response):
    """JSON by orjson."""

    media_type = "application/json"

    def __init__(self, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), status, dict(headers or {}))


def page(found: Mapping[str, Any]) -> Json:
    """Answer with one page of a list: `items`, and `next`, the cursor of the next one or null."""
    return Json({"items": found["items"], "next": found.get("next")})
