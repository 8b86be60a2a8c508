"""Messages -> store, live state, deliveries; REST and dashboard. One process, which never waits for a model.

app.py        settings, store, hub, bus -> the application
gate.py       a request -> who asks; or a refusal
shell.py      around all: sizes, headers, and what nobody foresaw
problems.py   whatever went wrong -> RFC 9457
parts.py      what the routes are given
uploads.py    multipart -> files
judging.py    files -> timelines, in processes of their own
jobs.py       recordings that take longer than a request may
trial.py      a destination -> whether it may be kept, and what a trial comes to
pages.py      the API's description -> a page
api/          one file = one resource
"""

from affekt.registry import need

need("fastapi", extra="serve")
