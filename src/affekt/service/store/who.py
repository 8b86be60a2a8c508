"""Tenants, users, sessions, keys, ingest tokens, expected calls, and the log of what people did.

What lets somebody in is kept as a hash: the database opens nothing. What the service itself must show to a
platform, such as Twilio's auth token, is kept encrypted. The audit log is only ever added to, but that erasing a call
also takes the call's id out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, Table, delete, insert, select, update

from affekt.errors import UnknownNameError, UsageError
from affekt.service.seal import derive, digest, seal, token, unseal
from affekt.service.store._base import Database, Found, When, clean, exists, fresh, iso, many, now, one, page, unix
from affekt.service.store._said import CONSENT
from affekt.service.store.schema import audits, expected, keys, sessions, tenants, tokens, users

ROLES = ("viewer", "supervisor", "admin", "auditor")
"""What a user or a key may be."""

RETENTION = 30
"""days that a tenant's calls are kept where nothing else is said"""

_SHOWN = 8  # characters of a key that people may see, to tell it from others
_USED = 60.0  # s between two notes of a key's last use: a write for each request would be too many


class Who(Database):
    """Who may do what, and who did it."""

    # Tenants

    def tenants(self) -> list[Found]:
        """Return all tenants: `{"id", "name", "record_audio", "retention_days", "created"}`."""
        with self._read() as c:
            return [_plain(row) for row in many(c, select(tenants).order_by(tenants.c.id))]

    def tenant(self, id: str) -> Found | None:
        """Return one tenant."""
        with self._read() as c:
            row = one(c, select(tenants).where(tenants.c.id == id))
        return None if row is None else _plain(row)

    def tenant_add(
        self, id: str, *, name: str | None = None, record_audio: bool = False, retention_days: int = RETENTION
    ) -> Found:
        """Add a tenant.

        Raises:
            UsageError: there is one of this id, or the days are none.
        """
        row: Found = {"id": _named(id), "name": clean(name or id), "record_audio": record_audio}
        row |= {"retention_days": _days(retention_days), "created_at": now()}
        with self._write() as c:
            _new(c, tenants, "tenant", id=id)
            c.execute(insert(tenants).values(**row))
        return _plain(row)

    def tenant_update(
        self, id: str, *, name: str | None = None, record_audio: bool | None = None, retention_days: int | None = None
    ) -> Found | None:
        """Change what is given; None where there is no such tenant."""
        days = None if retention_days is None else _days(retention_days)
        self._update(tenants, {"id": id}, name=clean(name), record_audio=record_audio, retention_days=days)
        return self.tenant(id)

    # Users and their sessions

    def user_add(self, tenant: str, name: str, password_hash: str | None, role: str) -> Found:
        """Add a user; one without a password comes in by single sign-on only.

        Raises:
            UsageError: the tenant has one of this name, or the role is none.
        """
        row: Found = {"id": fresh(), "tenant": tenant, "name": _named(name), "password_hash": password_hash}
        row |= {"role": _role(role), "disabled": False, "created_at": now()}
        with self._write() as c:
            _new(c, users, "user", tenant=tenant, name=name)
            c.execute(insert(users).values(**row))
        return _user(row)

    def user(self, tenant: str | None, name: str) -> Found | None:
        """Return a user with the `password_hash`; without a tenant, the only one of this name, if there is only one."""
        query = select(users).where(users.c.name == name)
        query = query if tenant is None else query.where(users.c.tenant == tenant)
        with self._read() as c:
            rows = many(c, query.limit(2))
        return _plain(rows[0]) if len(rows) == 1 else None

    def users(self, tenant: str) -> list[Found]:
        """Return the tenant's users, without their password hashes."""
        with self._read() as c:
            query = select(users).where(users.c.tenant == tenant).order_by(users.c.name)
            return [_user(row) for row in many(c, query)]

    def user_update(
        self,
        tenant: str,
        name: str,
        *,
        password_hash: str | None = None,
        role: str | None = None,
        disabled: bool | None = None,
    ) -> Found | None:
        """Change what is given, and end the user's sessions; None where there is no such user."""
        role = None if role is None else _role(role)
        wanted = {"tenant": tenant, "name": name}
        self._update(users, wanted, password_hash=password_hash, role=role, disabled=disabled)
        self.sessions_end(tenant, name)
        found = self.user(tenant, name)
        return None if found is None else _user(found)

    def user_remove(self, tenant: str, name: str) -> bool:
        """Remove a user, sessions included; say whether there was one."""
        return self._remove(users, tenant=tenant, name=name)

    def session_add(self, tenant: str, user: str, token: str, *, csrf: str, expires: When) -> None:
        """Keep that a user has come in; of the token, its hash.

        Raises:
            UnknownNameError: the tenant has no such user.
        """
        row: Found = {"hash": digest(token), "csrf": csrf, "created_at": now(), "expires_at": unix(expires)}
        with self._write() as c:
            id = c.execute(select(users.c.id).where(users.c.tenant == tenant, users.c.name == user)).scalar()
            if id is None:
                raise UnknownNameError("user", user, [])
            c.execute(insert(sessions).values(**row, user=id))

    def session(self, token: str) -> Found | None:
        """Return who has come in with this token: `{"tenant", "user", "role", "csrf", "expires"}` (no tenant asked)."""
        query = (
            select(users.c.tenant, users.c.name.label("user"), users.c.role, sessions.c.csrf, sessions.c.expires_at)
            .join(users, users.c.id == sessions.c.user)
            .where(sessions.c.hash == digest(token), sessions.c.expires_at > now(), users.c.disabled.is_(False))
        )
        with self._read() as c:
            row = one(c, query)
        return None if row is None else _plain(row)

    def session_end(self, token: str) -> bool:
        """End a session; say whether there was one."""
        return self._remove(sessions, hash=digest(token))

    def sessions_end(self, tenant: str, user: str) -> int:
        """End all sessions of a user; return how many there were."""
        own = select(users.c.id).where(users.c.tenant == tenant, users.c.name == user)
        with self._write() as c:
            return c.execute(delete(sessions).where(sessions.c.user.in_(own))).rowcount

    # Keys of programs

    def key_add(self, tenant: str, name: str, role: str, by: str, *, expires: When | None = None) -> Found:
        """Draw a key for a program; `key` is in what comes back, and nowhere else ever again."""
        drawn = token("afk_")
        row: Found = {
            "id": fresh(),
            "tenant": tenant,
            "name": clean(name),
            "role": _role(role),
            "prefix": _prefix(drawn),
        }
        row |= {"by": clean(by), "created_at": now(), "expires_at": None if expires is None else unix(expires)}
        with self._write() as c:
            c.execute(insert(keys).values(**row, hash=digest(drawn)))
        return _plain(row | {"used_at": None}) | {"key": drawn}

    def key(self, key: str) -> Found | None:
        """Return whose key this is (no tenant asked); None where it is nobody's, or no longer."""
        at = now()
        with self._read() as c:
            row = one(c, select(keys).where(keys.c.hash == digest(key)))
        if row is None or (row["expires_at"] is not None and row["expires_at"] <= at):
            return None
        if at - (row["used_at"] or 0.0) > _USED:
            self._update(keys, {"id": row["id"]}, used_at=at)
        return _plain(row)

    def keys(self, tenant: str) -> list[Found]:
        """Return the tenant's keys, each by its prefix."""
        with self._read() as c:
            query = select(keys).where(keys.c.tenant == tenant).order_by(keys.c.created_at, keys.c.id)
            return [_plain(row) for row in many(c, query)]

    def key_remove(self, tenant: str, id: str) -> bool:
        """Make a key open nothing any more; say whether there was one."""
        return self._remove(keys, tenant=tenant, id=id)

    # Tokens of platforms

    def token_add(
        self,
        tenant: str,
        name: str,
        *,
        protocol: str | None = None,
        material: Mapping[str, Any] | None = None,
        roles: Mapping[str, str] | None = None,
        notice: bool = False,
        consent: str = "unknown",
    ) -> Found:
        """Draw a token by which a platform may send calls; `token` is in what comes back, and nowhere else again.

        Args:
            tenant: whose calls they are.
            name: what people call it.
            protocol: the only one that it opens; None: any.
            material: what the platform's own way of proving itself needs, e.g. `{"auth_token": ...}`: kept encrypted.
            roles: track -> role, where the protocol does not say it.
            notice, consent: what holds for calls that do not say it themselves.
        """
        if consent not in CONSENT:
            raise UnknownNameError("consent", consent, CONSENT)
        drawn, id = token("afi_"), fresh()
        sealed = None if material is None else seal(self._tokens_key(), orjson.dumps(dict(material)), to=f"token/{id}")
        row: Found = {"id": id, "tenant": tenant, "name": clean(name), "protocol": protocol, "prefix": _prefix(drawn)}
        row |= {"roles": dict(roles or {}), "notice": notice, "consent": consent, "created_at": now()}
        with self._write() as c:
            c.execute(insert(tokens).values(**row, hash=digest(drawn), material=sealed))
        return _token(row | {"material": sealed}) | {"token": drawn}

    def tokens(self, tenant: str) -> list[Found]:
        """Return the tenant's ingest tokens, each by its prefix."""
        with self._read() as c:
            query = select(tokens).where(tokens.c.tenant == tenant).order_by(tokens.c.created_at, tokens.c.id)
            return [_token(row) for row in many(c, query)]

    def token_remove(self, tenant: str, id: str) -> bool:
        """Let nobody in by this token any more; say whether there was one."""
        return self._remove(tokens, tenant=tenant, id=id)

    def expect(
        self,
        tenant: str,
        id: str,
        external: str,
        *,
        track: str,
        role: str,
        expires: When,
        details: Mapping[str, Any] | None = None,
    ) -> Found:
        """Say which call a connection is of that names nothing but a UUID, as AudioSocket's do.

        Args:
            tenant: whose.
            id: the UUID that the connection will name.
            external: the platform's id of the call; connections of one call have the same.
            track, role: what its sound is.
            expires: when it has come too late.
            details: what else is known of the call, such as `agent` and `queue`.

        Raises:
            UsageError: this UUID is expected already.
        """
        row: Found = {
            "id": _named(id),
            "tenant": tenant,
            "external": clean(external),
            "track": clean(track),
            "role": role,
        }
        row |= {"details": dict(details or {}), "expires_at": unix(expires)}
        with self._write() as c:
            _new(c, expected, "expected call", id=id)
            c.execute(insert(expected).values(**row))
        return _plain(row)

    def expected(self, tenant: str) -> list[Found]:
        """Return the calls that the tenant expects."""
        query = select(expected).where(expected.c.tenant == tenant, expected.c.expires_at > now())
        with self._read() as c:
            return [_plain(row) for row in many(c, query.order_by(expected.c.expires_at))]

    def expected_remove(self, tenant: str, id: str) -> bool:
        """Expect a call no longer; say whether it was."""
        return self._remove(expected, tenant=tenant, id=id)

    def ingest_snapshot(self) -> Found:
        """Return all that the gateway must know to let calls in, of all tenants; the platforms' secrets opened.

        `{"tenants": {id: {"record_audio"}}, "tokens": [{..., "hash", "material"}], "expected": [...]}`; the hash is
        what `affekt.service.seal.digest` makes of the token.
        """
        with self._read() as c:
            owners = {row["id"]: {"record_audio": row["record_audio"]} for row in many(c, select(tenants))}
            given = many(c, select(tokens).order_by(tokens.c.created_at, tokens.c.id))
            coming = many(c, select(expected).where(expected.c.expires_at > now()))
        return {
            "tenants": owners,
            "tokens": [_token(row) | {"hash": row["hash"], "material": self._material(row)} for row in given],
            "expected": [_plain(row) for row in coming],
        }

    # What people did

    def audit(
        self, tenant: str, who: str, action: str, what: str | None = None, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Add a line to the log: who did what to what. `what` is an id; names and numbers have no place here."""
        row: Found = {"tenant": tenant, "at": now(), "who": clean(who), "action": clean(action), "what": clean(what)}
        with self._write() as c:
            c.execute(insert(audits).values(**row, detail=None if detail is None else dict(detail)))

    def audits(
        self,
        tenant: str,
        *,
        who: str | None = None,
        action: str | None = None,
        since: When | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Found:
        """Return `{"items", "next"}`: lines of the log, the newest first."""
        query = select(audits).where(audits.c.tenant == tenant)
        query = query if who is None else query.where(audits.c.who == who)
        query = query if action is None else query.where(audits.c.action == action)
        query = query if since is None else query.where(audits.c.at >= unix(since))
        with self._read() as c:
            rows, following = page(c, query, (audits.c.id,), cursor=cursor, limit=limit)
        return {"items": [_plain(row) for row in rows], "next": following}

    def _tokens_key(self) -> bytes:
        return derive(self._secret, "tokens")

    def _material(self, row: Mapping[str, Any]) -> Any:
        if row["material"] is None:
            return None
        return orjson.loads(unseal(self._tokens_key(), bytes(row["material"]), to=f"token/{row['id']}"))

    def _update(self, table: Table, wanted: Mapping[str, str], **values: Any) -> None:
        """Change the columns that are given."""
        given = {name: value for name, value in values.items() if value is not None}
        if given:
            with self._write() as c:
                where = (table.c[name] == value for name, value in wanted.items())
                c.execute(update(table).where(*where).values(**given))

    def _remove(self, table: Table, **wanted: str) -> bool:
        with self._write() as c:
            where = (table.c[name] == value for name, value in wanted.items())
            return c.execute(delete(table).where(*where)).rowcount > 0


def _plain(row: Mapping[str, Any]) -> Found:
    """Row -> JSON: `created_at` becomes `created`; hashes of tokens stay where they are."""
    times = {name: iso(value) for name, value in row.items() if name.endswith("_at")}
    rest = {name: value for name, value in row.items() if name not in times and name != "hash"}
    times["at"] = iso(rest.pop("at", None))
    times = {name.removesuffix("_at"): value for name, value in times.items()}
    return rest | (times if "at" in row else {name: value for name, value in times.items() if name != "at"})


def _user(row: Mapping[str, Any]) -> Found:
    return {name: value for name, value in _shown(row).items() if name != "password_hash"}


def _shown(row: Mapping[str, Any]) -> Found:
    return _plain(row) if "created_at" in row else dict(row)


def _token(row: Mapping[str, Any]) -> Found:
    plain = _plain({name: value for name, value in row.items() if name != "material"})
    return plain | {"has_material": row["material"] is not None}


def _prefix(drawn: str) -> str:
    return drawn[: len("afk_") + _SHOWN]


def _new(c: Connection, table: Table, kind: str, **wanted: str) -> None:
    if exists(c, table, **wanted):
        name = list(wanted.values())[-1]
        raise UsageError(f"a {kind} {name!r} is there already; give another name, or change that one")


def _named(name: str) -> str:
    if not name or clean(name) != name:
        raise UsageError(f"{name!r} is no name; give 1 to 400 characters, none of them NUL")
    return name


def _role(role: str) -> str:
    if role not in ROLES:
        raise UnknownNameError("role", role, ROLES)
    return role


def _days(days: int) -> int:
    if not 1 <= days <= 36500:
        raise UsageError(f"{days} days are no time to keep calls for; give 1 to 36500")
    return days
