"""What the worker needs of the outbox beyond claiming and telling, on both databases."""

from __future__ import annotations

import time
import uuid

from affekt.service.deliver.worker import Outbox


def fired(store, count: int = 1, *, names=("a",)) -> list[str]:
    """Add destinations and fire alerts; give the destinations' ids."""
    ids = [store.destination_add("default", "webhook", name, {})["id"] for name in names]
    for _ in range(count):
        call = str(uuid.uuid4())
        about = {"tenant": "default", "call": call, "stream": call, "n": 1, "at": time.time(), "time": 5.0}
        alert = {"rule": "sustained", "start": 1.0, "end": 5.0, "speaker": "customer", "reason": "anger", "snr": None}
        assert store.record([{"type": "alert.firing", **about, **alert, "state": "firing"}])
    return ids


def test_the_store_is_an_outbox(store):
    box: Outbox = store
    assert box.claim(10, 30.0) == []


def test_full_destinations_are_passed_over(store):
    one, other = fired(store, 3, names=("a", "b"))
    found = store.claim(10, 30.0, without=[one])
    assert [each["destination"]["id"] for each in found] == [other] * 3
    assert store.claim(10, 30.0, without=[one, other]) == []
    assert len(store.claim(10, 30.0)) == 3


def test_what_is_given_back_can_be_claimed_at_once_and_was_not_tried(store):
    fired(store, 2)
    first = store.claim(10, 30.0)
    assert {each["tries"] for each in first} == {1}
    store.release([first[0]["id"]])
    (again,) = store.claim(10, 30.0)
    assert (again["id"], again["tries"]) == (first[0]["id"], 1)


def test_only_what_is_claimed_can_be_given_back(store):
    """A delivery that is done, or that was given back already, keeps its tries."""
    fired(store, 2)
    done, back = store.claim(10, 30.0)
    store.delivered(done["id"], 200)
    for _ in range(3):
        store.release([done["id"], back["id"]])
    tries = {row["id"]: row["tries"] for row in store.deliveries("default")["items"]}
    assert tries == {done["id"]: 1, back["id"]: 0}
    store.release([])


def test_a_delivery_knows_what_became_of_its_alert(store):
    fired(store)
    (first,) = store.claim(10, 30.0)
    assert first["later"] is None
    store.release([first["id"]])
    store.acknowledge("default", first["alert"]["id"], "me")
    firing, seen = store.claim(10, 30.0)
    assert (firing["change"], firing["alert"]["state"], firing["later"]["state"]) == (
        "firing",
        "firing",
        "acknowledged",
    )
    assert firing["later"]["at"] == seen["at"]
    assert (seen["change"], seen["later"]) == ("acknowledged", None)
