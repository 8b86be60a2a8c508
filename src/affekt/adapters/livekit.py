"""Input audio of a LiveKit agent -> a sentence on the caller's mood in each request to the LLM.

    mood = CallerMood()
    session = AgentSession(stt=..., llm=..., tts=..., vad=...)
    await session.start(MoodAgent(mood=mood, instructions=...), room=ctx.room)
    mood.attach(session)

Every frame passes at once and untouched. The sentence is put into the copy of the context that the LLM gets, and into
no history: nothing grows, nothing has to be taken back, and an answer that was begun early stays valid. What the agent
says is never heard.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from affekt.adapters._listener import BACKLOG, Listener
from affekt.adapters._mood import MARK, sentence
from affekt.errors import UsageError
from affekt.live import Event, MoodChanged, Session, Settings
from affekt.live.rules import Named
from affekt.registry import need
from affekt.types import Model, Mood

need("livekit.agents", extra="livekit")
from livekit import rtc  # noqa: E402
from livekit.agents import Agent, AgentSession, ModelSettings  # noqa: E402
from livekit.agents.llm import ChatContext, ChatMessage  # noqa: E402
from livekit.agents.voice.io import AudioInput  # noqa: E402

_log = logging.getLogger(__name__)


class CallerMood(rtc.EventEmitter[Literal["event"]]):  # type: ignore[misc]
    """Hears the caller through a whole call, whichever agent has the word.

    `@mood.on("event")` gets every event of `affekt.live`: moods, alerts, turns, gaps.
    """

    def __init__(
        self,
        model: Model | str | Path = "default",
        *,
        who: str = "caller",
        rules: Sequence[Named] | None = None,
        settings: Settings | None = None,
        backlog: float = BACKLOG,
    ) -> None:
        """Make ready; the model is loaded when a session is attached, beside the event loop.

        Args:
            model: a bundled model's name, a bundle's folder, or a loaded model that many calls may share.
            who: what the agent calls the person; never an employee.
            rules, settings: as `Session` has them.
            backlog: seconds of sound that may wait for the model; beyond it, they are dropped, and told as a gap.
        """
        super().__init__()
        self.mood: Mood | None = None
        self.sentence: str | None = None
        self._who = who
        self._listener = Listener(partial(Session, model, rules=rules, settings=settings), backlog=backlog)
        self._hearing: asyncio.Task[None] | None = None

    def attach(self, session: AgentSession[Any]) -> None:
        """Hear what a session hears from now on, until it closes.

        Raises:
            UsageError: the session has no audio input yet; start it first.
        """
        if session.input.audio is None:
            raise UsageError("the session has no audio input; attach after session.start(...)")
        session.input.audio = _Heard(session.input.audio, self._listener)
        session.on("close", lambda _: self._listener.end())
        self._hearing = self._hearing or asyncio.create_task(self._hear())

    def told(self, context: ChatContext) -> ChatContext:
        """Copy a context, with the mood before the last words of the caller; for an `llm_node` of your own."""
        copy = context.copy()
        if self.sentence is not None:
            said = ChatMessage(role="system", content=[f"{MARK} {self.sentence}"])
            spoken = [i for i, item in enumerate(copy.items) if item.type == "message" and item.role == "user"]
            copy.items.insert(spoken[-1] if spoken else len(copy.items), said)
        return copy

    async def aclose(self) -> None:
        """Hear no more, as where the caller does not want it, and forget the mood."""
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.gather(self._hearing, return_exceptions=True)
        self.mood = self.sentence = None

    async def _hear(self) -> None:
        try:
            await self._listener.run(self._tell)
        except Exception:  # whatever happens to the mood, the call goes on
            self.mood = self.sentence = None
            _log.exception("the mood is heard no longer")

    def _tell(self, event: Event) -> None:
        if isinstance(event, MoodChanged):
            self.mood, self.sentence = event.mood, sentence(event.mood, who=self._who)
        self.emit("event", event)


class MoodAgent(Agent):  # type: ignore[misc]
    """An agent whose LLM is told the caller's mood: derive yours from it."""

    def __init__(self, *, mood: CallerMood, **more: Any) -> None:
        """Take the mood, which agents of one session share, and what LiveKit's Agent takes."""
        super().__init__(**more)
        self.caller_mood = mood

    def llm_node(self, chat_ctx: ChatContext, tools: list[Any], model_settings: ModelSettings) -> Any:
        """Ask the LLM as before, with the mood in its context."""
        return super().llm_node(self.caller_mood.told(chat_ctx), tools, model_settings)


class _Heard(AudioInput):  # type: ignore[misc]
    """An audio input that is heard by the way."""

    def __init__(self, source: AudioInput, listener: Listener) -> None:
        super().__init__(label="affekt", source=source)
        self._listener = listener

    async def __anext__(self) -> rtc.AudioFrame:
        frame = await super().__anext__()
        self._listener.push(bytes(frame.data), frame.sample_rate, frame.num_channels)
        return frame
