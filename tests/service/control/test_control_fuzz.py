"""Everything that the description allows, and much that it does not, is answered without a fault of the service.

A short run is part of the suite. A long one: EXAMPLES=200 pytest tests/service/control/test_control_fuzz.py
"""

from __future__ import annotations

import os

import pytest
from control_site import call
from hypothesis import HealthCheck, Phase, given, settings

from affekt.service.control.app import own_routers

schemathesis = pytest.importorskip("schemathesis", reason='needs pip install "affekt[dev]"')

from schemathesis import checks  # noqa: E402

EXAMPLES = int(os.environ.get("EXAMPLES", "5"))
_CHECKS = [checks.not_a_server_error, checks.content_type_conformance, checks.response_schema_conformance]
_ABSENT = {"/v1/session/oidc", "/v1/session/oidc/callback"}  # 501 where there is no single sign-on


@pytest.fixture(scope="module")
def api(site):
    call(site.store, "fuzzed")
    return schemathesis.openapi.from_url(f"{site.url}/v1/openapi.json")


@pytest.mark.parametrize(
    ("method", "path"),
    [(m, r.path) for router in own_routers() for r in router.routes if r.include_in_schema for m in sorted(r.methods)],
)
def test_nothing_that_is_asked_is_a_fault(api, site, method, path):
    key = {"Authorization": f"Bearer {site.keys['admin']}"}

    @given(case=api[path][method].as_strategy())
    @settings(
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
        derandomize=True,
    )
    def ask(case):
        answer = case.call(headers=key)
        if path in _ABSENT:
            assert answer.status_code in (422, 501)
            return
        case.validate_response(answer, checks=_CHECKS)

    ask()
