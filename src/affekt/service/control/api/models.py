"""The models that can be asked for, and what is known of each."""

from __future__ import annotations

from typing import Any

from affekt import bundle
from affekt.errors import UnknownNameError
from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import router as gated
from affekt.service.control.problems import Problem

router = gated("service")


@router.get("/v1/models", summary="The models", responses={200: {"model": shapes.Models}})
def models() -> Json:
    """List the bundled models with their cards."""
    return Json({"items": [_told(name) for name in bundle.names()]})


@router.get("/v1/models/{name}", summary="The card of a model", responses={200: {"model": shapes.Model}})
def model(name: str) -> Json:
    """Say what a model was trained on, how good it is, what it may be used for."""
    if name not in bundle.names():  # a name, never a path on this machine
        raise Problem(404, str(UnknownNameError("model", name[:100], bundle.names())))
    return Json(_told(name))


def _told(name: str) -> dict[str, Any]:
    card = bundle.card(name)
    return {"id": card.id} | card.to_dict()
