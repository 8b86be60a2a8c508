"""The sound of a voice agent's caller -> what the agent is told of the mood. One file = one framework.

- `pipecat`    a frame processor for a Pipecat pipeline; extra `pipecat`
- `livekit`    an audio input and an agent for LiveKit Agents; extra `livekit`

Both hear the caller alone: what the agent says never reaches them. Both let all sound pass at once, untouched, and hear
it in a thread beside the event loop (`_listener`), and both say the same sentence (`_mood`). docs/voice-agents.md tells
how the sentence reaches the prompt.
"""
