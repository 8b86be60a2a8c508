"""Nobody sees or changes what is another tenant's, by any method."""

from __future__ import annotations

import inspect

import pytest
from told import START, Call, whole

from affekt.service.store import Store

TOLD_WITHOUT = {
    "check",
    "claim",  # no tenant: control, delivery and the gateway serve all of them
    "close",
    "delivered",
    "due",
    "destination_disable",
    "end_stale",
    "gave_up",
    "ingest_snapshot",
    "job_update",
    "jobs_interrupted",
    "key",  # the key, the session and the tenant's own id say whose it is
    "live_calls",
    "migrate",
    "record",
    "release",
    "retain",
    "retry",
    "session",
    "session_end",
    "tenant",
    "tenant_add",
    "tenant_update",
    "tenants",
}


@pytest.fixture
def known(store) -> dict[str, str]:
    """Ids of all that the tenant `default` has."""
    call = Call()
    store.record([message for message in whole(call) if message["type"] != "call.ended"])
    alert = store.alerts("default")["items"][0]["id"]
    store.note("default", call.id, "secretive", "ann", alert=alert)
    store.user_add("default", "ann", "hash", "admin")
    store.session_add("default", "ann", "token", csrf="c", expires=START * 2)
    store.audit("default", "ann", "look", call.id)
    store.expect("default", "uuid-1", "CA1", track="inbound", role="customer", expires=START * 2)
    return {
        "call": call.id,
        "alert": alert,
        "destination": store.destination_add("default", "webhook", "desk", settings={}, secret="s")["id"],
        "key": store.key_add("default", "ci", "viewer", "ann")["id"],
        "token": store.token_add("default", "twilio", material={"auth_token": "t"})["id"],
        "job": store.job_add("default", "export", "ann", request={})["id"],
        "expected": "uuid-1",
        "subject": "5a" * 16,
        "user": "ann",
    }


def asked(store: Store, known: dict[str, str], tenant: str, tmp_path) -> dict[str, object]:
    """What each method that looks answers to a tenant who knows all ids."""
    return {
        "alert": store.alert(tenant, known["alert"]),
        "alerts": store.alerts(tenant)["items"],
        "audits": store.audits(tenant)["items"],
        "call": store.call(tenant, known["call"]),
        "calls": store.calls(tenant)["items"],
        "deliveries": store.deliveries(tenant)["items"],
        "destination": store.destination(tenant, known["destination"]),
        "destinations": store.destinations(tenant),
        "expected": store.expected(tenant),
        "export": sum(store.export(tenant, tmp_path / tenant).values()),
        "job": store.job(tenant, known["job"]),
        "jobs": store.jobs(tenant)["items"],
        "keys": store.keys(tenant),
        "tokens": store.tokens(tenant),
        "trends": store.trends(tenant, START - 86400, START + 86400),
        "user": store.user(tenant, known["user"]),
        "users": store.users(tenant),
    }


def tried(store: Store, known: dict[str, str], tenant: str) -> dict[str, object]:
    """What each method that changes something by its id answers; what it does is undone by nothing."""
    return {
        "acknowledge": store.acknowledge(tenant, known["alert"], "eve", note="mine"),
        "snooze": store.snooze(tenant, known["alert"], "eve", 60.0),
        "note": store.note(tenant, known["call"], "mine", "eve"),
        "destination_enable": store.destination_enable(tenant, known["destination"]),
        "destination_remove": store.destination_remove(tenant, known["destination"]),
        "user_update": store.user_update(tenant, known["user"], role="viewer"),
        "sessions_end": store.sessions_end(tenant, known["user"]),
        "user_remove": store.user_remove(tenant, known["user"]),
        "key_remove": store.key_remove(tenant, known["key"]),
        "token_remove": store.token_remove(tenant, known["token"]),
        "expected_remove": store.expected_remove(tenant, known["expected"]),
        "job_remove": store.job_remove(tenant, known["job"]),
        "erase_call": store.erase_call(tenant, known["call"], "eve"),
        "erase_subject": store.erase_subject(tenant, known["subject"], "eve"),
    }


ADDS = {"audit", "destination_add", "expect", "job_add", "key_add", "session_add", "token_add", "user_add"}


def test_every_public_method_is_asked_here(store, known, tmp_path):
    """A new one must be put into `asked`, `tried` or, where it takes no tenant, into the list above."""
    methods = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
    here = set(asked(store, known, "default", tmp_path)) | set(tried(store, known, "default")) | ADDS | TOLD_WITHOUT
    assert methods == here
    first = {name: list(inspect.signature(getattr(Store, name)).parameters)[1:2] for name in methods - TOLD_WITHOUT}
    assert {name: names for name, names in first.items() if names != ["tenant"]} == {}


def test_the_owner_sees_all_of_it(store, known, tmp_path):
    found = asked(store, known, "default", tmp_path)
    assert {name for name, answer in found.items() if not answer} == {"deliveries"}  # the destination came later


def test_another_tenant_sees_nothing(store, known, tmp_path):
    assert {name: answer for name, answer in asked(store, known, "other", tmp_path).items() if answer} == {}


def test_another_tenant_changes_nothing(store, known, tmp_path):
    before = asked(store, known, "default", tmp_path)
    assert {name: answer for name, answer in tried(store, known, "other").items() if answer} == {}
    assert asked(store, known, "default", tmp_path) == before
    assert store.session("token")["tenant"] == "default"


def test_two_tenants_may_give_the_same_names(store):
    for tenant in ("default", "other"):
        store.user_add(tenant, "ann", f"hash of {tenant}", "viewer")
        store.destination_add(tenant, "webhook", "desk", settings={})
    assert store.user("other", "ann")["password_hash"] == "hash of other"
    assert store.user(None, "ann") is None  # who is meant cannot be told


def test_an_alert_goes_to_its_tenants_destinations_only(store):
    for tenant in ("default", "other"):
        store.destination_add(tenant, "webhook", "desk", settings={})
    call = Call(tenant="other")
    store.record([call.started(), call.alert(7.5)])
    assert [delivery["tenant"] for delivery in store.claim(10, 60.0)] == ["other"]
