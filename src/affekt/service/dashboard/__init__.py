"""The dashboard: files that a browser runs as they are, and the application that serves them. There is no build step.

    static/index.html      the frame; the only page
    static/*.js            one module per page, and a few that they share
    static/app.css         how it looks, on top of the `base.css` that all our pages share

Everything lies under a path with the hash of it all, so a browser keeps it for a year and never has an old part beside
a new one. Colours and letters of the emotions come from `affekt.view.palette`, as in the terminal and on our pages.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from affekt.registry import need
from affekt.view.palette import PAINTS, ink

need("starlette", extra="serve")
from starlette.applications import Starlette  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import Response  # noqa: E402
from starlette.routing import Route  # noqa: E402

_YEAR = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
_OWN_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]")


def pages(ingest: Sequence[str] = ()) -> Starlette:
    """Make the application of the dashboard: `/` and what it loads. It asks nobody: nothing in it is secret.

    Args:
        ingest: origins (`wss://calls.example:8001`) to which the microphone page may connect; when none are given, any
            port of the host that the page came from.
    """

    def page(request: Request) -> Response:
        text = _source("index.html").decode().replace("{{version}}", version())
        return Response(text, media_type="text/html", headers=_guards(request.url.hostname or "", ingest))

    return Starlette(routes=[Route("/", page), Route("/static/{hashed}/{name}", _part)])


def _part(request: Request) -> Response:
    name = request.path_params["name"]
    if request.path_params["hashed"] != version() or name not in names():
        return Response("no such part of this version of the dashboard; load the page again", 404)
    kind = _TYPES.get(name[name.rfind(".") :])
    return Response(
        content(name), media_type=kind, headers={"Cache-Control": _YEAR, "X-Content-Type-Options": "nosniff"}
    )


def policy(host: str, ingest: Sequence[str] = ()) -> str:
    """Return the content security policy: nothing but our own files, and sound from memory.

    >>> policy("calls.example")[:56]
    "default-src 'self'; connect-src 'self' ws://calls.exampl"
    """
    own = host if _OWN_HOST.fullmatch(host) else "localhost"
    sockets = " ".join(ingest) or f"ws://{own}:* wss://{own}:*"
    return (
        f"default-src 'self'; connect-src 'self' {sockets}; media-src 'self' blob:; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


@cache
def version() -> str:
    """Name this version of the dashboard: the hash of all its files."""
    digest = hashlib.sha256()
    for name in sorted(names()):
        digest.update(name.encode() + b"\0" + content(name))
    return digest.hexdigest()[:16]


@cache
def names() -> frozenset[str]:
    """Name what may be asked for: the files, and those that are made."""
    own = {entry.name for entry in files("affekt.service.dashboard").joinpath("static").iterdir() if entry.is_file()}
    return frozenset(own - {"index.html"} | set(_MADE))


@cache
def content(name: str) -> bytes:
    """Return what a file holds."""
    return _MADE[name]().encode() if name in _MADE else _source(name)


@cache
def _source(name: str) -> bytes:
    return files("affekt.service.dashboard").joinpath("static", name).read_bytes()


def _base() -> str:
    """Let a choice override what the system prefers: both sets of colours once more, each under its name."""
    base = files("affekt.view").joinpath("base.css").read_text("utf-8")
    sets = re.findall(r"(--ground: #[^}]*)}", base)[:2]
    own = zip(("light", "dark"), sets, strict=True)
    return base + "".join(f':root[data-theme="{name}"] {{ color-scheme: {name}; {rules} }}\n' for name, rules in own)


def _palette() -> str:
    paints = {
        name: {
            "mark": paint.mark,
            "light": [paint.light, ink(paint.light)],
            "dark": [paint.dark, ink(paint.dark)],
        }
        for name, paint in PAINTS.items()
    }
    return f"// Made from affekt/view/palette.py.\nexport const PALETTE = {json.dumps(paints, indent=1)};\n"


def _tints() -> str:
    """A class per emotion, with its colour and that of text on it."""
    light = {name: (paint.light, ink(paint.light)) for name, paint in PAINTS.items()} | {"unknown": _GREY[0]}
    dark = {name: (paint.dark, ink(paint.dark)) for name, paint in PAINTS.items()} | {"unknown": _GREY[1]}
    rules = {
        "": _classes(light),
        ':root[data-theme="dark"] ': _classes(dark),
    }
    named = "".join("".join(f"{before}{rule}" for rule in own) for before, own in rules.items())
    preferred = "".join(f":root:not([data-theme]) {rule}" for rule in _classes(dark))
    return f"/* Made from affekt/view/palette.py. */\n{named}@media (prefers-color-scheme: dark) {{\n{preferred}}}\n"


def _classes(colours: Mapping[str, tuple[str, str]]) -> list[str]:
    return [f".e-{name} {{ --fill: {fill}; --on: {on}; }}\n" for name, (fill, on) in colours.items()]


_GREY = (("#6b7280", "#ffffff"), ("#9ca3af", "#000000"))
_MADE = {"base.css": _base, "palette.js": _palette, "palette.css": _tints}


def _guards(host: str, ingest: Sequence[str]) -> dict[str, str]:
    return {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": policy(host, ingest),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
