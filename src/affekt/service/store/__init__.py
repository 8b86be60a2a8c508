"""Messages -> database -> answers. All SQL of the service lives in this folder, in one class: `Store`.

    schema        what is kept, as tables               migrations/   how an older database becomes this one
    record        messages -> rows, once each           calls         what was said in which call; trends; erasure
    alerts        alerts and what became of them        outbox        destinations, and what they have still to be told
    who           tenants, users, keys, tokens, audit   jobs          long requests and their progress
    retain        what is too old, goes                 export        Parquet
    vault         recordings, encrypted, beside the database

Blocking, and safe to call from many threads; the service's event loop calls it in threads. Rows come back as plain
dicts, ready for JSON, times as ISO 8601 in UTC. Whoever asks gives the tenant, and gets nothing of any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from affekt.registry import need

if TYPE_CHECKING:
    from affekt.service.store.store import Store
    from affekt.service.store.vault import Vault

__all__ = ["Store", "Vault"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: whoever only records sound needs the vault, and no database."""
    if name == "Vault":
        from affekt.service.store.vault import Vault

        return Vault
    if name == "Store":
        need("sqlalchemy", extra="serve")
        from affekt.service.store.store import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
