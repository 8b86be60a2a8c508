"""The sample call at the speed of life -> how much later a voice agent gets its sound, and how late it gets the mood.

    python -m benchmarks.adapters

Needs the extras `pipecat` and `livekit` (`make adapters` has an environment with both). The same frames pass through
the same pipeline with and without the mood, in turns, so that a busy machine slows both alike.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from livekit import rtc
from livekit.agents.voice.io import AudioInput
from loguru import logger
from pipecat.frames.frames import EndFrame, InputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.workers.runner import WorkerRunner

from affekt import bundle
from affekt.adapters.livekit import CallerMood, _Heard
from affekt.adapters.pipecat import MoodFrame, MoodProcessor
from affekt.live import Event, WindowJudged

CALL = Path(__file__).parents[1] / "examples" / "call.wav"
STEP = 0.02  # s
ROUNDS = 3


class Stamp(FrameProcessor):
    """Notes when each frame passes."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)
        self.sound: list[float] = []
        self.moods: list[tuple[float, float]] = []

    async def process_frame(self, frame, direction) -> None:
        await super().process_frame(frame, direction)
        now = time.perf_counter()
        if isinstance(frame, InputAudioRawFrame):
            self.sound.append(now)
        elif isinstance(frame, MoodFrame):
            self.moods.append((now, frame.mood.time))
        await self.push_frame(frame, direction)


def blocks() -> Iterator[tuple[bytes, int]]:
    with soundfile.SoundFile(CALL) as file:
        for block in file.blocks(round(STEP * file.samplerate), dtype="int16", always_2d=True):
            yield block[:, 0].tobytes(), file.samplerate


async def paced() -> object:
    """Each block when it would come."""
    begin = time.perf_counter()
    for number, block in enumerate(blocks()):
        await asyncio.sleep(max(0.0, begin + number * STEP - time.perf_counter()))
        yield block


async def through_pipecat(*processors: FrameProcessor) -> tuple[Stamp, Stamp]:
    before, after = Stamp(), Stamp()
    worker = PipelineWorker(Pipeline([before, *processors, after]), cancel_on_idle_timeout=False)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)

    async def speak() -> None:
        async for pcm, rate in paced():
            await worker.queue_frame(InputAudioRawFrame(pcm, rate, 1))
        await worker.queue_frame(EndFrame())

    await asyncio.gather(runner.run(), speak())
    return before, after


async def pipecat(model: bundle.Bundle) -> None:
    took: dict[str, list[float]] = {"without": [], "with": []}
    late: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for name in took:
            mood, finals = MoodProcessor(model), []

            @mood.event_handler("on_event")
            async def _(processor, event: Event, finals=finals) -> None:
                if isinstance(event, WindowJudged):
                    finals.append(event.final)

            before, after = await through_pipecat(*([mood] if name == "with" else []))
            took[name] += [out - came for came, out in zip(before.sound, after.sound, strict=True)]
            for (now, end), final in zip(after.moods, finals, strict=True):
                last = min(round(end / STEP), len(before.sound) - 1)
                late[final].append(now - before.sound[last])
    for name, times in took.items():
        print(f"Pipecat, a frame of 20 ms passes, {name} the mood: {quantiles(times)}")
    print(f"Pipecat, from the last sample of a turn to its mood: {quantiles(late[True])}")
    print(f"Pipecat, from the last sample of a window inside a turn to its mood: {quantiles(late[False])}")


class Line(AudioInput):
    """Gives frames that wait; what is measured is the way, not the waiting."""

    def __init__(self) -> None:
        super().__init__(label="line")
        self.next: rtc.AudioFrame | None = None

    async def __anext__(self) -> rtc.AudioFrame:
        return self.next


async def livekit(model: bundle.Bundle) -> None:
    mood, line = CallerMood(model), Line()
    heard = _Heard(line, mood._listener)
    hearing = asyncio.create_task(mood._hear())
    took: dict[str, list[float]] = {"without": [], "with": []}
    async for pcm, rate in paced():
        line.next = rtc.AudioFrame(pcm, rate, 1, len(pcm) // 2)
        for name, source in (("without", line), ("with", heard)):
            begin = time.perf_counter()
            await source.__anext__()
            took[name].append(time.perf_counter() - begin)
    mood._listener.end()
    await hearing
    for name, times in took.items():
        print(f"LiveKit, a frame of 20 ms passes, {name} the mood: {quantiles(times)}")


def quantiles(times: list[float]) -> str:
    low, high = 1e3 * np.percentile(times, (50, 99))
    return f"p50 {low:.2f} ms, p99 {high:.2f} ms ({len(times)} times)"


async def main() -> None:
    logger.remove()  # Pipecat tells every step of a pipeline
    model = bundle.load()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, model {model.id}")
    await livekit(model)
    await pipecat(model)


if __name__ == "__main__":
    asyncio.run(main())
