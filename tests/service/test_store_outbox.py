"""Every change of an alert reaches every destination: claimed by one, and by the next where that one dies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from told import START, Call

from affekt.errors import DataError, UsageError
from affekt.service.store import Store

NOW = 4_000_000_000.0
"""later than any delivery is made in these tests"""


@pytest.fixture
def desk(store) -> dict:
    return store.destination_add("default", "webhook", "desk", settings={"url": "https://a"}, secret={"key": "geheim"})


def fired(store: Store, name: str = "call") -> dict:
    call = Call(name)
    return store.record([call.started(), call.alert(7.5)])[0]


def test_each_change_has_a_row_for_each_destination(store, desk):
    store.destination_add("default", "email", "mail", settings={})
    call = Call()
    store.record([call.started(), call.alert(7.5), call.alert(20.0, "resolved")])
    found = store.claim(10, 60.0)
    changes = sorted((delivery["change"], delivery["destination"]["name"]) for delivery in found)
    assert changes == [(change, name) for change in ("firing", "resolved") for name in ("desk", "mail")]
    assert {delivery["alert"]["state"] for delivery in found if delivery["change"] == "firing"} == {"firing"}


def test_what_a_supervisor_says_is_delivered_too(store, desk):
    alert = fired(store)
    assert store.acknowledge("default", alert["id"], "ann", note="called back")["change"] == "acknowledged"
    assert store.snooze("default", alert["id"], "ann", 600.0)["state"] == "snoozed"
    found = store.claim(10, 60.0)
    assert [(delivery["change"], delivery["by"]) for delivery in found] == [
        ("firing", None),
        ("acknowledged", "ann"),
        ("snoozed", "ann"),
    ]
    assert found[2]["alert"]["until"] is not None


def test_what_is_over_stays_so_and_is_told_once(store, desk):
    alert = fired(store)
    store.acknowledge("default", alert["id"], "ann")
    assert store.acknowledge("default", alert["id"], "bob", note="me too")["change"] is None
    store.snooze("default", alert["id"], "ann", 1.0)
    assert store.snooze("default", alert["id"], "ann", 1.0)["change"] is None
    assert store.acknowledge("default", alert["id"], "ann")["state"] == "snoozed"
    found = store.alert("default", alert["id"])
    assert [change["change"] for change in found["changes"]] == ["firing", "acknowledged", "snoozed"]
    assert [note["text"] for note in found["notes"]] == ["me too"]
    assert store.acknowledge("default", "no such", "ann") is None
    assert len(store.claim(10, 60.0)) == 3


def test_what_is_claimed_is_nobody_elses_until_the_lease_is_over(store, desk):
    fired(store)
    first = store.claim(10, 60.0, now=NOW)
    assert len(first) == 1
    assert store.claim(10, 60.0, now=NOW + 59) == []
    again = store.claim(10, 60.0, now=NOW + 60)
    assert [(delivery["id"], delivery["tries"]) for delivery in again] == [(first[0]["id"], 2)]


def test_a_delivery_ends_once(store, desk):
    fired(store)
    id = store.claim(1, 60.0, now=NOW)[0]["id"]
    store.retry(id, NOW + 300, "timeout", status=504)
    assert store.claim(1, 60.0, now=NOW + 299) == []
    waiting = store.deliveries("default")["items"][0]
    assert (waiting["state"], waiting["error"], waiting["status"], waiting["tries"]) == ("pending", "timeout", 504, 1)
    assert [delivery["id"] for delivery in store.claim(1, 60.0, now=NOW + 300)] == [id]
    store.delivered(id, 200)
    store.gave_up(id, "too late to say so")
    done = store.deliveries("default", state="delivered")["items"][0]
    assert (done["id"], done["status"], done["error"], done["tries"]) == (id, 200, None, 2)
    assert store.claim(1, 60.0, now=NOW * 2) == []


def test_no_two_claim_the_same(store, desk):
    for number in range(40):
        fired(store, f"call {number}")
    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(lambda _: store.claim(7, 600.0, now=NOW), range(8)))
    ids = [delivery["id"] for claim in claims for delivery in claim]
    assert len(ids) == len(set(ids)) == 40


def test_a_disabled_destination_is_told_nothing_and_what_waits_fails(store, desk):
    fired(store, "before")
    store.destination_disable(desk["id"], "410 Gone")
    fired(store, "after")
    assert store.claim(10, 60.0, now=NOW) == []
    assert [d["error"] for d in store.deliveries("default")["items"]] == ["disabled: 410 Gone"]
    assert store.destinations("default")[0]["disabled"] == "410 Gone"
    assert store.destination_enable("default", desk["id"])
    alert = fired(store, "later")
    assert [delivery["alert"]["id"] for delivery in store.claim(10, 60.0, now=NOW)] == [alert["id"]]


def test_deliveries_are_found_by_alert_destination_and_state(store, desk):
    other = store.destination_add("default", "webhook", "other", settings={})
    one, two = fired(store, "one"), fired(store, "two")
    assert len(store.deliveries("default", alert=one["id"])["items"]) == 2
    assert len(store.deliveries("default", alert=two["id"], destination=other["id"])["items"]) == 1
    page = store.deliveries("default", limit=3)
    rest = store.deliveries("default", limit=3, cursor=page["next"])
    assert len({delivery["id"] for delivery in page["items"] + rest["items"]}) == 4
    assert store.destination_remove("default", desk["id"]) is True
    assert len(store.deliveries("default")["items"]) == 2


def test_a_secret_opens_for_its_destination_alone_and_is_nowhere_in_plain(store, desk):
    fired(store)
    assert store.claim(1, 60.0)[0]["destination"]["secret"] == {"key": "geheim"}
    assert store.destination("default", desk["id"])["secret"] == {"key": "geheim"}
    assert "secret" not in store.destinations("default")[0]
    other = store.destination_add("default", "webhook", "other", settings={}, secret="x")
    with store._write() as c:  # somebody who can write to the database, and wants the secret sent elsewhere
        c.exec_driver_sql(
            f"UPDATE destinations SET secret = (SELECT secret FROM destinations WHERE id = '{desk['id']}') "
            f"WHERE id = '{other['id']}'"
        )
        plain = c.exec_driver_sql("SELECT secret FROM destinations").scalars().all()
    assert b"geheim" not in b"".join(map(bytes, plain))
    with pytest.raises(DataError, match="does not open"):
        store.destination("default", other["id"])
    stranger = Store(store._url.render_as_string(hide_password=False), bytes(32))
    with pytest.raises(DataError, match="another secret"):
        stranger.destination("default", desk["id"])
    stranger.close()


def test_a_name_is_given_once(store, desk):
    with pytest.raises(UsageError, match="'desk' already"):
        store.destination_add("default", "email", "desk", settings={})


def test_alerts_are_found_by_state_rule_call_and_time(store, desk):
    one, two = fired(store, "one"), fired(store, "two")
    store.acknowledge("default", one["id"], "ann")
    assert [alert["id"] for alert in store.alerts("default", "acknowledged")["items"]] == [one["id"]]
    assert len(store.alerts("default", "open")["items"]) == 2
    assert store.alerts("default", rule="low_valence")["items"] == []
    assert [alert["id"] for alert in store.alerts("default", call=two["call"])["items"]] == [two["id"]]
    assert store.alerts("default", since=START + 8)["items"] == []
    page = store.alerts("default", limit=1)
    assert {page["items"][0]["id"], store.alerts("default", cursor=page["next"])["items"][0]["id"]} == {
        one["id"],
        two["id"],
    }
