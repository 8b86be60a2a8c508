"""What was recorded of a call is heard by those who may, and each listening is written down."""

from __future__ import annotations

import io

import numpy as np
import soundfile
from control_site import call

from affekt.service.store import Vault


def test_a_recording_is_heard_and_that_is_written_down(site, tmp_path, monkeypatch):
    call(site.store, "recorded")
    vault = Vault(tmp_path, bytes(32))
    monkeypatch.setattr(site.store, "vault", vault)
    sound = (np.arange(9000) % 1000).astype(np.int16)
    about = {"rate": 8000, "start": 0, "role": "customer"}
    with vault.recorder("default", "recorded", "s/customer/0", about=about) as recorder:
        recorder.write(sound.tobytes())
    with site.client("supervisor") as client:
        (one,) = client.get("/v1/calls/recorded/recordings").json()["items"]
        assert (one["role"], one["seconds"], one["whole"]) == ("customer", 1.125, True)
        answer = client.get("/v1/calls/recorded/recordings/0")
        heard, rate = soundfile.read(io.BytesIO(answer.content), dtype="int16")
        assert (rate, np.array_equal(heard, sound)) == (8000, True)
        assert client.get("/v1/calls/recorded/recordings/1").status_code == 404
        assert client.get("/v1/calls/nobody/recordings").status_code == 404
    assert site.store.audits("default", action="recording heard")["items"][0]["what"] == "recorded"
    for role in ("viewer", "auditor"):
        with site.client(role) as client:
            assert client.get("/v1/calls/recorded/recordings/0").status_code == 403


def test_where_nothing_is_recorded_there_is_nothing(site):
    call(site.store, "silent")
    with site.client("supervisor") as client:
        assert client.get("/v1/calls/silent/recordings").json()["items"] == []
