"""The dashboard in a real browser, over the real application: Debian's Chromium, driven by Playwright.

Every page at two widths and in two themes; whatever the browser complains of fails the test.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from affekt.view.palette import PAINTS, ink, luminance

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test installs it")
from playwright.sync_api import Browser, Page, expect, sync_playwright

dashboard_app = pytest.importorskip("dashboard_app", reason="the service's extra is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt install chromium")
WIDE, NARROW = (1280, 900), (390, 844)
PAGES = ("wall", "inbox", "history", "upload", "mic", "system", "admin")
ADMIN = ("users", "api-keys", "ingest-tokens", "expected-calls", "destinations", "deliveries", "tenants", "audit-log")
EVIL = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">'
AXE = "4.14.1"


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[dashboard_app.Service]:
    with dashboard_app.serve(tmp_path_factory.mktemp("service")) as one:
        heard = [dashboard_app.example()]
        told = dashboard_app.scene(heard, 5, now=time.time(), days=4)
        told += dashboard_app.messages(
            dashboard_app.repeated(heard[0], 12), "evil", time.time() - 60.0, agent=EVIL, queue=EVIL
        )
        one.tell(*told)
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield one
        one.close()


class Visit:
    """A tab that is signed in, and what its browser complained of."""

    def __init__(self, browser: Browser, url: str, size: tuple[int, int], **more) -> None:
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **more)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.url, self.wrong, self.expected = url, [], {401}
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("response", self._answered)

    def _said(self, message) -> None:
        expected = any(f"status of {status}" in message.text for status in self.expected)
        if message.type in ("error", "warning") and not expected:
            self.wrong.append(message.text)

    def _answered(self, response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.wrong.append(f"{response.status} {response.url}")

    def sign_in(self, name: str = "ada") -> Visit:
        self.page.goto(self.url)
        self.page.fill("#login-name", name)
        self.page.fill("#login-password", dashboard_app.PASSWORD)
        self.page.click("button[type=submit]")
        self.page.wait_for_selector("nav")
        self.expected = set()
        return self

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.url}/#/{path}")
        self.page.wait_for_selector(f"[data-page={path.split('/')[0]}] h1")
        return self.page

    def close(self) -> None:
        self.context.close()
        assert self.wrong == []


@pytest.fixture
def visit(browser, service) -> Iterator[Visit]:
    one = Visit(browser, service.url, WIDE).sign_in()
    yield one
    one.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    """axe-core (MPL-2.0), for the tests alone: it is fetched, and no part of this package."""
    given = os.environ.get("AFFEKT_AXE")
    if given:
        return Path(given).read_text("utf-8")
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if npm is None:
        pytest.skip("npm is not installed, and AFFEKT_AXE names no axe.min.js")
    done = subprocess.run([npm, "pack", f"axe-core@{AXE}"], cwd=folder, capture_output=True, check=False, timeout=120)
    if done.returncode:
        pytest.skip("axe-core cannot be fetched from npm, and AFFEKT_AXE names no axe.min.js")
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        return packed.extractfile("package/axe.min.js").read().decode()


# Every page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_page_opens_and_fits(browser, service, size, scheme):
    """No error, no warning, and no scrolling sideways."""
    one = Visit(browser, service.url, size, color_scheme=scheme).sign_in()
    for path in everything(service):
        page = one.go(path)
        page.wait_for_timeout(50)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size[0], f"{path} is {wide} wide"
    one.close()


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide-light", "narrow-dark"])
def test_axe_finds_no_fault(browser, service, axe, size, scheme):
    """Labels, contrast, roles, order of headings."""
    one, faults = Visit(browser, service.url, size, color_scheme=scheme, bypass_csp=True).sign_in(), []
    one.page.evaluate(axe)
    for path in everything(service):
        page = one.go(path)
        page.wait_for_timeout(50)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        faults += [(path, fault["id"], fault["nodes"][0]["html"][:200]) for fault in found["violations"]]
    one.close()
    assert not faults, "\n".join(map(str, faults))


def everything(service: dashboard_app.Service) -> list[str]:
    call = service.hub.snapshot("default")["calls"][0]["id"]
    return [*PAGES, f"calls/{call}", *(f"admin/{part}" for part in ADMIN)]


def test_the_sign_in_page_has_no_fault_and_says_what_is_wrong(browser, service, axe):
    one = Visit(browser, service.url, NARROW, bypass_csp=True)
    one.page.goto(service.url)
    one.page.fill("#login-name", "ada")
    one.page.fill("#login-password", "wrong")
    one.page.click("button[type=submit]")
    expect(one.page.locator(".wrong")).to_be_visible()
    one.page.evaluate(axe)
    assert one.page.evaluate("axe.run()")["violations"] == []
    one.close()


def test_what_comes_from_outside_is_text(visit, service):
    """An agent called <script> is shown as that, on every page, and does nothing."""
    page = visit.go("wall")
    expect(page.locator(".card .name", has_text="<script>").first).to_be_visible()
    page.locator(".card", has_text="<script>").first.click()
    expect(page.locator("h1")).to_contain_text("<script>")
    visit.go("inbox").get_by_role("button", name="All").click()
    expect(page.locator(".inbox-list")).to_contain_text("<script>")
    expect(visit.go("history").locator("#main")).to_contain_text("<script>")
    assert page.evaluate("window.hacked") is None


# The wall ---------------------------------------------------------------------------------------------------------


def test_the_wall_shows_what_the_hub_has_and_follows_it(visit, service):
    page = visit.go("wall")
    calls = service.hub.snapshot("default")["calls"]
    expect(page.locator(".card")).to_have_count(len(calls))
    service.tell(*dashboard_app.messages((), "short", time.time(), agent="Zora Neu")[:1])
    card = page.locator(".card", has_text="Zora Neu")
    expect(card).to_be_visible()
    expect(card).to_contain_text("not judged")
    service.tell(dashboard_app.messages((), "short", time.time() - 2.0)[-1])
    expect(card).to_have_count(0)


def test_a_firing_alert_comes_first_and_is_said_once(visit, service):
    page = visit.go("wall")
    told = dashboard_app.messages(dashboard_app.repeated(dashboard_app.example(), 2), "urgent", time.time() - 30.0)
    told[0]["agent"] = "Urgent One"
    service.tell(*[message for message in told if message["at"] < time.time() and message["type"] != "call.ended"])
    expect(page.locator(".card.hot .firing").first).to_be_visible()
    expect(page.locator(".wall .card").first).to_have_class("card hot")
    expect(page.locator("#said")).to_contain_text("alert")
    assert page.locator("[aria-live]").count() <= 2, "numbers that move are no live regions"
    service.tell({**told[-1], "at": time.time()})


def test_what_is_uncertain_is_drawn_so(visit, service):
    """Hatched, with a question mark, and the word says so too."""
    page = visit.go("wall")
    mood = {"emotion": "fear", "levels": {"fear": 0.4}, "uncertain": True, "trend": {}, "speaker": "in"}
    event = {"type": "mood", "time": 2.0, "at": 2.0, "valence": 0.0, "arousal": 0.0, "dominance": 0.0, **mood}
    told = dashboard_app.messages((event,), "unsure", time.time() - 3.0, agent="Una Sicher")
    service.tell(*told[:2])
    card = page.locator(".card", has_text="Una Sicher")
    expect(card.locator(".swatch.unsure")).to_have_text("?")
    expect(card.locator(".mood")).to_contain_text("fear ?")
    service.tell(told[-1])


def test_the_wall_can_be_filtered_and_walked_by_keys(visit):
    page = visit.go("wall")
    page.fill("input[type=search]", "Ada")
    expect(page.locator(".card:visible")).to_have_count(1)
    page.fill("input[type=search]", "")
    page.locator("h1").click()
    page.keyboard.press("j")
    expect(page.locator(".card:focus")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-page=calls]")


# One call ---------------------------------------------------------------------------------------------------------


def test_a_call_shows_its_turns_and_never_an_agents_emotion(visit, service):
    row = next(row for row in service.store.calls("default")["items"] if row["external"].startswith("past-"))
    page = visit.go(f"calls/{row['id']}")
    page.locator("summary").click()
    rows = page.locator("tbody tr")
    turns = service.store.call("default", row["id"])["turns"]
    expect(rows).to_have_count(len(turns))
    agents = rows.filter(has_text="agent")
    assert agents.count() == sum(turn["role"] == "agent" for turn in turns)
    assert all("talk time only" in text for text in agents.all_inner_texts())
    page.locator(".chart").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".told")).to_contain_text("–")


def test_a_note_and_a_consent_reach_the_service(visit, service):
    id = next(call["id"] for call in service.hub.snapshot("default")["calls"] if call["agent"] == "Bruno Silva")
    page = visit.go(f"calls/{id}")
    page.fill("textarea", "Called back & <b>calm</b>")
    page.click("text=Add note")
    expect(page.locator(".notes li")).to_contain_text("Called back & <b>calm</b>")
    page.get_by_role("button", name="refused").click()
    expect(page.get_by_role("button", name="refused")).to_have_attribute("aria-pressed", "true")
    sent = {"type": "consent", "call": id, "state": "refused"}
    assert any(sent.items() <= command.items() for command in service.calls.sent)


# Alerts -----------------------------------------------------------------------------------------------------------


def test_alerts_are_worked_off_with_the_keyboard(visit, service):
    facts = {"rule": "sustained", "speaker": "in", "reason": "anger at 0.80", "start": 1.0, "end": 2.0}
    event = {"type": "alert.firing", "time": 2.0, "state": "firing", "snr": None, **facts}
    told = [dashboard_app.messages((event,), f"work-{i}", time.time() - 5.0, agent="Wim") for i in range(3)]
    service.tell(*(message for call in told for message in call[:2]))
    page = visit.go("inbox")
    page.get_by_role("button", name="New").click()
    expect(page.locator(".item", has_text="Wim")).to_have_count(3)
    page.locator("h1").click()
    first = page.locator(".item.chosen").get_attribute("id")
    page.keyboard.press("j")
    chosen = page.locator(".item.chosen").get_attribute("id").removeprefix("alert-")
    assert f"alert-{chosen}" != first
    page.wait_for_selector(".inbox-detail button:has-text('Acknowledge')")
    page.keyboard.press("a")
    expect(page.locator(f"#alert-{chosen}")).to_have_count(0)
    assert service.store.alert("default", chosen)["state"] == "acknowledged"
    page.keyboard.press("n")
    page.keyboard.type("Seen it, j k a")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".inbox-detail .notes", has_text="Seen it")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_be_visible()


def test_a_delivery_leads_to_its_alert(visit, service):
    """Messages about an alert link to #/alerts/ID, however old it is."""
    alert = service.store.alerts("default", limit=50)["items"][-1]
    page = visit.go(f"alerts/{alert['id']}")
    expect(page.locator(".inbox-detail .reason")).to_have_text(alert["reason"])
    expect(page.locator(".inbox-detail .facts")).to_contain_text(alert["agent"])


def test_a_viewer_is_offered_nothing_that_a_viewer_may_not(browser, service):
    one = Visit(browser, service.url, WIDE).sign_in("vic")
    page = one.go("inbox")
    page.get_by_role("button", name="All").click()
    page.wait_for_selector(".item")
    assert page.get_by_role("button", name="Acknowledge").count() == 0
    assert page.locator("nav a[data-path=admin]").count() == 0
    one.close()


# History, files, administration -----------------------------------------------------------------------------------


def test_history_finds_and_compares_days(visit, service):
    page = visit.go("history")
    expect(page.locator(".days li").first).to_be_attached()
    days = {row["day"] for row in service.store.trends("default", time.time() - 30 * 86400, time.time())}
    assert page.locator(".days li").count() == len(days)
    page.fill("input[name=q]", "no such call at all")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".empty")).to_contain_text("No call found")
    page.fill("input[name=q]", "")
    page.select_option("select[name=emotion]", "anger")
    page.get_by_role("button", name="Search").click()
    rows = service.store.calls("default", emotion="anger")["items"]
    expect(page.locator("table.calls tbody tr")).to_have_count(len(rows))


def test_a_file_is_seen_and_heard(visit):
    page = visit.go("upload")
    page.select_option("#agent", "right")
    page.set_input_files("#file", dashboard_app.EXAMPLE)
    page.wait_for_selector(".chart", timeout=60_000)
    expect(page.get_by_text("Emotions, share of the judged speech")).to_be_visible()
    page.get_by_role("button", name="Play").click()
    position = "document.querySelector('audio').currentTime"
    for _ in range(100):
        if page.evaluate(position) > 0.3:
            break
        page.wait_for_timeout(50)
    page.get_by_role("button", name="Pause").click()
    page.locator(".chart").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".told")).to_contain_text("left")
    assert abs(page.evaluate(position) - 3.7) < 1.0, "the sound goes where the chosen turn begins"


def test_a_file_that_is_none_gets_a_sentence(visit, tmp_path):
    bad = tmp_path / "notes.wav"
    bad.write_text("no sound at all")
    page = visit.go("upload")
    page.set_input_files("#file", bad)
    expect(page.locator(".empty")).to_contain_text("notes.wav")


def test_an_admin_adds_and_removes_a_user_and_sees_a_key_once(visit, service):
    page = visit.go("admin/users")
    page.get_by_label("Name", exact=True).fill("newcomer")
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("tbody")).to_contain_text("newcomer")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove newcomer").click()
    expect(page.locator("tbody")).not_to_contain_text("newcomer")
    page = visit.go("admin/api-keys")
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_role("button", name="Add").click()
    key = page.locator(".once input").input_value()
    assert key.startswith("afk_")
    visit.go("admin/users")
    assert key not in visit.go("admin/api-keys").content()


def test_a_destination_asks_for_what_its_kind_needs(visit, service):
    page = visit.go("admin/destinations")
    expect(page.get_by_label("URL", exact=True)).to_be_visible()
    expect(page.get_by_label("Mail server")).to_be_hidden()
    page.select_option("select[name=kind]", "email")
    expect(page.get_by_label("URL", exact=True)).to_be_hidden()
    page.get_by_label("Name", exact=True).fill("desk")
    page.get_by_label("Mail server").fill("mail.example.com")
    page.get_by_label("From").fill("affekt@example.com")
    page.get_by_label("To, parted by commas").fill("a@example.com, b@example.com")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("tbody")).to_contain_text("mail.example.com")
    (kept,) = service.store.destinations("default")
    assert kept["settings"]["recipients"] == ["a@example.com", "b@example.com"]


def test_a_theme_can_be_chosen_and_stays(visit):
    page = visit.go("wall")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Change the theme").click()
    page.get_by_role("button", name="Change the theme").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    page.wait_for_selector(".card")
    assert page.evaluate(ground) == dark


def test_who_signs_out_sees_nothing_more(visit):
    page = visit.go("wall")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#login-name")).to_be_visible()
    assert page.locator("nav").count() == 0


# The microphone ---------------------------------------------------------------------------------------------------


class Ear:
    """An ingest port with the real codec behind it; it keeps what it was told."""

    def __init__(self) -> None:
        self.events, self.port, self.loop = [], 0, None
        self.started = threading.Event()

    async def run(self) -> None:
        import picows

        from affekt.service.gateway.events import Request
        from affekt.service.gateway.protocols.affekt import Codec

        ear = self

        class Listener(picows.WSListener):
            def on_ws_connected(self, transport) -> None:
                self.codec = Codec(Request("/v1/ingest/affekt"))

            def on_ws_frame(self, transport, frame) -> None:
                if frame.msg_type == picows.WSMsgType.TEXT:
                    ear.events.extend(self.codec.feed(frame.get_payload_as_utf8_text()))
                elif frame.msg_type == picows.WSMsgType.BINARY:
                    ear.events.extend(self.codec.feed(frame.get_payload_as_bytes()))

        server = await picows.ws_create_server(lambda _: Listener(), "127.0.0.1", 0)
        self.port, self.loop = server.sockets[0].getsockname()[1], asyncio.get_running_loop()
        self.stop = asyncio.Event()
        self.started.set()
        await self.stop.wait()
        server.close()


def test_the_microphone_speaks_our_protocol(visit):
    """Frames of a real browser, read by the real codec: 16 kHz, one after the other, without a gap."""
    ear = Ear()
    thread = threading.Thread(target=asyncio.run, args=(ear.run(),), daemon=True)
    thread.start()
    assert ear.started.wait(10)
    page = visit.go("mic")
    page.fill("#mic-url", f"ws://127.0.0.1:{ear.port}/v1/ingest/affekt")
    page.get_by_role("button", name="Start").click()
    deadline = time.monotonic() + 20
    while len(ear.events) < 60 and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_timeout(400)
    ear.loop.call_soon_threadsafe(ear.stop.set)
    thread.join(10)
    kinds = [type(event).__name__ for event in ear.events]
    assert kinds[0] == "Started"
    assert kinds[-1] == "Ended"
    sound = [event for event in ear.events if type(event).__name__ == "Audio"]
    assert "Violation" not in kinds
    assert len(sound) >= 50
    assert {piece.rate for piece in sound} == {16000}
    assert all(b.start == a.start + len(a.samples) for a, b in pairwise(sound))


# Colours ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAINTS)
def test_the_letter_of_an_emotion_can_be_read_on_its_colour(name):
    """WCAG 2 AA for bold text on both grounds: a ratio of 4.5."""
    for fill in (PAINTS[name].light, PAINTS[name].dark):
        low, high = sorted((luminance(fill), luminance(ink(fill))))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_delta_means_in_the_browser_what_it_means_in_python(visit, service):
    """`merged` of live.js and of the hub, on the same state and the same delta."""
    from affekt.service.control.hub import merged

    before = {"calls": [{"id": "c", "paused": False, "points": [[1.0], [2.0]]}, {"id": "d", "points": []}]}
    before |= {"load": {}, "alerts_open": 0}
    delta = {"calls": [{"id": "c", "points": [[float(i)] for i in range(3, 200)]}, {"id": "e", "agent": "x"}]}
    delta |= {"ended": ["d"], "alerts": [], "alerts_open": 2, "load": {"level": 1}}
    script = """async ([before, delta]) => {
        const path = document.querySelector('script[type=module]').src.replace('app.js', 'live.js');
        const { merged } = await import(path);
        const calls = new Map(before.calls.map((call) => [call.id, call]));
        const state = { calls, load: before.load, open: before.alerts_open };
        const now = merged(state, delta);
        return { calls: [...now.calls.values()], load: now.load, alerts_open: now.open };
    }"""
    page = visit.go("wall")
    assert page.evaluate(script, [before, delta]) == json.loads(json.dumps(merged(before, delta)))
