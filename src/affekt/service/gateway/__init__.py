"""A carrier's socket -> events of a call. No model work and no SQL, so that it outlives both.

events      what a codec tells of a call
codec       bytes -> events: what each protocol owes, and its limits; no socket inside
protocols/  ONE FILE = ONE PROTOCOL
server      sockets -> codec -> shared memory
"""
