"""A LiveKit agent that is told how its caller sounds.

    pip install "affekt[livekit]"
    export LIVEKIT_URL=... LIVEKIT_API_KEY=... LIVEKIT_API_SECRET=...
    python examples/voice_agent_livekit.py console          a call by the microphone of this computer
    python examples/voice_agent_livekit.py dev              calls in rooms of your LiveKit server

The keys are LiveKit's, for speech recognition, LLM and voice; the mood is heard in this process and needs none.
"""

from __future__ import annotations

import json
from pathlib import Path

from livekit.agents import AgentServer, AgentSession, JobContext, cli, function_tool, inference

from affekt.adapters.livekit import CallerMood, MoodAgent
from affekt.live import Event, MoodChanged

PROMPT = Path(__file__).with_name("voice_agent_prompt.txt").read_text(encoding="utf-8")
NOTICE = (
    "This is an automatic assistant. It also estimates from your voice how you feel. If you do not want that, say so."
)

server = AgentServer()


class Clerk(MoodAgent):
    """Whoever answers; callers can have their voice left alone."""

    @function_tool
    async def leave_the_voice_alone(self) -> str:
        """Call it when the caller does not want their voice to be judged."""
        await self.caller_mood.aclose()
        return "The voice is no longer listened to."


@server.rtc_session()
async def answer(ctx: JobContext) -> None:
    """Answer one call."""
    mood = CallerMood()

    @mood.on("event")
    def _(event: Event) -> None:
        if isinstance(event, MoodChanged):
            print(json.dumps(event.to_dict()), flush=True)

    session = AgentSession(
        stt=inference.STT("deepgram/nova-3"),
        llm=inference.LLM("openai/gpt-4.1-mini"),
        tts=inference.TTS("cartesia/sonic-3"),
    )
    await session.start(Clerk(mood=mood, instructions=PROMPT), room=ctx.room)
    await session.say(NOTICE, allow_interruptions=False)
    mood.attach(session)  # not before the caller knows


if __name__ == "__main__":
    cli.run_app(server)
