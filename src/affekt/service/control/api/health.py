"""Does it run, and can it work: for load balancers and those who watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyio import from_thread

from affekt import __version__
from affekt.errors import AffektError
from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Parts

router = gated("service")

_PROCESSES = ("gateway", "engine")


@router.get("/v1/health", summary="Does it run", responses={200: {"model": shapes.Health}})
async def health() -> Json:
    """Answer without asking anybody: the process is alive."""
    return Json({"status": "ok", "version": __version__})


@router.get(
    "/v1/ready",
    summary="Can it work",
    responses={200: {"model": shapes.Ready}, 503: {"model": shapes.Ready}},
)
def ready(given: Given) -> Json:
    """Ask the store, and look whether gateway and engine are there; 503 where one is not."""
    state = from_thread.run_sync(given.bus.state)
    checks = {"store": _store(given), **{name: _process(state, name) for name in _PROCESSES}}
    fine = set(checks.values()) == {"ok"}
    return Json({"ready": fine, "checks": checks}, status=200 if fine else 503)


@router.get("/v1/system", summary="Processes, and what waits", responses={200: {"model": shapes.System}})
async def system(given: Given) -> Json:
    """Say what runs and with which settings; nothing secret."""
    serve = given.settings
    told: dict[str, Any] = {
        "model": serve.engine.model,
        "models": serve.engine.models,
        "hop": serve.engine.hop,
        "denoise": serve.engine.denoise,
        "ingest": serve.ingest.address,
        "max_calls": serve.ingest.max_calls,
        "single_sign_on": serve.auth.oidc.name if serve.auth.oidc else None,
    }
    waiting = given.judging.state()
    return Json({"version": __version__, "processes": given.bus.state(), "predict": waiting, "settings": told})


def _store(given: Parts) -> str:
    try:
        given.store.check()
    except AffektError:
        return "unreachable"
    return "ok"


def _process(state: Mapping[str, Any], name: str) -> str:
    return "ok" if state.get(name, {}).get("connected") else "absent"
