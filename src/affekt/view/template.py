"""A template and its data -> one HTML page that needs nothing else, and in which nothing else can run.

A template has `{{NAME}}` where something is to be filled in, one style and at most one script of its own, and the data
as JSON in a script element that is none, or already drawn. Where it says `{{head}}` and `{{base}}`, `head.html` and
`base.css` stand: how all pages begin, and what they look like. The content security policy names the hashes of that
script and that style, whatever a file or a speaker is called.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any


def fill(
    name: str,
    *,
    title: str,
    data: Mapping[str, Any] | None = None,
    drawn: Mapping[str, str] | None = None,
    allow: str = "img-src data:",
) -> str:
    """Return the page of a template beside this file, to be written as UTF-8.

    Args:
        name: of the template, such as page.html.
        title: of the browser's window; escaped here.
        data: what the page's script draws.
        drawn: place -> HTML, of a page without a script; whoever draws it escapes.
        allow: what else the policy permits.
    """
    template = _read(name).replace("{{head}}\n", _read("head.html")).replace("{{base}}", _read("base.css"))
    places = {"policy": policy(template, allow), "title": html.escape(title), "data": embedded(data or {})}
    places |= drawn or {}
    return re.sub(r"\{\{(\w+)\}\}", lambda place: places[place[1]], template)


def _read(name: str) -> str:
    return files("affekt.view").joinpath(name).read_text("utf-8")


def policy(template: str, allow: str) -> str:
    """Allow the page's own script and style by their hashes, and what `allow` says."""
    own = "".join(_hashed(template, tag) for tag in ("script", "style"))
    return f"default-src 'none'; {own}{allow}; base-uri 'none'; form-action 'none'"


def _hashed(template: str, tag: str) -> str:
    """Permit the one element of this kind; of a page that has none, nothing."""
    _, begun, rest = template.partition(f"<{tag}>")
    digest = hashlib.sha256(rest.partition(f"</{tag}>")[0].encode()).digest()
    return f"{tag}-src 'sha256-{base64.b64encode(digest).decode()}'; " if begun else ""


def embedded(data: Mapping[str, Any]) -> str:
    r"""Write JSON that no HTML parser can mistake for markup: ASCII only, no <, > or &.

    >>> print(embedded({"speaker": "</script>"}))
    {"speaker":"\u003c/script\u003e"}
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
