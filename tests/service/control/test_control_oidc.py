"""Single sign-on at a real issuer on loopback, and at one that lies."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

pytest.importorskip("authlib", reason='needs pip install "affekt[oidc]"')
pytest.importorskip("joserfc", reason='needs pip install "affekt[oidc]"')

from control_site import PASSWORD, run
from issuer import CLIENT, SECRET, Issuer
from joserfc import jwk

ROLES = {"listeners": "viewer", "bosses": "admin"}


@pytest.fixture(scope="module")
def issuer():
    made = Issuer()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def place(issuer, tmp_path_factory):
    oidc = {"issuer": issuer.url, "client_id": CLIENT, "roles": ROLES}
    yield from run(tmp_path_factory.mktemp("oidc"), auth={"oidc": oidc})


@pytest.fixture(autouse=True)
def honest(issuer):
    issuer.lies, issuer.header, issuer.signs_with = {}, {"alg": "RS256", "kid": "1"}, issuer.key
    issuer.claims = {"email": "ada@example.com", "email_verified": True, "roles": ["listeners"]}


def begin(client: httpx.Client) -> str:
    """Go to the issuer and come back with the address of ours that it sends us to."""
    away = client.get("/v1/session/oidc")
    assert away.status_code == 303, away.text
    back = httpx.get(away.headers["location"])
    assert back.status_code == 302
    return back.headers["location"]


def test_who_comes_from_the_issuer_is_in(place, issuer):
    with place.client(None) as client:
        away = client.get("/v1/session/oidc")
        query = parse_qs(urlsplit(away.headers["location"]).query)
        assert query["code_challenge_method"] == ["S256"]
        assert query["response_type"] == ["code"]
        assert len(query["nonce"][0]) > 20
        assert "HttpOnly" in away.headers["set-cookie"]
        answer = client.get(begin(client))
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == "/"
        who = client.get("/v1/session").json()
        assert (who["name"], who["role"], who["tenant"]) == ("ada@example.com", "viewer", "default")
        client.headers["X-CSRF-Token"] = who["csrf"]
        assert client.delete("/v1/session").status_code == 200
    assert place.store.audits("default", action="login")["items"][0]["what"] == "single sign-on"


def test_the_role_is_what_the_issuer_says_today(place, issuer):
    for roles, expected in ((["bosses", "listeners"], "admin"), ("listeners", "viewer")):
        issuer.claims["roles"] = roles
        with place.client(None) as client:
            client.get(begin(client))
            assert client.get("/v1/session").json()["role"] == expected


def test_a_code_works_once_and_in_one_browser(place):
    with place.client(None) as client, place.client(None) as thief:
        back = begin(client)
        assert thief.get(back).status_code == 403  # has not begun
        thief.get("/v1/session/oidc")
        assert thief.get(back).status_code == 403  # has begun something else
        assert client.get(back).status_code == 303
        assert client.get(back).status_code == 403


def test_who_takes_too_long_begins_again(place):
    with place.client(None) as client:
        back = begin(client)
        sign_on = place.application.state.parts.sign_on
        before, sign_on._clock = sign_on._clock, lambda: time.time() + 700
        try:
            answer = client.get(back)
        finally:
            sign_on._clock = before
        assert answer.status_code == 403
        assert "too long ago" in answer.json()["detail"]


@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "somebody else"},
        {"aud": [CLIENT, "somebody else"]},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"email": None},
        {"email": ["a"]},
        {"email_verified": False},
        {"roles": ["strangers"]},
        {"roles": None},
        {"roles": {"bosses": True}},
    ],
)
def test_a_token_that_does_not_hold_opens_nothing(place, issuer, lies):
    issuer.lies = lies
    with place.client(None) as client:
        assert client.get(begin(client)).status_code == 403
        assert client.get("/v1/session").status_code == 401
    assert place.store.audits("default")["items"][0]["action"] == "login refused"


@pytest.mark.parametrize("forged", ["another key", "shared secret"])
def test_a_signature_of_somebody_else_opens_nothing(place, issuer, forged):
    if forged == "another key":
        issuer.signs_with = jwk.RSAKey.generate_key(2048, {"kid": "1"}, private=True)
    else:  # what both know is no signature: only public keys count
        issuer.signs_with, issuer.header = jwk.OctKey.import_key(SECRET), {"alg": "HS256"}
    with place.client(None) as client:
        assert client.get(begin(client)).status_code == 403


def test_a_user_with_a_password_cannot_be_taken_over(place, issuer):
    issuer.claims["email"] = "admin"
    with place.client(None) as client:
        assert client.get(begin(client)).status_code == 403
        assert client.post("/v1/session", json={"name": "admin", "password": PASSWORD}).status_code == 200


def test_a_user_of_the_issuer_has_no_password_to_guess(place, issuer):
    issuer.claims["email"] = "grace@example.com"
    with place.client(None) as client:
        client.get(begin(client))
    with place.client(None) as client:
        for password in ("", "x" * 12):
            answer = client.post("/v1/session", json={"name": "grace@example.com", "password": password})
            assert answer.status_code == 401


def test_an_issuer_that_is_away_is_said_to_be(tmp_path):
    oidc = {"issuer": "http://127.0.0.1:9", "client_id": CLIENT}
    for site in run(tmp_path, auth={"oidc": oidc}):
        with site.client(None) as client:
            answer = client.get("/v1/session/oidc")
        assert answer.status_code == 503
        assert "does not answer" in answer.json()["detail"]


def test_whoever_wants_to_sign_in_is_told_how(place):
    with place.client(None) as client:
        assert client.get("/v1/session/ways").json() == {"password": True, "single_sign_on": "single sign-on"}
