"""The store: every part of it as one class, on one database."""

from __future__ import annotations

from affekt.service.store.export import Export
from affekt.service.store.jobs import Jobs
from affekt.service.store.outbox import Outbox
from affekt.service.store.retain import Retention
from affekt.service.store.who import Who


class Store(Retention, Export, Outbox, Who, Jobs):
    """All that the service remembers; safe to call from many threads.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = Store(f"sqlite:///{folder.name}/affekt.db", bytes(32))
    >>> store.migrate()
    >>> mood = {"type": "mood", "mood_at": 4.0, "speaker": "caller", "emotion": "anger", "levels": {"anger": 0.7}}
    >>> about = {"tenant": "default", "call": "c1", "stream": "s1", "n": 1, "at": 1004.0, "time": 4.0}
    >>> store.record([about | mood] * 2)  # told twice, kept once
    []
    >>> call = store.call("default", "c1")
    >>> call["started"], [(point["time"], point["emotion"]) for point in call["points"]]
    ('1970-01-01T00:16:40.000Z', [(4.0, 'anger')])
    >>> store.call("another", "c1") is None
    True
    >>> store.close(); folder.cleanup()

    Args:
        url: `sqlite:///file.db` or `postgresql://user@host/name`.
        secret: 32 random bytes or more, from which all keys are derived.
        vault: the folder of the recordings, which are erased with their calls.

    Raises:
        UsageError: the address is none of SQLite's files and none of PostgreSQL.
    """
