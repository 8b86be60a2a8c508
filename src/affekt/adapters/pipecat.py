"""Input audio of a Pipecat pipeline -> `MoodFrame`s, and one message of the LLM's context that says the caller's mood.

    mood = MoodProcessor()
    Pipeline([transport.input(), mood, stt, aggregators.user(), llm, tts, transport.output(), aggregators.assistant()])

Every frame passes at once and untouched. The message is replaced when the mood changes and removed when nothing can be
said, so the context does not grow; the LLM is not made to answer. The bot's sound is never heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from affekt.adapters._listener import BACKLOG, Listener
from affekt.adapters._mood import MARK, sentence
from affekt.live import Event, MoodChanged, Session, Settings
from affekt.live.rules import Named
from affekt.registry import need
from affekt.types import Model, Mood

need("pipecat", extra="pipecat")
from pipecat.frames import frames  # noqa: E402
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor  # noqa: E402

_REST = 2.0  # s that the end of a call waits for the mood of its last words


@dataclass
class MoodFrame(frames.SystemFrame):  # type: ignore[misc]
    """The caller's mood, each time that it is known anew; no interruption drops it."""

    mood: Mood
    sentence: str | None
    "what the agent is told; None: the mood is too uncertain to say anything"


class MoodProcessor(FrameProcessor):  # type: ignore[misc]
    """Hears the caller. Put it behind `transport.input()`, once in each pipeline.

    `@mood.event_handler("on_event")` gets every event of `affekt.live`: moods, alerts, turns, gaps.
    """

    def __init__(
        self,
        model: Model | str | Path = "default",
        *,
        who: str = "caller",
        user: str | None = None,
        rules: Sequence[Named] | None = None,
        settings: Settings | None = None,
        backlog: float = BACKLOG,
        **more: Any,
    ) -> None:
        """Make ready; the model is loaded when the pipeline starts, beside the event loop.

        Args:
            model: a bundled model's name, a bundle's folder, or a loaded model that many pipelines may share.
            who: what the agent calls the person; never an employee.
            user: whose frames are heard, where they name a user; the first one's, if none is given.
            rules, settings: as `Session` has them.
            backlog: seconds of sound that may wait for the model; beyond it, they are dropped, and told as a gap.
            more: what Pipecat's FrameProcessor takes.
        """
        super().__init__(**more)
        self._register_event_handler("on_event", sync=True)
        self._listener = Listener(partial(Session, model, rules=rules, settings=settings), backlog=backlog)
        self._who, self._user = who, user
        self._source: tuple[str | None, str | None] | None = None  # user, source of the transport
        self._hearing: asyncio.Task[None] | None = None
        self._said: str | None = None

    async def process_frame(self, frame: frames.Frame, direction: FrameDirection) -> None:
        """Let the frame pass; hear it, where it is the caller's sound."""
        await super().process_frame(frame, direction)
        if direction == FrameDirection.DOWNSTREAM and self._is_callers(frame):
            self._listener.push(frame.audio, frame.sample_rate, frame.num_channels)
        elif isinstance(frame, frames.EndFrame | frames.CancelFrame):
            await self.stop(_REST if isinstance(frame, frames.EndFrame) else 0.0)
        await self.push_frame(frame, direction)
        if isinstance(frame, frames.StartFrame) and self._hearing is None:
            self._hearing = self.create_task(self._hear())

    async def stop(self, seconds: float = 0.0) -> None:
        """Hear no more, as where the caller does not want it, and take the message back; the rest has `seconds`."""
        task, self._hearing = self._hearing, None
        if task is not None:
            self._listener.end()
            await asyncio.wait({task}, timeout=seconds)
            await self.cancel_task(task)
            await self._say(None)

    async def cleanup(self) -> None:
        """Stop, whatever has ended the pipeline."""
        await self.stop()
        await super().cleanup()

    def _is_callers(self, frame: frames.Frame) -> bool:
        """Two people in one stream of sound would be nobody: the first source is kept."""
        user = getattr(frame, "user_id", None)
        if not isinstance(frame, frames.InputAudioRawFrame) or (self._user is not None and user != self._user):
            return False
        self._source = self._source or (user, frame.transport_source)
        return self._source == (user, frame.transport_source)

    async def _hear(self) -> None:
        try:
            await self._listener.run(self._tell)
        except Exception as error:  # whatever happens to the mood, the call goes on
            await self._say(None)
            await self.push_error(f"the mood is heard no longer: {error}", exception=error)

    async def _tell(self, event: Event) -> None:
        await self._call_event_handler("on_event", event)
        if isinstance(event, MoodChanged):
            said = sentence(event.mood, who=self._who)
            await self.push_frame(MoodFrame(event.mood, said))
            await self._say(said)

    async def _say(self, said: str | None) -> None:
        if said != self._said:
            self._said = said
            frame = frames.LLMMessagesTransformFrame(partial(_with_mood, said=said))
            frame.interruptible = False  # an interruption is when the mood matters
            await self.push_frame(frame)


def _with_mood(messages: list[Any], *, said: str | None) -> list[Any]:
    """Put the mood in the place of the one before: last, so that a cached prompt stays valid up to there.

    Where a tool was called since the user spoke, it goes before that: a message behind a call in progress would make
    Pipecat hand the result over in another way.
    """
    kept = [message for message in messages if not _is_mood(message)]
    if said is None:
        return kept
    roles = [message.get("role") if isinstance(message, dict) else None for message in kept]
    user = max((i for i, role in enumerate(roles) if role == "user"), default=0)
    place = user if "tool" in roles[user:] else len(kept)
    return [*kept[:place], {"role": "developer", "content": f"{MARK} {said}"}, *kept[place:]]


def _is_mood(message: Any) -> bool:
    said = message.get("content") if isinstance(message, dict) and message.get("role") == "developer" else None
    return isinstance(said, str) and said.startswith(MARK)
