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

from affekt.registry import need

need("sqlalchemy", extra="serve")

from affekt.service.store.store import Store  # noqa: E402
from affekt.service.store.vault import Vault  # noqa: E402

__all__ = ["Store", "Vault"]
