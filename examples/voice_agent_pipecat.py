"""A recording as the caller of a Pipecat agent -> what its LLM would be told of the mood. No key, no service is needed.

    pip install "affekt[pipecat]"
    python examples/voice_agent_pipecat.py [FILE]

The pipeline is real but for what costs money. In yours, a transport stands before `mood`, speech recognition behind it,
and the LLM, the voice and the assistant's side of the context behind `user()`:

    [transport.input(), mood, stt, aggregators.user(), llm, tts, transport.output(), aggregators.assistant()]
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import soundfile
from pipecat.frames.frames import EndFrame, InputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.workers.runner import WorkerRunner

from affekt.adapters.pipecat import MoodProcessor

HERE = Path(__file__).parent
STEP = 0.02  # s


async def call(path: Path, *, speed: float = 1.0) -> AsyncIterator[str]:
    """Give what the context says of the caller, whenever it says something else."""
    context = LLMContext([{"role": "system", "content": (HERE / "voice_agent_prompt.txt").read_text(encoding="utf-8")}])
    mood = MoodProcessor(backlog=3.0 * speed)  # beyond the speed of life, sound waits longer for the model
    worker = PipelineWorker(Pipeline([mood, LLMContextAggregatorPair(context).user()]), cancel_on_idle_timeout=False)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = [asyncio.create_task(runner.run()), asyncio.create_task(speak(worker, path, speed))]
    last = ""
    while not running[0].done():
        said = " ".join(m["content"] for m in context.messages if m["role"] == "developer")
        if said != last:
            yield said or "(nothing certain)"
        last = said
        await asyncio.sleep(STEP / speed)
    await asyncio.gather(*running)


async def speak(worker: PipelineWorker, path: Path, speed: float) -> None:
    """Stand in for a transport: the left channel of a file, at the speed of life."""
    with soundfile.SoundFile(path) as file:
        for block in file.blocks(round(STEP * file.samplerate), dtype="int16", always_2d=True):
            await worker.queue_frame(InputAudioRawFrame(block[:, 0].tobytes(), file.samplerate, 1))
            await asyncio.sleep(STEP / speed)
    await worker.queue_frame(EndFrame())


async def main() -> None:
    async for line in call(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "call.wav"):
        print(line, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
