"""Who may what: every route, every role, and nobody without one."""

from __future__ import annotations

import pytest

from affekt.errors import UsageError
from affekt.service.auth import roles
from affekt.service.control import gate
from affekt.service.control.app import own_routers

RANK = {"viewer": 0, "supervisor": 1, "admin": 2}


def routes() -> list[tuple[str, str]]:
    found = [(m, r.path) for router in own_routers() for r in router.routes for m in sorted(r.methods)]
    assert len(found) > 40
    return found


def test_every_route_has_a_line_and_every_line_a_route():
    elsewhere = {"GET /v1/events", "GET /metrics"}  # the dashboard's and the metrics', which others make
    assert {f"{method} {path}" for method, path in routes()} | elsewhere == set(roles.TABLE)


def test_a_route_without_a_line_cannot_be_made():
    with pytest.raises(UsageError, match="GET /v1/backdoor"):
        gate.router("x").add_api_route("/v1/backdoor", lambda: None)


def test_every_route_stands_behind_the_gate():
    for router in own_routers():
        for route in router.routes:
            assert isinstance(route, gate.GatedRoute), route.path


def test_who_may_do_more_may_do_all_that_those_below_may():
    for line, allowed in roles.TABLE.items():
        if allowed is not None and "viewer" in allowed:
            assert {"supervisor", "admin"} <= allowed, line
        if allowed is not None and "supervisor" in allowed:
            assert "admin" in allowed, line


def test_an_auditor_changes_nothing():
    for line, allowed in roles.TABLE.items():
        method, path = line.split()
        if allowed is not None and "auditor" in allowed:
            assert method == "GET" or path.startswith("/v1/session"), line


@pytest.mark.parametrize(("method", "path"), routes())
def test_each_role_gets_what_the_table_says(site, method, path):
    """Asked with an id that is nobody's and no body: whoever may gets anything but 401 and 403."""
    allowed = roles.TABLE[f"{method} {path}"]
    where = path.replace("{id}", "nobody").replace("{name}", "nobody")
    with site.client(None) as stranger:
        status = stranger.request(method, where, follow_redirects=False).status_code
        assert (status == 401) == (allowed is not None), status
    for role in site.keys:
        with site.client(role) as client:
            status = client.request(method, where, follow_redirects=False).status_code
        assert status < 500 or (status == 501), (role, status)
        if allowed is not None:
            assert (status == 403) == (role not in allowed), (role, status)
