// Calls of the past: search, filters, and how the days compare.

import { get, items } from "./api.js";
import { clock, counted, empty, fill, h, head, percent, signed, when, words } from "./dom.js";
import { order, swatch, tint, word } from "./paint.js";

const DAYS = [[7, "7 days"], [30, "30 days"], [90, "90 days"]];

export async function mount(root) {
  const form = h("form.filters", { role: "search", onsubmit: (event) => { event.preventDefault(); load(); } },
    field("q", "Search", h("input", { type: "search", name: "q", placeholder: "Agent, queue, call id, words of a note" })),
    field("since", "From", h("input", { type: "date", name: "since" })), field("until", "To", h("input", { type: "date", name: "until" })),
    field("emotion", "Emotion", h("select", { name: "emotion" }, h("option", { value: "" }, "any"), order.map((name) => h("option", { value: name }, name)))),
    field("agent", "Agent", h("input", { name: "agent" })), field("queue", "Queue", h("input", { name: "queue" })),
    h("button", { type: "submit" }, "Search"));
  const found = h("div"), trends = h("section", { "aria-labelledby": "trends-title" }), more = h("button", { type: "button", hidden: true, onclick: () => load(true) }, "More");
  const body = h("tbody"), table = h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Table of calls" }, h("table.calls", h("thead", h("tr", ["Began", "Agent", "Queue", "Length", "Mostly", "Alerts", "Consent"].map((name) => h("th", { scope: "col" }, name)))), body));
  fill(root, head("History"), trends, h("section", { "aria-label": "Calls" }, form, found, table, more));
  let next = null, days = 30;

  async function load(further = false) {
    const asked = Object.fromEntries(new FormData(form));
    if (asked.since) asked.since = new Date(`${asked.since}T00:00`).toISOString();
    if (asked.until) asked.until = new Date(`${asked.until}T23:59:59`).toISOString();
    const answer = await get("/v1/calls", { ...asked, limit: 50, cursor: further ? next : null });
    next = answer.next ?? null;
    more.hidden = !next;
    const rows = items(answer).map(line);
    if (further) body.append(...rows);
    else fill(body, rows);
    table.hidden = !body.children.length;
    fill(found, body.children.length ? null : empty("No call found", "Try fewer filters, or a longer time."));
  }

  async function loadTrends() {
    const until = new Date(), since = new Date(until.getTime() - days * 86400e3);
    const list = items(await get("/v1/trends", { since: since.toISOString(), until: until.toISOString() }));
    const pick = h("div.tabs", { role: "group", "aria-label": "How far back" }, DAYS.map(([n, name]) => h("button", { type: "button", "aria-pressed": String(n === days), onclick: () => { days = n; loadTrends(); } }, name)));
    fill(trends, h("div.row", h("h2", { id: "trends-title" }, "Days"), h("span.space"), pick), list.length ? plotted(list) : h("p.soft", "No call in this time."));
  }

  await Promise.all([load(), loadTrends()]);
}

let fields = 0;
function field(name, label, control) {
  control.id = `field-${++fields}`;
  return h("div.field", h("label", { for: control.id }, label), control);
}

function line(call) {
  const emotions = Object.entries(call.emotions ?? {});
      return h("tr", h("td", h("a", { href: `#/calls/${encodeURIComponent(call.id)}` }, when(call.started)), call.live ? h("span.pulse", "live") : null), h("td", call.agent ?? h("span.soft", "unknown")), h("td", call.queue ?? "–"),
    h("td.number", clock(call.seconds)), h("td", h("span.named", swatch(call.emotion), h("span", word(call.emotion, false)), emotions.length > 1 ? shares(emotions) : null)), h("td", call.alerts ? h("span.chip", counted(call.alerts, "alert")) : "–"), h("td", call.consent ?? "–"));
}

function shares(emotions) {
  const bar = h("span.mini", { role: "img", "aria-label": emotions.map(([name, share]) => `${name} ${percent(share)}`).join(", ") });
  for (const [name, share] of emotions) bar.append(tinted("i", name, { "flex-grow": share }));
  return bar;
}

function tinted(tag, name, style) {
  const shown = h(tag, { style });
  shown.classList.add(tint(name));
  return shown;
}

// Each day a column: as high as its calls, parted by emotion, with the alerts in numbers below.
function plotted(list) {
  const most = Math.max(...list.map((day) => day.calls));
  const columns = list.map((day) => {
    const shared = day.emotions ?? {}, alerts = Object.values(day.alerts ?? {}).reduce((sum, n) => sum + n, 0);
    const parts = order.filter((name) => shared[name] > 0).map((name) => {
      const part = tinted("span", name, { "flex-grow": shared[name] });
      if ((shared[name] * 110 * day.calls) / most > 17) part.append(h("b", swatch(name).textContent));
      return part;
    });
    const said = `${day.day}: ${counted(day.calls, "call")}, ${Math.round(day.minutes ?? 0)} minutes, ${counted(alerts, "alert")}; ${Object.entries(shared).map(([name, share]) => `${name} ${percent(share)}`).join(", ")}`;
    return h("li", { title: said }, h("span.unseen", said), h("span.alert-count", { "aria-hidden": "true" }, alerts ? `⚠ ${alerts}` : ""), h("span.stack", { "aria-hidden": "true", style: { height: `${Math.max(4, (100 * day.calls) / most)}%` } }, parts), h("span.soft.day", { "aria-hidden": "true" }, day.day.slice(8).replace(/^0/, "")));
  });
  const names = [...new Set(list.flatMap((day) => Object.entries(day.emotions ?? {}).filter(([, share]) => share > 0.005).map(([name]) => name)))];
  const rows = list.map((day) => h("tr", h("td", day.day), h("td.number", String(day.calls)), h("td.number", String(Math.round(day.minutes ?? 0))), h("td.number", signed(day.valence)), h("td.number", signed(day.arousal)),
    h("td", Object.entries(day.alerts ?? {}).map(([rule, n]) => `${words(rule)} ${n}`).join(", ") || "–")));
  return [h("ol.days", columns), h("ul.legend", order.filter((name) => names.includes(name)).map((name) => h("li", swatch(name), name))),
    h("details", h("summary", "As a table"), h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Days as a table" }, h("table", h("thead", h("tr", ["Day", "Calls", "Minutes", "Valence", "Arousal", "Alerts"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", rows))))];
}
