"""Who may sign in."""

from __future__ import annotations

from typing import Any

from affekt.service.auth import passwords
from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Parts, Principal, Who
from affekt.service.control.problems import Problem

router = gated("administration")

_SHOWN = ("id", "name", "role", "disabled", "created")


@router.get("/v1/users", summary="Users", responses={200: {"model": shapes.Listing}})
def users(given: Given, who: Who) -> Json:
    """List the users of this tenant."""
    return Json({"items": [_shown(user) for user in given.store.users(who.tenant)], "next": None})


@router.post("/v1/users", status_code=201, summary="Add a user", responses={201: {"model": shapes.User}})
def add(body: shapes.NewUser, given: Given, who: Who) -> Json:
    """Let somebody in; 409 where the name is taken."""
    if given.store.user(who.tenant, body.name) is not None:
        raise Problem(409, f"there is a user {body.name!r} already")
    hashed = None if body.password is None else passwords.make(body.password)
    made = given.store.user_add(who.tenant, body.name, hashed, body.role)
    given.audit(who, "user added", made["id"], name=body.name, role=body.role)
    return Json(_shown(made), status=201)


@router.patch("/v1/users/{id}", summary="Change a user", responses={200: {"model": shapes.User}})
def change(id: str, body: shapes.UserChange, given: Given, who: Who) -> Json:
    """Give another role or password, or shut somebody out; with either, all sessions of that user end."""
    found = _known(given, who, id)
    wanted = body.model_dump(exclude_unset=True, exclude={"password"})
    if any(value is None for value in wanted.values()):
        raise Problem(422, "a role or disabled cannot be null; leave it out where it stays")
    if wanted.get("role", "admin") != "admin" or wanted.get("disabled"):
        _keep_an_admin(given, who, found)
    if body.password is not None:
        wanted["password_hash"] = passwords.make(body.password)
    changed = given.store.user_update(who.tenant, found["name"], **wanted)
    told = {name: value for name, value in wanted.items() if name != "password_hash"}
    given.audit(who, "user changed", id, password="password_hash" in wanted, **told)
    return Json(_shown(changed or found))


@router.delete("/v1/users/{id}", summary="Remove a user", responses={200: {"model": shapes.Done}})
def remove(id: str, given: Given, who: Who) -> Json:
    """Remove somebody, and end all sessions; what that user has done stays in the audit log."""
    found = _known(given, who, id)
    _keep_an_admin(given, who, found)
    given.store.user_remove(who.tenant, found["name"])
    given.audit(who, "user removed", id, name=found["name"])
    return Json({"done": True})


def _known(given: Parts, who: Principal, id: str) -> dict[str, Any]:
    for user in given.store.users(who.tenant):
        if user["id"] == id:
            return user
    raise Problem(404, f"there is no user {id[:100]!r}")


def _keep_an_admin(given: Parts, who: Principal, found: dict[str, Any]) -> None:
    """Refuse what would leave nobody who could let others in."""
    admins = [user for user in given.store.users(who.tenant) if user["role"] == "admin" and not user["disabled"]]
    if [user["id"] for user in admins] == [found["id"]]:
        raise Problem(409, "this is the last admin; make another one first")


def _shown(user: dict[str, Any]) -> dict[str, Any]:
    return {name: user.get(name) for name in _SHOWN}
