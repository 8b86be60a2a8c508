"""Recordings -> timelines: at once where they are short, else as a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from affekt import bundle
from affekt import denoise as noise
from affekt.errors import UnknownNameError, UsageError
from affekt.service.control import uploads
from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import router as gated
from affekt.service.control.judging import Full, Wish
from affekt.service.control.parts import Given, Parts, Who
from affekt.service.control.problems import wait
from affekt.service.control.uploads import Upload
from affekt.windows import WindowStage

router = gated("predict")

_AGAIN = 5.0  # s after which it is worth coming back


Model = Annotated[str, Query(max_length=100, description="A bundled model; GET /v1/models lists them.")]
Heard = Annotated[
    Literal["auto", "left", "right", "mix", "each"],
    Query(description="Which channels are heard; auto: each where they differ, else their mean."),
]
Agent = Annotated[
    str | None, Query(max_length=100, description="An employee's channel, who is not judged: left, right, ch3.")
]
Whole = Annotated[bool, Query(description="One prediction per recording and channel.")]
Long = Annotated[float, Query(ge=0.25, le=30, description="Seconds judged at once.")]
Hop = Annotated[float, Query(ge=0.1, le=30, description="Seconds from one window to the next.")]
Denoise = Annotated[str, Query(max_length=100, description="What reduces noise: none, wiener, deepfilter.")]
Later = Annotated[bool, Query(alias="async", description="Answer at once with a job.")]

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [uploads.FIELD],
                    "properties": {
                        uploads.FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
                    },
                }
            }
        },
    }
}


@router.post(
    "/v1/predict",
    summary="Judge recordings",
    responses={200: {"model": shapes.Results}, 202: {"model": shapes.JobTaken}},
    openapi_extra=_BODY,
)
async def predict(
    request: Request,
    given: Given,
    who: Who,
    *,
    model: Model = "default",
    channel: Heard = "auto",
    agent: Agent = None,
    whole: Whole = False,
    window: Long = 3.0,
    hop: Hop = 1.0,
    denoise: Denoise = "none",
    later: Later = False,
) -> Response:
    """Send one recording or several as parts called `files`; each gets a timeline, or a problem of its own.

    Up to a minute of sound is answered at once. More becomes a job, as with `async=true`: 202 and its address.
    """
    wish = Wish(model, channel, agent, whole, window, hop, denoise)
    await run_in_threadpool(_check, wish, given)
    if given.jobs.held >= given.settings.predict.waiting:  # else uploads could fill the disk
        raise wait(_AGAIN, "too many recordings are waiting", status=503)
    into = await given.jobs.hold()
    kept = False
    try:
        files = await uploads.receive(request, into, most=given.settings.predict.max_files)
        if later or await _is_long(given, files):
            row = await given.jobs.add(who.tenant, who.name, files, wish, into)
            kept = True  # the job lets go of the folder
            where = f"/v1/jobs/{row['id']}"
            return Json({"job": row["id"], "location": where}, status=202, headers={"Location": where})
        return Json({"results": [await given.judging.judge(file.path, file.name, wish) for file in files]})
    except Full:
        raise wait(_AGAIN, "too many recordings are waiting", status=503) from None
    finally:
        if not kept:
            await given.jobs.let_go(into)


async def _is_long(given: Parts, files: Sequence[Upload]) -> bool:
    """Add up the seconds; what does not say how long it is counts as long, what is no recording as nothing."""
    whole = 0.0
    for file in files:
        found = await given.judging.duration(file.path, file.name)
        if found is None:
            return True
        whole += found if isinstance(found, float) else 0.0
    return whole > given.settings.predict.at_once


def _check(wish: Wish, given: Parts) -> None:
    """Say what is wrong with the call before anything is read. A model is named, never a path on this machine.

    Raises:
        AffektError: an unknown model or noise reduction, or values that contradict each other.
    """
    engine = given.settings.engine
    known = {*bundle.names(), engine.model, *engine.models}
    if wish.model not in known:
        raise UnknownNameError("model", wish.model, known)
    noise.stage(wish.denoise)
    WindowStage(wish.window, wish.hop)
    if wish.agent is not None and wish.channel == "mix":
        raise UsageError("an agent cannot be told apart in a mix of channels; use channel=each")
