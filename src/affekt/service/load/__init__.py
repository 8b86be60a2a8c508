"""The carrier's side: simulated calls -> what telephone platforms send, on real sockets. For tests and measurements.

    sounds = [Sound.of(call.audio, call.rate) for call in simulate.calls(4, kind="angry", seconds=60)]
    report = asyncio.run(Carrier(Load("ws://127.0.0.1:8001", "twilio", calls=60, seconds=300), sounds).run())

- `sound`      two sides of a call -> pieces of 20 ms, coded once for all calls
- `leg`        call -> the messages of one of its connections; no socket inside
- `speakers/`  ONE FILE = ONE PLATFORM
- `faults`     lost, late, double, out of order; calls that vanish or freeze
- `pace`       one timer for all connections, and how late it runs
- `wire`       a WebSocket or TCP
- `carrier`    load, sounds -> calls on sockets, and a report
- `sent`       when which sample was sent, so that a delay can be measured

What a platform sends is written from its documentation and from reference implementations: a real platform may differ.
"""
