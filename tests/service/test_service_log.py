"""The rules of `affekt.service.log`: no line holds a secret or a telephone number, whoever wrote it."""

from __future__ import annotations

import ast
import io
import json
import logging
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import affekt
from affekt.errors import UnknownNameError
from affekt.service import log

SERVICE = Path(affekt.__file__).parent / "service"
SECRETS = {
    "Authorization: Bearer {}": "afk_9f8e7d6c5b4a39281706",
    "authorization=Basic {}": "dXNlcjpodW50ZXIyCg==",
    "[(b'authorization', b'Bearer {}'), (b'host', b'x')]": "afk_9f8e7d6c5b4a",
    "Cookie: affekt_session={}; theme=dark": "Zm9vYmFyYmF6cXV4",
    "Set-Cookie: affekt_session={}; HttpOnly": "Zm9vYmFyYmF6",
    "{{'cookie': '{}'}}": "a=b7c8d9",
    "key {} was used": "afk_AbCdEf012345",
    "signing with {}": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "GET /v1/ingest/twilio?token={}&x=1": "q1w2e3r4t5",
    "X-Twilio-Signature: {}": "0/KCTR6DLpKmkAf8muzZqo1nDgQ=",
    "connect postgresql+pg8000://affekt:{}@db:5432/affekt": "hunter2",
    "AFFEKT_ADMIN_PASSWORD={}": "correct-horse",
    "settings {{'client_secret': '{}'}}": "s9df8g7",
    "POST https://hooks.slack.com{}": "/services/T000/B000/XXXXsecretXXXX",
    "id token {}": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "call from {}": "+4930901820",
    "call from {} ended": "+1 (415) 555-0132",
    "from={}.": "+14155550132",
    "number {}": "030 901820-12",
    "caller {}, callee": "14155550132",
    "dial {} now": "415-555-0132",
    "INVITE <{}>": "sip:alice@example.org",
    "?From=%2B{}&x": "14155550132",
}
PLAIN = [
    "call 1b4e28ba-2fa1-11d2-883f-0016d3cca427 started",
    "window judged in 0.0125 s at 1796009035.521 on 10.12.0.7:8001",
    "2026-11-30T03:18:36.123Z load level 2, hop 1.5 s, 256 calls, 48000 Hz",
    "GET /v1/calls/1b4e28ba-2fa1-11d2-883f-123456789012 200 12 ms",
    "[::1]:8000 model default@1 0.1.0 of 2026-11-30",
]


@pytest.fixture
def line():
    """Log with the configuration given, and get back what was written."""
    before = logging.root.handlers[:], logging.root.level, sys.excepthook, logging.raiseExceptions

    def write(form: str, **more) -> io.StringIO:
        stream = io.StringIO()
        log.configure("info", form=form, process="control", stream=stream, **more)
        return stream

    yield write
    logging.root.handlers[:], logging.root.level, sys.excepthook, logging.raiseExceptions = before
    logging.captureWarnings(False)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(("told", "secret"), SECRETS.items())
def test_nothing_secret_is_written(line, form, told, secret):
    """As a message, as an argument, as a field and in a traceback."""
    stream, text = line(form), told.format(secret)
    logger = logging.getLogger("affekt.service.test")
    logger.info(text.replace("%", "%%"))
    logger.info("got %s", text, extra={"detail": text, "deep": {"list": [text]}})
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("failed")
    assert stream.getvalue().count("affekt.service.test") == 3
    assert secret not in stream.getvalue()
    assert secret not in stream.getvalue().replace("\\", "")


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text):
    assert log.redact(text) == text


@given(st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True), st.text("abc ,.()<>'\"/=\n", max_size=8))
def test_a_number_in_the_international_form_never_passes(number, around):
    assert number not in log.redact(f"{around} {number}{around}")
    assert number[1:] not in log.redact(f"{around} {number[1:]} {around}")


@given(st.uuids().map(str))
def test_the_id_of_a_call_always_passes(call):
    assert log.redact(f"call {call}: ended") == f"call {call}: ended"


def test_private_fields_are_struck_and_numbers_stay_numbers():
    told = log.fields({"caller": 49, "token": "x", "samples": 48000000, "call": "c", "seconds": 1.5, "ok": True})
    assert told == {"caller": "***", "token": "***", "samples": 48000000, "call": "c", "seconds": 1.5, "ok": True}


def test_json_is_an_object_per_line_with_its_facts(line):
    stream = line("json")
    with log.request() as name:
        logging.getLogger("affekt.x").warning("two\nlines", extra={"call": "c", "count": 12345678, "level": "fake"})
    (text,) = stream.getvalue().splitlines()
    told = json.loads(text)
    assert told["time"].endswith("Z")
    expected = {"level": "warning", "process": "control", "logger": "affekt.x", "message": "two\nlines", "call": "c"}
    assert expected.items() <= told.items()
    assert told["count"] == 12345678
    assert told["request"] == log.redact(name)


def test_what_a_caller_sends_is_no_line_of_its_own(line):
    stream = line("text")
    logging.getLogger("affekt.x").info("bad header %r %s", "a\nb", "x\r\n2026 critical forged\x1b[31m")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(
    ("given_", "kept"), [("0a1b2c3d-proxy", True), ("short", False), ("a" * 65, False), ("a\nb" * 9, False)]
)
def test_an_id_that_came_with_the_request_is_kept_if_it_is_one(given_, kept):
    with log.request(given_) as name:
        assert (name == given_) == kept
    with log.request() as name:
        assert uuid.UUID(name)


def test_a_flood_of_warnings_is_cut_off_and_counted(line, monkeypatch):
    levels: list[str] = []
    stream = line("json", count=levels.append)
    now = [0.0]
    monkeypatch.setattr(log.time, "monotonic", lambda: now[0])
    logger = logging.getLogger("affekt.x")
    for i in range(100):
        logger.warning("violation %s", i)
    logger.warning("another kind")
    assert len(stream.getvalue().splitlines()) == log.BURST + 1
    now[0] += log.SPAN
    logger.warning("violation %s", 100)
    assert json.loads(stream.getvalue().splitlines()[-1])["skipped"] == 100 - log.BURST
    assert len(levels) == 102


def test_no_line_of_a_request_is_left_out(line):
    stream = line("json")
    for i in range(3 * log.BURST):
        logging.getLogger("affekt.x").info("GET /v1/calls %s", i)
    assert len(stream.getvalue().splitlines()) == 3 * log.BURST


def test_a_message_that_does_not_fit_its_arguments_is_told(line):
    stream = line("json")
    logging.getLogger("affekt.x").info("%d calls", "many")
    assert "many" in json.loads(stream.getvalue())["message"]


@pytest.mark.parametrize(
    "piece", ["x-", "token", "0 ", "+1 ", "://a:", "sip:", "authorization", "bearer ", "https://a.", "1", "-"]
)
def test_no_text_makes_it_slow(piece):
    """Every pattern is bounded: what a stranger sends cannot hold the process up."""
    started = time.process_time()
    log.redact(piece * 100000)
    assert time.process_time() - started < 1.0


def test_an_unknown_form_or_level_is_refused():
    with pytest.raises(UnknownNameError, match="log format"):
        log.configure(form="xml")
    with pytest.raises(UnknownNameError, match="log level"):
        log.configure("loud")


def test_an_error_that_nobody_caught_and_a_library_that_talks_are_told_without_secrets():
    """Whole processes: of threads, of warnings, of loggers that had streams of their own."""
    code = (
        "import logging, threading, warnings, sys\n"
        "logging.getLogger('uvicorn').addHandler(logging.StreamHandler(sys.stdout))\n"
        "from affekt.service import log\n"
        "log.configure(form='json', process='control')\n"
        "logging.getLogger('uvicorn').error('Bearer afk_one1')\n"
        "logging.getLogger('uvicorn.access').info('GET /?token=two2')\n"
        "warnings.warn('password=three3')\n"
        "t = threading.Thread(target=lambda: 1 / 0, name='x'); t.start(); t.join()\n"
        "raise ValueError('whsec_four4')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    lines = [json.loads(text) for text in done.stderr.splitlines()]
    assert [one["level"] for one in lines] == ["error", "warning", "critical", "critical"]
    assert "ZeroDivisionError" in lines[2]["traceback"]
    assert not any(word in done.stderr for word in ("one1", "two2", "three3", "four4"))


def test_no_other_module_of_the_service_sets_up_logging():
    """A second stream would have no redaction; that nobody prints, the linter sees to (T20)."""
    for path in SERVICE.rglob("*.py"):
        if path == SERVICE / "log.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            assert name not in {"basicConfig", "dictConfig", "addHandler", "print_exc"}, f"{path}: {name}"
