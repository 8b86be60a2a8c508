"""Sound that was kept of a call, where it was: each listening is in the audit log."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.responses import StreamingResponse

from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Parts, Who
from affekt.service.control.problems import Problem
from affekt.service.store import Vault

router = gated("calls")

_MOST = 2**32 - 64  # bytes that a WAV can say it has


@router.get("/v1/calls/{id}/recordings", summary="What was recorded", responses={200: {"model": shapes.Listing}})
def recordings(id: str, given: Given, who: Who) -> Json:
    """List the recordings of a call, one for each track; none where the tenant does not record or nobody consented."""
    vault, found = _found(given, who.tenant, id)
    items = []
    for number, (path, about, whole) in enumerate(found):
        size = sum(map(len, vault.read(path))) if vault else 0
        shown = {name: about[name] for name in ("role", "rate", "start")}
        items.append({"number": number, **shown, "seconds": round(size / 2 / about["rate"], 3), "whole": whole})
    return Json({"items": items, "next": None})


@router.get(
    "/v1/calls/{id}/recordings/{number}",
    summary="Listen",
    response_class=StreamingResponse,
    responses={200: {"content": {"audio/wav": {}}, "description": "mono, 16 bits"}},
)
def listen(id: str, number: int, given: Given, who: Who) -> StreamingResponse:
    """Give one recording as WAV."""
    vault, found = _found(given, who.tenant, id)
    if vault is None or not 0 <= number < len(found):
        raise Problem(404, "there is no such recording")
    path, about, _ = found[number]
    size = sum(map(len, vault.read(path)))
    given.audit(who, "recording heard", id, role=about["role"])
    return StreamingResponse(_wav(vault, path, about["rate"], min(size, _MOST)), media_type="audio/wav")


def _found(given: Parts, tenant: str, id: str) -> tuple[Vault | None, list[tuple[Path, dict[str, Any], bool]]]:
    if given.store.call(tenant, id) is None:
        raise Problem(404, "there is no such call")
    vault = given.store.vault
    return vault, [] if vault is None else list(vault.list(tenant, id))


def _wav(vault: Vault, path: Path, rate: int, size: int) -> Iterator[bytes]:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    yield struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)
    yield from vault.read(path)
