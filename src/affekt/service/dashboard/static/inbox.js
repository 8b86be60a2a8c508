// Alerts, one after the other, with the keyboard: j k to move, a to acknowledge, s to snooze, n to write a note.

import { get, items, may, post } from "./api.js";
import { evidence, stateOf } from "./call.js";
import { ago, clock, empty, fill, h, head, signed, toast, typing, when, words } from "./dom.js";
import { onTheme } from "./paint.js";
import { proof } from "./spark.js";

const SNOOZE = [["15 minutes", 900], ["1 hour", 3600], ["until the call ends", 86400]];
const VIEWS = [["open", "Open"], ["firing", "New"], ["acknowledged", "Seen"], ["", "All"]];

export async function mount(root, { live, argument }) {
  let state = argument ? "" : "open", list = [], chosen = argument, next = null, drawn = null;
  const tabs = h("div.tabs", { role: "group", "aria-label": "Which alerts" }), side = h("div.inbox-list", { role: "listbox", "aria-label": "Alerts", tabindex: "0" });
  const detail = h("section.inbox-detail", { "aria-label": "The chosen alert", tabindex: "-1" }), more = h("button", { type: "button", hidden: true, onclick: () => load(true) }, "More");
  const count = h("p.soft");
  fill(root, head("Alerts", count, tabs), h("div.inbox", h("div", side, more), detail),
    h("p.keys-line.soft", [["j", "next"], ["k", "previous"], ["a", "acknowledge"], ["s", "snooze"], ["n", "note"], ["Enter", "call"], ["?", "help"]].map(([key, what]) => [h("kbd", key), ` ${what}  `])));

  function showTabs() {
    fill(tabs, VIEWS.map(([value, name]) => h("button", { type: "button", "aria-pressed": String(state === value), onclick: () => { state = value; showTabs(); load(); } }, name)));
  }

  async function load(further = false) {
    const answer = await get("/v1/alerts", { state, limit: 50, cursor: further ? next : null });
    list = further ? [...list, ...items(answer)] : items(answer);
    next = answer.next ?? null;
    more.hidden = !next;
    if (chosen !== argument && !list.some((alert) => alert.id === chosen)) chosen = list[0]?.id ?? null;
    chosen ??= list[0]?.id ?? null;
    showList();
    await showDetail();
  }

  function showList() {
    count.textContent = `${list.length}${next ? "+" : ""} shown`;
    if (!list.length) {
      fill(side, empty(state === "open" ? "All clear" : "None", state === "open" ? "No alert is open. New ones appear here by themselves." : "No alert is in this state."));
      return;
    }
    fill(side, list.map((alert) => {
      const row = h("div.item", { role: "option", id: `alert-${alert.id}`, "aria-selected": String(alert.id === chosen), onclick: () => pick(alert.id, true) },
        h("div.row", h(alert.state === "firing" ? "i.dot.on" : "i.dot", { "aria-hidden": "true" }), h("strong", words(alert.rule)), h("span.time", ago(alert.fired ?? alert.changed))),
        h("p.item-who", alert.agent ?? "Unknown agent", alert.queue ? h("span.soft", ` · ${alert.queue}`) : null), h("p.item-why.soft", alert.reason));
      row.classList.toggle("chosen", alert.id === chosen);
      return row;
    }));
    if (chosen) side.setAttribute("aria-activedescendant", `alert-${chosen}`);
  }

  function pick(id, far = false) {
    chosen = id;
    for (const row of side.children) {
      const own = row.id === `alert-${id}`;
      row.classList.toggle("chosen", own);
      row.setAttribute("aria-selected", String(own));
      if (own) row.scrollIntoView({ block: "nearest" });
    }
    side.setAttribute("aria-activedescendant", `alert-${id}`);
    showDetail().then(() => { if (far && innerWidth < 800) detail.scrollIntoView({ block: "start" }); });
  }

  async function showDetail() {
    if (!chosen) { fill(detail, empty("Nothing chosen")); return; }
    const asked = chosen;
    let alert;
    try { alert = await get(`/v1/alerts/${encodeURIComponent(asked)}`); } catch (problem) { if (asked === chosen) fill(detail, empty("It cannot be shown", problem.message)); return; }
    if (asked === chosen) draw(alert);
  }

  function draw(alert) {
    const open = ["firing", "acknowledged"].includes(alert.state), canvas = h("canvas.proof", { role: "img", "aria-label": "The moods behind this alert" });
    const points = alert.evidence?.points ?? [], before = drawn === alert.id ? document.getElementById("note") : null;
    const writing = document.activeElement === before;
    const snooze = h("select", { "aria-label": "For how long", id: "snooze" }, SNOOZE.map(([name, seconds]) => h("option", { value: String(seconds) }, name)));
    const note = h("textarea", { id: "note", rows: 2, placeholder: "Write a note…", "aria-label": "Write a note", maxlength: 4000 });
    fill(detail,
      h("div.row", stateOf(alert), h("h2", words(alert.rule)), h("span.time", when(alert.fired ?? alert.changed))),
      h("p.reason", alert.reason),
      h("dl.facts", fact("Agent", alert.agent ?? "unknown"), fact("Queue", alert.queue ?? "–"), fact("At", `${clock(alert.time)} of the call`), fact("Speaker", alert.speaker ?? "–"), fact("Model", alert.model ?? alert.evidence?.model ?? "–")),
      points.length ? canvas : null, proofWords(points), evidence(alert),
      h("div.tools", h("a.button", { href: `#/calls/${encodeURIComponent(alert.call)}` }, "Open the call"),
        open && may("supervisor") ? [h("button.primary", { type: "button", disabled: alert.state !== "firing", onclick: acknowledge }, "Acknowledge ", h("kbd", "a")), h("span.joined", h("button", { type: "button", onclick: snoozed }, "Snooze ", h("kbd", "s")), snooze)] : null),
      h("h3", "What happened"), h("ul.notes.inline", (alert.changes ?? []).map((change) => h("li", `${change.change}${change.by ? ` by ${change.by}` : ""}${change.until ? `, until ${when(change.until)}` : ""}`, h("span.soft", when(change.at))))),
      h("h3", "Notes"), (alert.notes ?? []).length ? h("ul.notes", alert.notes.map((one) => h("li", h("p", one.text), h("span.soft", `${one.by} · ${when(one.at)}`)))) : h("p.soft", "None yet."),
      may("supervisor") ? h("form", { onsubmit: write }, note, h("button", { type: "submit" }, "Add note")) : null);
    note.value = before?.value ?? ""; // what somebody is writing outlives that the alert is drawn anew
    if (before && writing) note.focus();
    drawn = alert.id;
    if (points.length) {
      canvas.redraw = () => proof(canvas, points);
      requestAnimationFrame(canvas.redraw);
    }

    async function write(event) {
      event.preventDefault();
      if (!note.value.trim()) return;
      const said = note.value.trim();
      note.value = "";
      await done(() => post(`/v1/alerts/${alert.id}/notes`, { text: said }), "Noted");
    }
  }

  async function done(act, said) {
    try {
      await act();
      toast(said);
      await load();
    } catch (problem) {
      toast(problem.message, true);
    }
  }

  const acknowledge = () => chosen && done(() => post(`/v1/alerts/${chosen}/acknowledge`), "Acknowledged");
  const snoozed = () => chosen && done(() => post(`/v1/alerts/${chosen}/snooze`, { seconds: Number(document.getElementById("snooze")?.value ?? 900) }), "Snoozed");
  const step = (by) => {
    const at = list.findIndex((alert) => alert.id === chosen), to = list[Math.min(list.length - 1, Math.max(0, at + by))];
    if (to && to.id !== chosen) pick(to.id);
  };

  function keys(event) {
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1), a: acknowledge, s: snoozed,
      n: () => document.getElementById("note")?.focus(), Enter: () => { const one = list.find((alert) => alert.id === chosen); if (one) location.hash = `#/calls/${encodeURIComponent(one.call)}`; } }[event.key];
    if (!act || (["Enter", "ArrowDown", "ArrowUp"].includes(event.key) && event.target.closest("button, a"))) return;
    event.preventDefault();
    act();
  }
  document.addEventListener("keydown", keys);

  let soon = null;
  const off = live.on((_, change) => {
    if (!change?.alerts?.length || soon) return;
    soon = setTimeout(() => { soon = null; if (!typing(document.activeElement ?? document.body)) load().catch(() => {}); }, 700);
  });
  const clean = onTheme(() => detail.querySelector("canvas")?.redraw?.());
  showTabs();
  await load();
  return () => { off(); clean(); clearTimeout(soon); document.removeEventListener("keydown", keys); };
}

const fact = (name, value) => h("div", h("dt", name), h("dd", value));

function proofWords(points) {
  if (!points.length) return null;
  const mean = (i) => points.reduce((sum, point) => sum + (point[i] ?? 0), 0) / points.length;
  return h("p.soft", `${points.length} moods from ${clock(points[0][0])} to ${clock(points[points.length - 1][0])}, mean level of the strongest emotion ${mean(1).toFixed(2)}, valence ${signed(mean(2))} (line), arousal ${signed(mean(3))} (dashed)`);
}
