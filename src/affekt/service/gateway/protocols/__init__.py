"""Bytes of one platform -> events. One file = one protocol; `affekt.service.gateway.codec` says what each owes.

- `affekt`        our own WebSocket, for browsers and for everything that speaks none of the others
- `twilio`        Twilio Media Streams; and its dialects Plivo and Exotel
- `telnyx`        Telnyx media streaming
- `audiohook`     Genesys Cloud AudioHook, version 2
- `asterisk`      Asterisk's chan_websocket
- `audiosocket`   Asterisk's AudioSocket (TCP)
- `freeswitch`    mod_audio_fork and mod_audio_stream
- `vonage`        Vonage Voice API
"""
