// All calls that go on, the hottest first.

import { clock, counted, empty, fill, h, head, percent, spoken, text, typing, words } from "./dom.js";
import { calm, onTheme, order, swatch, tint, word } from "./paint.js";
import { strip } from "./spark.js";

const RESORT = 2000; // ms between two changes of the order: a wall that jumps cannot be read

export function mount(root, { live }) {
  const facts = h("p.soft"), search = h("input", { type: "search", placeholder: "Agent, queue or call", "aria-label": "Filter the calls" });
  const only = h("input", { type: "checkbox" });
  const mix = h("div.mix", { role: "img" }), grid = h("div.wall"), none = h("div");
  const strain = h("p.notice", { hidden: true });
  fill(root, head("Live calls", facts, search, h("label.check", only, "with alerts")), mix, strain, none, grid);
  const cards = new Map();
  let sorted = 0, dirty = true, held = false;

  search.addEventListener("input", () => { dirty = true; sort(true); });
  only.addEventListener("change", () => { dirty = true; sort(true); });
  grid.addEventListener("pointerenter", () => { held = true; });
  grid.addEventListener("pointerleave", () => { held = false; });
  const keys = (event) => {
    if (typing(event.target) || !["j", "k"].includes(event.key)) return;
    const shown = [...grid.children].filter((card) => !card.hidden), at = shown.indexOf(document.activeElement);
    shown[Math.min(shown.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))]?.focus();
  };
  document.addEventListener("keydown", keys);

  function update(state, change) {
    for (const id of change?.snapshot ? [...cards.keys()] : change?.ended ?? []) {
      if (!state.calls.has(id)) { cards.get(id)?.element.remove(); cards.delete(id); dirty = true; }
    }
    const fresh = change ? change.calls : state.calls.values();
    for (const { id } of fresh) {
      const call = state.calls.get(id);
      if (!call) continue;
      if (!cards.has(id)) { cards.set(id, card(id)); grid.append(cards.get(id).element); }
      cards.get(id).show(call);
      dirty = true;
    }
    overview(state);
    sort(cards.size < 2);
  }

  function overview(state) {
    const calls = [...state.calls.values()], judged = calls.filter((call) => call.emotion && !call.uncertain);
    text(facts, `${counted(calls.length, "call")} · ${state.open ? `${counted(state.open, "alert")} firing` : "no alert fires"}`);
    const shares = order.map((name) => [name, judged.filter((call) => call.emotion === name).length]).filter(([, n]) => n);
    const rest = calls.length - judged.length;
    mix.hidden = !calls.length;
    mix.setAttribute("aria-label", [...shares.map(([name, n]) => `${name} ${n}`), rest ? `uncertain or not judged ${rest}` : ""].filter(Boolean).join(", "));
    fill(mix, shares.map(([name, n]) => part(name, n)), rest ? h("span.rest", { style: { "flex-grow": rest } }, h("b", `? ${rest}`)) : null);
    strain.hidden = !(state.load?.level > 0);
    text(strain, `Load level ${state.load?.level}: ${state.load?.why ?? ""}`);
    const nothing = !calls.length;
    if (nothing !== Boolean(none.firstChild)) fill(none, nothing ? empty("No call goes on", "Calls appear here as soon as a platform connects to the ingest port; the Microphone page makes one at once.") : null);
  }

  function part(name, n) {
    const shown = h("span", { style: { "flex-grow": n }, title: `${name}: ${counted(n, "call")}` }, swatch(name), h("b", `${n}`), h("span.mix-name", name));
    shown.classList.add(tint(name));
    return shown;
  }

  function sort(now = false) {
    if (!dirty || (!now && (held || grid.contains(document.activeElement) || Date.now() - sorted < RESORT))) return;
    dirty = false;
    sorted = Date.now();
    const asked = search.value.trim().toLowerCase();
    for (const { element, call } of cards.values()) {
      const named = [call.agent, call.queue, call.id, call.direction].join(" ").toLowerCase();
      element.hidden = !named.includes(asked) || (only.checked && !call.alerts.length);
    }
    const rank = ({ call }) => [-call.alerts.length, -Math.round(call.heat * 20), call.started, call.id];
    const wanted = [...cards.values()].sort((a, b) => compare(rank(a), rank(b))).map(({ element }) => element);
    if (wanted.every((element, i) => grid.children[i] === element)) return;
    moved(grid, () => wanted.forEach((element, i) => { if (grid.children[i] !== element) grid.insertBefore(element, grid.children[i] ?? null); }));
  }

  const seconds = (call) => Math.max(call.time, (live.now() - new Date(call.started).getTime()) / 1000);
  const tick = () => {
    for (const one of cards.values()) if (!one.element.hidden && visible(one.element)) one.tick(seconds(one.call));
    sort();
  };
  const off = live.on(update), clean = onTheme(tick);
  update(live.state, null);
  tick();
  const ticking = setInterval(tick, calm.matches ? 2000 : 500);
  return () => { off(); clean(); clearInterval(ticking); document.removeEventListener("keydown", keys); };
}

function visible(element) {
  const box = element.getBoundingClientRect();
  return box.bottom > -200 && box.top < innerHeight + 200;
}

function compare(one, other) {
  const at = one.findIndex((value, i) => value !== other[i]);
  return at < 0 ? 0 : one[at] < other[at] ? -1 : 1;
}

// Cards glide to their new places, unless less motion is wished.
function moved(grid, change) {
  const cards = [...grid.children], before = new Map(cards.map((card) => [card, card.getBoundingClientRect()]));
  change();
  if (calm.matches) return;
  for (const card of cards) {
    const from = before.get(card), to = card.getBoundingClientRect(), dx = from.left - to.left, dy = from.top - to.top;
    if (from.width && (dx || dy)) card.animate([{ transform: `translate(${dx}px, ${dy}px)` }, { transform: "none" }], { duration: 260, easing: "ease-out" });
  }
}

function card(id) {
  const name = h("strong.name"), about = h("span.soft.about"), time = h("span.time");
  const mood = h("div.mood"), level = h("b.level"), sure = h("span.soft"), trend = h("span.trend");
  const speaks = h("span.speaks"), canvas = h("canvas", { "aria-hidden": "true" }), talk = h("span.soft"), flags = h("span.flags");
  const bar = h("div.talk", { "aria-hidden": "true" }), alert = h("p.firing", { hidden: true });
  const element = h("a.card", { href: `#/calls/${encodeURIComponent(id)}` },
    h("div.row", name, about, time), h("div.row", mood, level, sure, trend), canvas, alert, bar, h("div.row.foot", speaks, talk), flags);
  const own = { element, call: null };
  let shown = "";
  own.show = (call) => {
    own.call = call;
    text(name, call.agent ?? "Unknown agent");
    text(about, [call.queue, call.direction === "out" ? "outbound" : null].filter(Boolean).join(" · "));
    const key = `${call.emotion}/${call.uncertain}`;
    if (key !== shown) fill(mood, swatch(call.emotion, call.uncertain), h("span", word(call.emotion, call.uncertain)));
    shown = key;
    text(level, call.level == null ? "" : percent(call.level));
    level.title = "smoothed probability of this emotion";
    text(sure, call.confidence == null ? "" : `sure ${percent(call.confidence)}`);
    sure.title = "calibrated probability that the emotion of the last window is right";
    text(trend, arrow(call.trend));
    trend.title = call.trend == null ? "" : "whether the urgent emotions rise or fall";
    speaking(speaks, call);
    shares(call, bar, talk);
    const marked = flagged(call);
    flags.hidden = !marked.length;
    fill(flags, marked.map((flag) => h("span.flag", flag)));
    const firing = call.alerts.filter((one) => one.state === "firing"), open = firing[0] ?? call.alerts[0];
    element.classList.toggle("hot", firing.length > 0);
    alert.hidden = !open;
    if (open) text(alert, `${open.state === "firing" ? "⚠" : "✓"} ${words(open.rule)}: ${open.reason}`);
  };
  own.tick = (now) => {
    text(time, clock(now));
    strip(canvas, own.call, now);
  };
  return own;
}

const arrow = (trend) => (trend == null ? "" : trend > 0.02 ? "↗ rising" : trend < -0.02 ? "↘ easing" : "");

function speaking(element, call) {
  text(element, spoken(call));
  element.classList.toggle("on", call.speaking.length > 0 && !call.paused);
}

function shares(call, bar, label) {
  const total = Object.values(call.talk).reduce((sum, seconds) => sum + seconds, 0);
  const named = Object.entries(call.talk).map(([who, seconds]) => [call.tracks[who] ?? who, seconds]);
  fill(bar, named.map(([role, seconds]) => h(role === "agent" ? "i.agent" : "i", { style: { "flex-grow": total ? seconds : 1 } })));
  text(label, total ? named.map(([role, seconds]) => `${role} ${percent(seconds / total)}`).join(" · ") : "no talk yet");
}

function flagged(call) {
  return [
    call.paused ? "on hold" : null,
    call.consent === "refused" ? "consent refused" : call.consent === "unknown" ? "consent ?" : null,
    call.gaps >= 0.5 ? `${call.gaps.toFixed(1)} s lost` : null,
    call.skipped ? `${call.skipped} skipped` : null,
  ].filter(Boolean);
}
