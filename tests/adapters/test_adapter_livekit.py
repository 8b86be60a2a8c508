"""A real LiveKit AgentSession without a server: real frames go in, and what its LLM is asked is looked at.

An LLM is a service; here stands one that derives from LiveKit's own class and remembers what it was asked. There is no
recognition of speech: what the caller says in words is typed, as LiveKit's own tests of agents do it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from callers import ANGRY, chunks

pytest.importorskip("livekit.agents", reason='livekit-agents is not installed: pip install "affekt[livekit]"')
from livekit import rtc
from livekit.agents import Agent, AgentSession, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice.io import AudioInput

from affekt import bundle
from affekt.adapters._mood import MARK
from affekt.adapters.livekit import CallerMood, MoodAgent
from affekt.errors import UsageError
from affekt.live import Finished, Gap, MoodChanged

MODEL = bundle.load()


class Echo(llm.LLM):
    """An LLM that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[llm.ChatContext] = []

    def chat(self, *, chat_ctx, tools=None, conn_options=DEFAULT_API_CONNECT_OPTIONS, **more):
        self.asked.append(chat_ctx)
        return Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Answer(llm.LLMStream):
    async def _run(self) -> None:
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=llm.ChoiceDelta(role="assistant", content="I see.")))


class Line(AudioInput):
    """The caller's line: what is pushed comes out, and what came out is remembered."""

    def __init__(self) -> None:
        super().__init__(label="line")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()
        self.out: list[rtc.AudioFrame] = []
        self.attached = False

    def say(self, *span: float, seconds: float = 0.02) -> list[rtc.AudioFrame]:
        sent = [rtc.AudioFrame(pcm, rate, 1, len(pcm) // 2) for pcm, rate in chunks(*span, seconds=seconds)]
        for frame in sent:
            self._frames.put_nowait(frame)
        return sent

    async def __anext__(self) -> rtc.AudioFrame:
        frame = await self._frames.get()
        self.out.append(frame)
        return frame

    def on_attached(self) -> None:
        self.attached = True

    def on_detached(self) -> None:
        self.attached = False


class Call:
    """A session with an agent that is told the mood."""

    def __init__(self, **settings) -> None:
        self.mood = CallerMood(settings.pop("model", MODEL), **{"backlog": 60.0, **settings})
        self.events: list = []
        self.mood.on("event", self.events.append)
        self.llm, self.line = Echo(), Line()
        self.agent = MoodAgent(mood=self.mood, instructions="You are kind.")

    async def run(self, script: Callable[[Call], Awaitable[None]]) -> None:
        by_hand = {"turn_detection": "manual"}
        async with asyncio.timeout(60), AgentSession(llm=self.llm, vad=None, turn_handling=by_hand) as session:
            session.input.audio = self.line
            await session.start(self.agent)
            self.session = session
            self.mood.attach(session)
            await script(self)
        async with asyncio.timeout(60):
            await asyncio.gather(self.mood._hearing, return_exceptions=True)

    async def until(self, true: Callable[[], object]) -> None:
        while not true():
            await asyncio.sleep(0.02)


def ran(call: Call, script: Callable[[Call], Awaitable[None]]) -> Call:
    asyncio.run(call.run(script))
    return call


def said_in(context: llm.ChatContext) -> list[tuple[int, str]]:
    return [(i, m.text_content) for i, m in enumerate(context.items) if m.type == "message" and MARK in m.text_content]


def test_the_llm_is_told_the_mood_before_the_callers_words_and_history_is_not():
    async def script(call: Call) -> None:
        await call.session.run(user_input="Hello.")
        call.line.say(*ANGRY)
        await call.until(lambda: call.mood.sentence)
        await call.session.run(user_input="It is broken.")
        await call.session.run(user_input="Again.")

    call = ran(Call(), script)
    assert [len(said_in(context)) for context in call.llm.asked] == [0, 1, 1]
    ((place, said),) = said_in(call.llm.asked[1])
    assert "The caller sounds angry" in said
    assert call.llm.asked[1].items[place + 1].text_content == "It is broken."
    assert call.llm.asked[1].items[place].role == "system"
    assert said_in(call.session.history) == said_in(call.agent.chat_ctx) == []


def test_the_sound_goes_on_in_order_and_untouched():
    """What the session is given is what the line gave, frame by frame."""
    passed: list[rtc.AudioFrame] = []
    sent: list[rtc.AudioFrame] = []

    async def main() -> None:
        mood, line = CallerMood(MODEL), Line()
        session = AgentSession()
        session.input.audio = line
        mood.attach(session)
        sent.extend(line.say(18, 20))
        for _ in sent:
            passed.append(await session.input.audio.__anext__())
        await mood.aclose()

    asyncio.run(main())
    assert [id(frame) for frame in passed] == [id(frame) for frame in sent]
    assert [bytes(frame.data) for frame in passed] == [pcm for pcm, _ in chunks(18, 20)]


def test_all_events_are_told_and_the_session_that_closes_lets_what_waits_be_heard():
    async def script(call: Call) -> None:
        sent = call.line.say(*ANGRY)
        await call.until(lambda: len(call.line.out) == len(sent))

    call = ran(Call(), script)
    assert call.line.attached is False  # LiveKit took the line off, through ours
    assert sum(isinstance(event, MoodChanged) for event in call.events) > 3
    assert call.events[-1] == Finished(9.0)
    assert call.mood.mood == [e.mood for e in call.events if isinstance(e, MoodChanged)][-1]
    for thread in threading.enumerate():
        if thread.name.startswith("affekt"):
            thread.join(timeout=20)
            assert not thread.is_alive()


def test_the_mood_stays_when_another_agent_takes_over():
    async def script(call: Call) -> None:
        call.line.say(*ANGRY)
        await call.until(lambda: call.mood.sentence)
        call.session.update_agent(MoodAgent(mood=call.mood, instructions="You know invoices."))
        await call.session.run(user_input="My invoice?")

    call = ran(Call(), script)
    assert len(said_in(call.llm.asked[-1])) == 1


def test_under_overload_sound_passes_and_the_loss_is_told():
    async def script(call: Call) -> None:
        sent = call.line.say(*ANGRY, seconds=0.1)  # 9 s at once
        await call.until(lambda: len(call.line.out) == len(sent))

    call = ran(Call(model="default", backlog=0.5), script)  # which has to be loaded first
    gaps = [event for event in call.events if isinstance(event, Gap)]
    assert gaps
    assert {gap.kind for gap in gaps} == {"lost"}
    assert call.events[-1] == Finished(9.0)


def test_a_fault_of_the_mood_ends_no_call():
    async def script(call: Call) -> None:
        call.line.say(18, 20)
        await call.until(lambda: call.mood._hearing.done())
        await call.session.run(user_input="Hello.")

    call = ran(Call(model="nobody"), script)
    assert len(call.llm.asked) == 1
    assert call.events == []
    assert call.mood.sentence is None


def test_whoever_does_not_want_it_is_heard_no_more_and_nothing_is_left():
    async def script(call: Call) -> None:
        call.line.say(*ANGRY)
        await call.until(lambda: call.mood.sentence)
        await call.mood.aclose()
        known, sent = len(call.events), call.line.say(*ANGRY)
        await call.until(lambda: call.line.out[-1] is sent[-1])
        await call.session.run(user_input="Leave my voice alone.")
        assert len(call.events) == known

    call = ran(Call(), script)
    assert said_in(call.llm.asked[-1]) == []
    assert call.mood.mood is None


def test_without_words_of_the_caller_the_mood_stands_last_and_is_put_into_a_copy():
    mood = CallerMood(MODEL)
    mood.sentence = "The caller sounds sad."
    context = llm.ChatContext.empty()
    context.add_message(role="assistant", content="Hello.")
    assert said_in(mood.told(context)) == [(1, f"{MARK} The caller sounds sad.")]
    assert len(context.items) == 1
    mood.sentence = None
    assert said_in(mood.told(context)) == []


def test_a_session_without_sound_is_told_to_start_first():
    async def main() -> None:
        with pytest.raises(UsageError, match=r"after session.start"):
            CallerMood(MODEL).attach(AgentSession())

    asyncio.run(main())


def test_it_is_an_agent_of_livekit():
    assert issubclass(MoodAgent, Agent)
