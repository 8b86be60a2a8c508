"""The API's description -> a page, without a script, a font or a line from anywhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from affekt.service.control.problems import KINDS

METHODS = ("get", "post", "patch", "put", "delete")

CSS = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); text-transform: capitalize; }
h3 { margin: 1.5rem 0 0; font-size: 1rem; font-weight: 600; }
code, pre { font: 0.875rem/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid var(--line); border-radius: 4px; }
.method { display: inline-block; min-width: 4.5rem; text-transform: uppercase; }
.who { opacity: 0.75; font-weight: 400; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: 0.25rem 1rem 0.25rem 0; border-top: 1px solid var(--line); }
nav a { margin-right: 1rem; }
"""


def page(api: Mapping[str, Any]) -> str:
    """Write the page.

    Args:
        api: what OpenAPI says.

    >>> "<h1>Affekt" in page({"info": {"title": "Affekt", "version": "1", "description": ""}, "paths": {}})
    True
    """
    return "\n".join(_lines(api))


def _lines(api: Mapping[str, Any]) -> Iterator[str]:
    info = api["info"]
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<title>{escape(info["title"])}: API</title><link rel="stylesheet" href="/v1/docs.css"></head><body>'
    yield f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
    yield "".join(f"<p>{escape(part)}</p>" for part in info.get("description", "").split("\n\n") if part)
    yield '<p>For programs: <a href="/v1/openapi.json">/v1/openapi.json</a></p>'
    routes = [(path, method, route) for path, some in api["paths"].items() for method, route in some.items()]
    tags = list(dict.fromkeys(tag for _, _, route in routes for tag in route.get("tags", [])))
    links = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in (*tags, "problems"))
    yield f'<nav aria-label="Resources">{links}</nav><main>'
    for tag in tags:
        yield f'<h2 id="{escape(tag)}">{escape(tag)}</h2>'
        for path, method, route in routes:
            if route.get("tags", [""])[0] == tag:
                yield from _route(path, method, route, api)
    yield from _problems()
    yield "</main></body></html>"


def _route(path: str, method: str, route: Mapping[str, Any], api: Mapping[str, Any]) -> Iterator[str]:
    who = ", ".join(route.get("x-roles", [])) or "anybody"
    yield f'<section><h3><code><span class="method">{method}</span> {escape(path)}</code> '
    yield f'<span class="who">{escape(who)}</span></h3>'
    yield f"<p>{escape(route.get('description', route.get('summary', '')))}</p>"
    if route.get("parameters"):
        yield "<table><thead><tr><th>name</th><th>in</th><th>what</th></tr></thead><tbody>"
        yield from (_parameter(parameter) for parameter in route["parameters"])
        yield "</tbody></table>"
    body = route.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        yield _example("asks", body, api)
    for status, answer in route.get("responses", {}).items():
        content = answer.get("content", {}).get("application/json")
        if content and status.startswith("2"):
            yield _example(f"says {status}", content, api)
    yield "</section>"


def _parameter(parameter: Mapping[str, Any]) -> str:
    schema = parameter.get("schema", {})
    default = f" Default: {json.dumps(schema['default'])}." if schema.get("default") is not None else ""
    text = parameter.get("description", "") + default
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td><td>{escape(text)}</td></tr>"
    )


def _example(what: str, content: Mapping[str, Any], api: Mapping[str, Any]) -> str:
    found = content.get("example", example(content.get("schema", {}), api))
    text = json.dumps(found, indent=2, ensure_ascii=False)
    return f"<p>{escape(what)}</p><pre>{escape(text)}</pre>" if found is not None else ""


def example(schema: Mapping[str, Any], api: Mapping[str, Any]) -> Any:
    """Find the example of a schema, through references and alternatives; None: it has none."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return example(api["components"]["schemas"][name], api)
    for part in schema.get("anyOf", []):
        found = example(part, api)
        if found is not None:
            return found
    if "example" in schema:
        return schema["example"]
    kept = {name: example(part, api) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        item = example(schema.get("items", {}), api)
        return None if item is None else [item]
    return {name: value for name, value in kept.items() if value is not None} or None


def _problems() -> Iterator[str]:
    yield '<h2 id="problems">problems</h2><p>Errors are <code>application/problem+json</code> (RFC 9457).</p>'
    yield "<table><thead><tr><th>status</th><th>type</th><th>meaning</th></tr></thead><tbody>"
    for status, (name, meaning) in KINDS.items():
        yield f'<tr id="{name}"><td>{status}</td><td><code>/v1/docs#{name}</code></td><td>{escape(meaning)}</td></tr>'
    yield "</tbody></table>"
