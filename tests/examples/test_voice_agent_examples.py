"""The examples of voice agents: one runs as it stands, the other builds its agent; both have the prompt of the page."""

from __future__ import annotations

import asyncio
import importlib
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile

from affekt.adapters._mood import MARK

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PROMPT = (EXAMPLES / "voice_agent_prompt.txt").read_text(encoding="utf-8")


def example(name: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        return importlib.import_module(name)


def test_the_prompt_knows_the_mark_and_the_page_shows_it():
    assert f"begin with {MARK} " in PROMPT
    assert f"```text\n{PROMPT}```" in (ROOT / "docs" / "voice-agents.md").read_text(encoding="utf-8")


def test_the_pipecat_example_tells_of_the_callers_anger():
    pytest.importorskip("pipecat", reason='pipecat is not installed: pip install "affekt[pipecat]"')
    played = example("voice_agent_pipecat").call(EXAMPLES / "call.wav", speed=20.0)

    async def lines() -> list[str]:
        return [line async for line in played]

    said = asyncio.run(lines())
    assert any(line.startswith(f"{MARK} The caller sounds angry (") for line in said)
    assert all(line.count(MARK) <= 1 for line in said)


def test_the_livekit_example_has_an_agent_with_the_prompt_and_tells_the_caller_first():
    pytest.importorskip("livekit.agents", reason='livekit-agents is not installed: pip install "affekt[livekit]"')
    module = example("voice_agent_livekit")
    agent = module.Clerk(mood=module.CallerMood("permissive"), instructions=module.PROMPT)
    assert agent.instructions == PROMPT
    text = Path(module.__file__).read_text(encoding="utf-8")
    assert text.index("session.say(NOTICE") < text.index("mood.attach(session)")


def test_the_game_of_the_page_hears_and_never_waits():
    """The engine gives its sound faster than life here, so it looks whether there is room."""
    page = (ROOT / "docs" / "voice-agents.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "on_microphone" in block)
    with soundfile.SoundFile(EXAMPLES / "call.wav") as file:
        game = {"RATE": file.samplerate}
        exec(compile(code, "docs/voice-agents.md", "exec"), game)
        file.seek(18 * file.samplerate)
        for block in file.blocks(160, frames=9 * file.samplerate, dtype="float32"):
            while game["sound"].full():
                time.sleep(0.001)
            game["on_microphone"](block[:, 0])
    game["sound"].put(None)
    game["ear"].join(timeout=60)
    felt = []
    game["on_frame"](SimpleNamespace(feel=felt.append))
    assert {mood.emotion for mood in felt} == {"anger"}
    for _ in range(1000):
        game["on_microphone"](block[:, 0])  # nobody takes it, and nothing waits
    assert game["place"] == (450 + 1000) * 160
