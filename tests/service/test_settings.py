"""What `affekt serve` is told: every mistake with its place, and no secret ever shown."""

from __future__ import annotations

import base64
import multiprocessing
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt import config
from affekt.errors import ConfigError
from affekt.service import settings
from affekt.service.settings import Secrets, Serve, explain, load, masked, unlock

SECRET = base64.b64encode(b"k" * 32).decode()


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "serve.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_are_what_the_documents_say():
    serve = load()
    assert (serve.http.host, serve.http.port, serve.ingest.port, serve.ingest.max_calls) == (
        "127.0.0.1",
        8000,
        8001,
        256,
    )
    assert (serve.folder, serve.auth.enabled, serve.privacy.record_audio) == (Path("affekt-data"), True, False)


def test_what_is_written_is_read_back(tmp_path):
    serve = load(
        write(tmp_path, "[http]\nport = 80\norigins = ['https://a.example']\n[engine.rules.sustained]\nhold = 9")
    )
    assert serve.engine.rules == {"sustained": {"hold": 9}}
    assert config.parse(Serve, tomllib.loads(config.dump(serve))) == serve


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[http]\nprot = 1", "http: no key is called 'prot'; did you mean 'port'"),
        ("[http]\nport = 'x'", "http.port: given"),
        ("[http]\nport = 70000", "http: port must be 0 to 65535"),
        ("[http]\ntls_cert = 'a.pem'", "http: tls_cert and tls_key belong together"),
        ("[http]\norigins = ['a.example/x']", "an origin is scheme and host"),
        ("[http]\nhost = '0.0.0.0'\n[auth]\nenabled = false", "auth.enabled = false lets anybody in"),
        ("[http]\nhost = 'affekt.example'\n[auth]\nenabled = false", "auth.enabled = false lets anybody in"),
        ("[ingest]\nport = 8000", "a port each"),
        ("[ingest]\naudiosocket_allow = ['10.0.0.1/8']", "audiosocket_allow"),
        ("[auth.oidc]\nissuer = 'https://a.example'", "auth.oidc: the key 'client_id' is missing"),
        ("[auth.oidc]\nissuer = 'http://a.example'\nclient_id = 'x'", "auth.oidc: issuer must be an https"),
        ("[auth.oidc]\nissuer = 'https://a'\nclient_id = 'x'\nroles = {a = 'king'}", "auth.oidc.roles.a"),
        ("database = 'mysql://x'", "given mysql..."),
        ("[log]\nformat = 'xml'", "log.format"),
    ],
)
def test_each_mistake_has_its_place(tmp_path, text, place):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=r"serve\.toml") as found:
        load(path)
    assert place in str(found.value)
    (told,) = explain(path, {}).mistakes
    assert place in told


def test_check_tells_all_mistakes_at_once(tmp_path):
    text = "drain_second = 1\n[http]\nport = 'x'\nrate = 'y'\n[engine]\nhop = 99\n[log]\nlevel = 'loud'\n"
    check = explain(
        write(tmp_path, text), {"AFFEKT_SECRT": "x", "AFFEKT_SECRET": "short", "AFFEKT_ADMIN_PASSWORD": "x"}
    )
    for place in (
        "drain_second",
        "http.port",
        "http.rate",
        "engine: hop",
        "log.level",
        "AFFEKT_SECRT",
        "AFFEKT_SECRET:",
    ):
        assert any(place in mistake for mistake in check.mistakes), (place, check.mistakes)
    assert len(check.mistakes) == 8
    assert check.plan == ()


def test_two_values_that_contradict_each_other_are_one_mistake_and_hide_no_other(tmp_path):
    text = "[http]\ntls_cert = 'a.pem'\nport = 8001\nhost = '0.0.0.0'\n[auth]\nenabled = false\n"
    found = explain(write(tmp_path, text), {}).mistakes
    assert len(found) == 3
    for word in ("belong together", "lets anybody in", "a port each"):
        assert any(word in mistake for mistake in found)


def test_check_names_what_is_not_there(tmp_path):
    text = "[engine]\nmodel = 'nobody'\nmodels = ['permissive', 'nothing']\nvad = 'ear'\ndenoise = 'magic'\n"
    text += "[engine.rules.sustaine]\n[http]\ntls_cert = 'no.pem'\ntls_key = 'no.key'\n"
    check = explain(write(tmp_path, text), {})
    for place in (
        "engine.model:",
        "engine.models[1]",
        "engine.vad",
        "engine.denoise",
        "engine.rules",
        "http.tls_cert",
        "http.tls_key",
    ):
        assert any(f"serve.toml, {place}" in mistake for mistake in check.mistakes), (place, check.mistakes)
    assert len(check.mistakes) == 7


def test_check_says_what_would_run_and_shows_no_secret(tmp_path):
    url = "postgresql://ada:enigma@db.example/calls?password=hush"
    env = {"AFFEKT_SECRET": SECRET, "AFFEKT_DATABASE_URL": url, "AFFEKT_ADMIN_PASSWORD": "correct horse battery"}
    env |= {"AFFEKT_OIDC_CLIENT_SECRET": "client hush"}
    text = f"folder = '{(tmp_path / 'data').as_posix()}'\n[auth.oidc]\nissuer = 'https://id.example'\nclient_id = 'x'"
    check = explain(write(tmp_path, text), env)
    told = "\n".join(check.lines())
    assert check.mistakes == ()
    for word in (
        "http://127.0.0.1:8000",
        "ws://127.0.0.1:8001",
        "postgresql://***@db.example/calls",
        "https://id.example",
    ):
        assert word in told
    for secret in (SECRET, "enigma", "hush", "correct horse battery", "ada"):
        assert secret not in told
    assert not (tmp_path / "data").exists()  # a check makes nothing


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_who_asks_a_database_is_never_shown(user, password):
    from urllib.parse import quote

    shown = masked(f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@db/calls?a={quote(password)}")
    assert shown == "postgresql://***@db/calls"


# Secrets --------------------------------------------------------------------------------------------------------


def test_the_first_start_makes_a_secret_that_only_its_owner_reads_and_the_next_one_finds_it(tmp_path):
    serve = Serve(folder=tmp_path / "data")
    first = unlock(serve, {})
    assert len(first.secret) == 32
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "data" / "secret").stat().st_mode) == 0o600
    assert unlock(serve, {}) == first
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret"]
    assert repr(first) == "Secrets()"


def _unlocked(folder: Path) -> bytes:
    return unlock(Serve(folder=folder), {}).secret


def test_of_two_that_start_at_once_both_have_the_same_secret(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(_unlocked, [tmp_path / "data"] * 8, chunksize=1)
    assert len(set(found)) == 1


def test_the_environment_wins_over_the_file(tmp_path):
    serve = Serve(folder=tmp_path, database="sqlite:///a.db")
    path = tmp_path / "mine"
    path.write_text(SECRET + "\n")
    assert unlock(serve, {"AFFEKT_SECRET_FILE": str(path)}).secret == b"k" * 32
    env = {"AFFEKT_SECRET": SECRET, "AFFEKT_DATABASE_URL": "postgresql://x/y"}
    assert unlock(serve, env) == Secrets(b"k" * 32, "postgresql://x/y")
    assert not (tmp_path / "secret").exists()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"AFFEKT_SECRET": "hush hush"}, "must be 32 bytes in base64"),
        ({"AFFEKT_SECRET": base64.b64encode(b"short").decode()}, "must be 32 bytes"),
        ({"AFFEKT_SECRET": SECRET, "AFFEKT_SECRET_FILE": "x"}, "both given"),
        ({"AFFEKT_SECRET_FILE": "nowhere"}, "cannot read nowhere"),
        ({"AFFEKT_DATABASE": "x"}, "did you mean 'AFFEKT_DATABASE_URL'"),
        ({"AFFEKT_DATABASE_URL": "mysql://ada:hush@x"}, "AFFEKT_DATABASE_URL: a database is"),
        ({"AFFEKT_ADMIN_PASSWORD": "hush"}, "must have 12 characters"),
    ],
)
def test_a_wrong_variable_is_told_without_its_value(tmp_path, env, said):
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")) as found:
        unlock(Serve(folder=tmp_path), env)
    assert "hush" not in str(found.value)


def test_only_this_module_reads_the_environment():
    """The supervisor hands its own on to its children, whole; nobody else looks into it."""
    folder = Path(settings.__file__).parent
    for path in folder.rglob("*.py"):
        if path != Path(settings.__file__):
            assert not re.search(r"environ\s*(\[|\.get)|getenv", path.read_text(encoding="utf-8")), path
