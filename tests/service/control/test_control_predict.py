"""Recordings over HTTP: each gets a timeline or a problem, and the event loop never waits for a model."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from control_site import run
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.service.control.judging import Judging, Wish
from affekt.service.control.problems import Problem
from affekt.service.control.uploads import _Form

CALL = Path(__file__).parents[3] / "examples" / "call.wav"


def wav(samples: np.ndarray, rate: int = 16000, subtype: str = "FLOAT") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def parts(files: dict[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (name, data)) for name, data in files.items()]


def judged(client: httpx.Client, files: dict[str, bytes], **query: object) -> dict[str, dict]:
    answer = client.post("/v1/predict", files=parts(files), params={"model": "permissive", **query})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["file"] for result in results] == list(files)
    return {result["file"]: result for result in results}


def test_a_call_is_judged_as_the_command_judges_it(site):
    from affekt.recognizer import load

    with site.client("viewer") as client:
        found = judged(client, {"call.wav": CALL.read_bytes()}, agent="right")["call.wav"]["timeline"]
    expected = load("permissive").predict_file(CALL, agent="right").to_dict()
    assert found == expected | {"source": "call.wav"}
    roles = {turn["speaker"]: turn["role"] for turn in found["turns"]}
    assert roles["right"] == "agent"
    assert all(turn["emotion"] is None for turn in found["turns"] if turn["role"] == "agent")


def test_bad_recordings_get_a_problem_each_and_the_others_are_judged(site):
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 0.1, 32000)
    bad = {
        "empty.wav": b"",
        "text.wav": b"Dear diary, this is no recording.",
        "corrupt.wav": b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(range(200)),
        "cut.flac": b"fLaC" + bytes(50),
        "nan.wav": wav(np.full(16000, np.nan)),
        "random.mp3": rng.bytes(5000),
    }
    good = {
        "one sample.wav": wav(np.zeros(1)),
        "stereo.wav": wav(np.stack([noise, -0.5 * noise], axis=1)),
        "8 kHz.wav": wav(noise, 8000, "ULAW"),
    }
    mixed = dict(sum(zip(bad.items(), good.items(), strict=False), ())) | bad | good
    with site.client() as client:
        found = judged(client, mixed)
    for name in bad:
        problem = found[name]["problem"]
        assert problem["status"] == 422, problem
        assert name in problem["detail"]
        assert str(site.folder) not in problem["detail"]
        assert "uploads" not in problem["detail"]
    for name in good:
        assert found[name]["timeline"]["source"] == name
    assert found["stereo.wav"]["timeline"]["channels"] == 2
    assert found["8 kHz.wav"]["timeline"]["rate"] == 8000


def test_nothing_of_an_upload_is_left_behind(site):
    with site.client() as client:
        judged(client, {"a.wav": wav(np.zeros(8000)), "b.txt": b"x"})
        client.post("/v1/predict", files=parts({"a.wav": b"x"}), params={"model": "nobody"})
        client.post("/v1/predict", files=[("other", ("a.wav", b"x"))])
    assert list((site.folder / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    "query",
    [
        {"model": "nobody"},
        {"model": "/etc"},
        {"model": "../bundles/permissive"},
        {"denoise": "magic"},
        {"channel": "middle"},
        {"window": 0.01},
        {"hop": 5, "window": 2},
        {"agent": "left", "channel": "mix"},
    ],
)
def test_a_wrong_call_is_told_before_anything_is_read(site, query):
    with site.client() as client:
        answer = client.post("/v1/predict", files=parts({"a.wav": b""}), params=query)
    assert answer.status_code == 422


def test_an_agent_that_is_not_there_is_a_problem_of_the_recording(site):
    with site.client() as client:
        found = judged(client, {"mono.wav": wav(np.zeros(16000)), "call.wav": CALL.read_bytes()}, agent="left")
    assert "one channel" in found["mono.wav"]["problem"]["detail"]
    assert "timeline" in found["call.wav"]


def test_sizes_and_counts_are_bounded(tmp_path):
    for site in run(tmp_path, predict={"max_bytes": 200_000, "max_files": 2}):
        with site.client() as client:
            large = client.post("/v1/predict", files=parts({"a.wav": bytes(250_000)}))
            many = client.post("/v1/predict", files=parts({f"{i}.wav": b"x" for i in range(3)}))
            none = client.post("/v1/predict", files=[("note", (None, b"hello"))])
        assert [answer.status_code for answer in (large, many, none)] == [413, 413, 422]
        assert list((tmp_path / "uploads").iterdir()) == []


# Jobs -----------------------------------------------------------------------------------------------------------------


def finished(client: httpx.Client, job: str) -> dict:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = client.get(f"/v1/jobs/{job}").json()
        if found["state"] in ("done", "failed"):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_a_long_recording_becomes_a_job_with_the_same_results(site):
    long = wav(np.tile(soundfile.read(CALL)[0], (4, 1)), soundfile.info(CALL).samplerate, "PCM_16")
    assert soundfile.info(io.BytesIO(long)).duration > 60
    with site.client() as client:
        answer = client.post("/v1/predict", files=parts({"long.wav": long}), params={"model": "permissive"})
        assert answer.status_code == 202
        assert answer.headers["location"] == answer.json()["location"]
        found = finished(client, answer.json()["job"])
        assert found["progress"] == 1
        assert found["result"]["results"][0]["timeline"]["duration"] > 60
        assert found["request"]["files"] == ["long.wav"]
        assert "result" not in client.get("/v1/jobs").json()["items"][0]
        assert client.delete(answer.json()["location"]).status_code == 200
        assert client.get(answer.json()["location"]).status_code == 404
    assert list((site.folder / "uploads").iterdir()) == []


def test_a_job_that_runs_can_be_ended_and_the_next_one_runs(site):
    call = soundfile.read(CALL)[0]
    long = wav(np.tile(call, (12, 1)), soundfile.info(CALL).samplerate, "PCM_16")
    query = {"model": "permissive", "hop": 0.1}
    with site.client() as client:
        job = client.post("/v1/predict", files=parts({"long.wav": long}), params=query).json()["job"]
        end = time.monotonic() + 60
        while not 0 < client.get(f"/v1/jobs/{job}").json()["progress"] < 1:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert client.delete(f"/v1/jobs/{job}").status_code == 200
        assert client.get(f"/v1/jobs/{job}").status_code == 404
        assert list((site.folder / "uploads").iterdir()) == []
        answer = client.post("/v1/predict", files=parts({"a.wav": b"x"}), params={"async": True})
        assert finished(client, answer.json()["job"])["state"] == "done"


def test_whoever_asks_for_it_gets_a_job_and_nobody_elses(site):
    with site.client() as client:
        answer = client.post("/v1/predict", files=parts({"a.wav": b"", "b.wav": b"x"}), params={"async": True})
        found = finished(client, answer.json()["job"])
    assert [result["problem"]["status"] for result in found["result"]["results"]] == [422, 422]
    if site.store.tenant("other") is None:
        site.store.tenant_add("other")
    key = site.store.key_add("other", "k", "admin", "test")["key"]
    with site.client(None, Authorization=f"Bearer {key}") as stranger:
        assert stranger.get(f"/v1/jobs/{found['id']}").status_code == 404
        assert stranger.delete(f"/v1/jobs/{found['id']}").status_code == 404


def test_a_job_is_forgotten_after_its_day_and_failed_after_a_restart(tmp_path):
    for site in run(tmp_path, predict={"keep_hours": 1}):
        jobs = site.application.state.parts.jobs
        running = site.store.job_add("default", "predict", "test")["id"]
        site.store.job_update(running, state="running")
        (jobs.folder / "left").mkdir()
        jobs._tidy()
        assert site.store.job("default", running)["state"] == "failed"
        assert list(jobs.folder.iterdir()) == []
        jobs._forget(time.time() - 3600)
        assert site.store.job("default", running) is not None
        jobs._forget(time.time() + 1)
        assert site.store.job("default", running) is None


# The process ----------------------------------------------------------------------------------------------------------


def test_others_are_answered_while_a_recording_is_judged(site):
    """The slowest of many small requests while a model works takes a moment, not as long as the model."""
    took: list[float] = []
    with site.client() as client, site.client() as other:
        asked = {"files": parts({"call.wav": CALL.read_bytes()}), "params": {"model": "permissive", "hop": 0.1}}
        work = threading.Thread(target=client.post, args=("/v1/predict",), kwargs=asked)
        start = time.perf_counter()
        work.start()
        while work.is_alive():
            before = time.perf_counter()
            assert other.get("/v1/health").status_code == 200
            took.append(time.perf_counter() - before)
            time.sleep(0.01)
        whole = time.perf_counter() - start
    assert len(took) > 10
    assert sorted(took)[len(took) // 2] < whole / 10


def test_a_recording_that_kills_its_process_is_given_up_and_the_next_is_judged(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(np.tile(soundfile.read(CALL)[0], (8, 1)), soundfile.info(CALL).samplerate, "PCM_16"))

    async def both() -> list[dict]:
        judging = Judging(waiting=4, longest=60)
        lane, heard = judging._lanes["now"], threading.Event()

        def kill(share: float) -> None:
            if 0 < share < 1 and not heard.is_set():
                heard.set()
                lane._process.kill()

        found = [await judging.judge(path, "a.wav", Wish("permissive", hop=0.1), heard=kill)]
        found.append(await judging.judge(CALL, "b.wav", Wish("permissive")))
        lane._process.kill()  # while it is idle: no fault of the next
        found.append(await judging.judge(CALL, "c.wav", Wish("permissive")))
        judging.stop()
        return found

    dead, alive, after = asyncio.run(both())
    assert dead["problem"]["status"] == 500
    assert "has died" in dead["problem"]["detail"]
    assert alive["timeline"]["duration"] == after["timeline"]["duration"]


def test_a_recording_that_takes_too_long_is_given_up(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(np.zeros(16000)))

    async def one() -> dict:
        judging = Judging(waiting=4, longest=0.01)  # before the process has even begun
        found = await judging.judge(path, "a.wav", Wish("permissive"))
        judging.stop()
        return found

    found = asyncio.run(one())
    assert "given up after 0.01 s" in found["problem"]["detail"]


def test_the_process_knows_no_secret(monkeypatch):
    from affekt.service.control import judging

    monkeypatch.setenv("AFFEKT_SECRET", "c2VjcmV0")
    process = judging._start()
    try:
        environment = Path(f"/proc/{process.pid}/environ")
        if not environment.exists():
            pytest.skip("no /proc here")
        time.sleep(0.2)
        assert b"AFFEKT_SECRET" not in environment.read_bytes()
    finally:
        process.kill()
        process.wait()


def test_too_many_are_told_to_come_back(tmp_path):
    for site in run(tmp_path, predict={"waiting": 1}):
        jobs, lane = site.application.state.parts.jobs, site.application.state.parts.judging._lanes["now"]
        with site.client() as client:
            for what, name in ((jobs, "held"), (lane, "waiting")):
                setattr(what, name, getattr(what, name) + 1)
                answer = client.post("/v1/predict", files=parts({"a.wav": b"x"}))
                setattr(what, name, getattr(what, name) - 1)
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) > 0
            assert client.post("/v1/predict", files=parts({"a.wav": b"x"})).status_code == 200
        assert jobs.held == 0


# Multipart ------------------------------------------------------------------------------------------------------------


@given(
    files=st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=300)), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 2000), max_size=6),
)
@settings(max_examples=60)
def test_the_bytes_of_each_file_arrive_however_they_are_cut(tmp_path_factory, files, cuts):
    folder = tmp_path_factory.mktemp("form")
    request = httpx.Request("POST", "http://x", files=[("files", (name or "x", data)) for name, data in files])
    body = request.read()
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    form = _Form(boundary, folder, 10)
    edges = sorted({0, len(body), *(min(cut, len(body)) for cut in cuts)})
    for start, end in pairwise(edges):
        form.write(body[start:end])
    form.end()
    assert [upload.path.read_bytes() for upload in form.files] == [data for _, data in files]
    assert all(upload.path.parent == folder for upload in form.files)
    assert all(upload.name and upload.name.isprintable() and "/" not in upload.name for upload in form.files)


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_whatever_comes_is_refused_in_words(tmp_path_factory, data):
    from python_multipart.exceptions import FormParserError

    form = _Form(b"edge", tmp_path_factory.mktemp("form"), 10)
    try:
        form.write(b"--edge\r\n" + data)
        form.end()
    except (FormParserError, Problem):
        pass
    finally:
        form.close()
    assert form.files == [] or b"filename" in data


def test_an_upload_that_is_cut_off_is_not_judged(site):
    body = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\nRIFF'
    with site.client() as client:
        answer = client.post(
            "/v1/predict", content=body, headers={"Content-Type": "multipart/form-data; boundary=edge"}
        )
    assert answer.status_code == 400
