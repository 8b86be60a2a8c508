"""One running service for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi", reason='needs pip install "affekt[serve]"')

from control_site import PASSWORD, Site, run

from affekt.service.auth import passwords


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for a module: with a user per role, and a call with an alert."""
    for site in run(tmp_path_factory.mktemp("site")):
        hashed = passwords.make(PASSWORD)
        for name, role in (("ada", "admin"), ("grace", "supervisor"), ("alan", "viewer"), ("kurt", "auditor")):
            site.store.user_add("default", name, hashed, role)
        yield site
