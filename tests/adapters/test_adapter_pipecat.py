"""A real Pipecat pipeline, its real context, and the sample call's caller: what passes, and what the agent is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from itertools import groupby

import pytest
from callers import ANGRY, chunks

pytest.importorskip("pipecat", reason='pipecat is not installed: pip install "affekt[pipecat]"')
from pipecat.frames import frames
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.tests.utils import QueuedFrameProcessor
from pipecat.workers.runner import WorkerRunner

from affekt import bundle
from affekt.adapters._mood import MARK
from affekt.adapters.pipecat import MoodFrame, MoodProcessor, _with_mood
from affekt.errors import UnknownNameError
from affekt.live import Finished, Gap, MoodChanged, TurnEnded

MODEL = bundle.load()


class Call:
    """A running pipeline, what came out at its end, and what went back to its beginning."""

    def __init__(self, *processors: FrameProcessor) -> None:
        self._down: asyncio.Queue = asyncio.Queue()
        self._up: asyncio.Queue = asyncio.Queue()
        sink = QueuedFrameProcessor(queue=self._down, queue_direction=FrameDirection.DOWNSTREAM)
        source = QueuedFrameProcessor(queue=self._up, queue_direction=FrameDirection.UPSTREAM)
        self.worker = PipelineWorker(Pipeline([source, *processors, sink]), cancel_on_idle_timeout=False)
        self.down: list[frames.Frame] = []
        self.up: list[frames.Frame] = []

    async def run(self, script: Callable[[Call], Awaitable[None]]) -> None:
        started = asyncio.Event()

        @self.worker.event_handler("on_pipeline_started")
        async def _(worker, frame):
            started.set()

        async def play() -> None:
            await started.wait()
            await script(self)

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self.worker)
        await asyncio.wait_for(asyncio.gather(runner.run(), play()), timeout=120)
        self.read()

    def read(self) -> list[frames.Frame]:
        for queue, found in ((self._down, self.down), (self._up, self.up)):
            while not queue.empty():
                found.append(queue.get_nowait())
        return self.down

    def moods(self) -> list[MoodFrame]:
        return [frame for frame in self.read() if isinstance(frame, MoodFrame)]

    async def say(self, *span: float, seconds: float = 0.02) -> list[frames.InputAudioRawFrame]:
        sent = [frames.InputAudioRawFrame(pcm, rate, 1) for pcm, rate in chunks(*span, seconds=seconds)]
        for frame in sent:
            await self.worker.queue_frame(frame)
        return sent

    async def until(self, true: Callable[[], object]) -> None:
        while not true():
            await asyncio.sleep(0.02)


def ran(call: Call, script: Callable[[Call], Awaitable[None]]) -> Call:
    asyncio.run(call.run(script))
    return call


def told(mood: MoodProcessor) -> list:
    events: list = []

    @mood.event_handler("on_event")
    async def _(processor, event):
        events.append(event)

    return events


def said_in(context: LLMContext) -> list[str]:
    return [m["content"] for m in context.messages if str(m["content"]).startswith(MARK)]


def test_every_frame_passes_in_order_and_untouched():
    sent: list[frames.Frame] = []

    async def script(call: Call) -> None:
        sent.extend(await call.say(*ANGRY))
        await call.worker.queue_frame(frames.EndFrame())

    call = ran(Call(MoodProcessor(MODEL, backlog=60)), script)
    passed = [frame for frame in call.down if isinstance(frame, frames.InputAudioRawFrame)]
    assert [id(frame) for frame in passed] == [id(frame) for frame in sent]
    assert [frame.audio for frame in passed] == [pcm for pcm, _ in chunks(*ANGRY)]


def test_moods_come_as_frames_and_all_events_to_whoever_asks():
    mood = MoodProcessor(MODEL, backlog=60)
    events = told(mood)

    async def script(call: Call) -> None:
        await call.say(*ANGRY)
        await call.until(lambda: len(call.moods()) > 3)
        await call.worker.queue_frame(frames.EndFrame())

    call = ran(Call(mood), script)
    moods = [event.mood for event in events if isinstance(event, MoodChanged)]
    assert [frame.mood for frame in call.moods()] == moods
    assert call.moods()[0].sentence is None  # too little was heard
    assert "The caller sounds angry" in call.moods()[-1].sentence


def test_the_context_has_one_mood_which_is_replaced_and_taken_back():
    """Angry, then calm for so long that nothing can be said, then angry again."""
    context = LLMContext([{"role": "system", "content": "You are kind."}])
    mood = MoodProcessor(MODEL, backlog=60)
    held: list[list[str]] = []

    async def script(call: Call) -> None:
        for span in (ANGRY, (0.0, 18.0), ANGRY):
            await call.say(*span)
            context.add_message({"role": "user", "content": "It is broken."})
        while [told for told, _ in groupby(bool(frame.sentence) for frame in call.moods())] != [0, 1, 0, 1]:
            held.append(said_in(context))
            await asyncio.sleep(0.001)  # a busy loop would starve the thread that hears
        while said_in(context) != [f"{MARK} {call.moods()[-1].sentence}"]:  # sound overtakes what changes a context
            held.append(said_in(context))
            await asyncio.sleep(0.001)  # a busy loop would starve the thread that hears
        assert [m["role"] for m in context.messages] == ["system", "user", "user", "user", "developer"]
        await call.worker.queue_frame(frames.EndFrame())

    ran(Call(mood, LLMContextAggregatorPair(context).user()), script)
    assert said_in(context) == []  # the call is over
    assert max(map(len, held)) == 1
    changes = [now for now, _ in groupby(held)]
    assert len(changes) > 6
    assert [] in changes[1:]


def test_nobody_is_made_to_answer():
    context = LLMContext()

    async def script(call: Call) -> None:
        await call.say(*ANGRY)
        await call.until(lambda: said_in(context))
        await call.worker.queue_frame(frames.EndFrame())

    call = ran(Call(MoodProcessor(MODEL, backlog=60), LLMContextAggregatorPair(context).user()), script)
    assert not any(isinstance(frame, frames.LLMContextFrame) for frame in call.down)


def test_an_interruption_drops_no_mood():
    """The frame goes on while the caller interrupts the bot again and again."""
    context = LLMContext()

    async def script(call: Call) -> None:
        await call.say(*ANGRY)
        while not said_in(context):
            await call.worker.queue_frame(frames.InterruptionFrame())
            await asyncio.sleep(0.01)
        await call.worker.queue_frame(frames.EndFrame())

    call = ran(Call(MoodProcessor(MODEL, backlog=60), LLMContextAggregatorPair(context).user()), script)
    assert len(call.moods()) > 1


def test_the_bot_and_other_people_are_not_heard():
    mood = MoodProcessor(MODEL, user="caller", backlog=60)
    events = told(mood)

    async def script(call: Call) -> None:
        for pcm, rate in chunks(*ANGRY):
            await call.worker.queue_frame(frames.TTSAudioRawFrame(pcm, rate, 1))
            await call.worker.queue_frame(
                frames.UserAudioRawFrame(user_id="guest", audio=pcm, sample_rate=rate, num_channels=1)
            )
        for pcm, rate in chunks(18, 20):
            await call.worker.queue_frame(
                frames.UserAudioRawFrame(user_id="caller", audio=pcm, sample_rate=rate, num_channels=1)
            )
        await call.worker.queue_frame(frames.EndFrame())

    ran(Call(mood), script)
    assert events[-1] == Finished(2.0)


def test_the_first_source_is_the_caller_where_nobody_is_named():
    mood = MoodProcessor(MODEL, backlog=60)
    events = told(mood)

    async def script(call: Call) -> None:
        for pcm, rate in chunks(18, 20):
            for source in ("microphone", "screen"):
                frame = frames.InputAudioRawFrame(pcm, rate, 1)
                frame.transport_source = source
                await call.worker.queue_frame(frame)
        await call.worker.queue_frame(frames.EndFrame())

    ran(Call(mood), script)
    assert events[-1] == Finished(2.0)


def test_under_overload_sound_passes_and_the_loss_is_told():
    mood = MoodProcessor("default", backlog=0.5)  # which has to be loaded first
    events = told(mood)

    async def script(call: Call) -> None:
        sent = await call.say(*ANGRY, seconds=0.1)  # 9 s at once
        await call.until(lambda: len([f for f in call.read() if isinstance(f, frames.InputAudioRawFrame)]) == len(sent))
        await call.worker.queue_frame(frames.EndFrame())

    ran(Call(mood), script)
    gaps = [event for event in events if isinstance(event, Gap)]
    assert gaps
    assert {gap.kind for gap in gaps} == {"lost"}
    assert events[-1] == Finished(9.0)


def test_the_end_waits_for_the_last_words():
    mood = MoodProcessor(MODEL, backlog=60)
    events = told(mood)

    async def script(call: Call) -> None:
        await call.say(18, 19.5)
        await call.worker.queue_frame(frames.EndFrame())

    ran(Call(mood), script)
    assert any(isinstance(event, TurnEnded) for event in events)
    assert events[-1] == Finished(1.5)
    assert gone()


def test_whoever_does_not_want_it_is_heard_no_more_and_nothing_is_left():
    context = LLMContext()
    mood = MoodProcessor(MODEL, backlog=60)

    async def script(call: Call) -> None:
        await call.say(*ANGRY)
        await call.until(lambda: said_in(context))
        await mood.stop()
        await call.until(lambda: not said_in(context))
        known = len(call.moods())
        sent = await call.say(*ANGRY)
        await call.until(lambda: call.read()[-1] is sent[-1])
        assert len(call.moods()) == known
        await call.worker.queue_frame(frames.EndFrame())

    ran(Call(mood, LLMContextAggregatorPair(context).user()), script)
    assert context.messages == []


def test_a_cancel_waits_for_nothing():
    mood = MoodProcessor(MODEL, backlog=60)
    events = told(mood)

    async def script(call: Call) -> None:
        await call.say()
        await call.worker.cancel()

    ran(Call(mood), script)
    assert not any(isinstance(event, Finished) for event in events)
    assert mood._hearing is None
    assert gone()


def gone() -> bool:
    """Whether the thread beside the loop is gone, soon."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("affekt")]
    for thread in threads:
        thread.join(timeout=20)
    return not any(thread.is_alive() for thread in threads)


def test_a_fault_of_the_mood_ends_no_call():
    async def script(call: Call) -> None:
        sent = await call.say(18, 20)
        await call.until(lambda: call.read() and call.up)
        sent += await call.say(20, 21)
        await call.until(lambda: sum(isinstance(f, frames.InputAudioRawFrame) for f in call.read()) == len(sent))
        await call.worker.queue_frame(frames.EndFrame())

    call = ran(Call(MoodProcessor("nobody")), script)
    (error,) = [frame for frame in call.up if isinstance(frame, frames.ErrorFrame)]
    assert isinstance(error.exception, UnknownNameError)
    assert "the mood is heard no longer" in error.error


def test_the_mood_stands_last_but_not_behind_a_call_of_a_tool():
    user, answer = {"role": "user", "content": "hm"}, {"role": "assistant", "content": "yes"}
    called = [{"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "IN_PROGRESS", "tool_call_id": "1"}]
    mood = {"role": "developer", "content": f"{MARK} sad"}
    assert _with_mood([], said="sad") == [mood]
    assert _with_mood([user, answer], said="sad") == [user, answer, mood]
    assert _with_mood([user, *called], said="sad") == [mood, user, *called]
    assert _with_mood([user, *called, user], said="sad") == [user, *called, user, mood]
    assert _with_mood([mood, user, answer], said="sad") == [user, answer, mood]
    assert _with_mood([mood, user], said=None) == [user]
    words = {"role": "user", "content": f"{MARK} is what the caller said"}
    assert _with_mood([words], said=None) == [words]
