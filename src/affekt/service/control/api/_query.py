"""What several resources take in their queries."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

Word = Annotated[str | None, Query(max_length=200)]
Time = Annotated[str | None, Query(max_length=40, description="ISO 8601, UTC where no zone is told.")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
