"""The first start: a tenant, and an admin with a password that is shown once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from affekt.service.auth import passwords, tokens
from affekt.service.settings import Secrets, Serve

if TYPE_CHECKING:
    from affekt.service.store import Store

ADMIN, HOME = "admin", "default"


def prepare(store: Store, settings: Serve, secrets: Secrets) -> str | None:
    """Make the tenant `default` and its admin, where nobody is there yet.

    Args:
        store: migrated.
        settings: for the tenant's privacy, and whether anybody needs to sign in.
        secrets: AFFEKT_ADMIN_PASSWORD, if it is given.

    Returns:
        the password to be shown, once; None where there is nothing to show.
    """
    privacy = settings.privacy
    if store.tenant(HOME) is None:
        store.tenant_add(HOME, name=HOME, record_audio=privacy.record_audio, retention_days=privacy.retention_days)
    if not settings.auth.enabled or any(store.users(tenant["id"]) for tenant in store.tenants()):
        return None
    given = secrets.admin_password
    password = tokens.new_token() if given is None else given
    store.user_add(HOME, ADMIN, passwords.make(password), "admin")
    store.audit(HOME, "affekt", "user added", ADMIN, detail={"name": ADMIN, "role": "admin"})
    return password if given is None else None
