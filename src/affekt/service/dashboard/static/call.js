// One call: who spoke when, how it sounded, what fired, what people wrote; live while it goes on.

import { get, may, post, remove } from "./api.js";
import { chart } from "./chart.js";
import { clock, counted, empty, fill, h, head, percent, signed, spoken, text, toast, when, words } from "./dom.js";
import { Live } from "./live.js";
import { cellsOf, swatch, word } from "./paint.js";

export async function mount(root, { argument: id }) {
  const path = `/v1/calls/${encodeURIComponent(id)}`;
  let call;
  try {
    call = await get(path);
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    fill(root, head("Call"), empty("There is no such call", "It may have been erased, or it belongs to another tenant."));
    return undefined;
  }
  const facts = h("p.soft"), now = h("div.now"), picture = h("section", { "aria-label": "Over time" });
  const talk = h("section", { "aria-labelledby": "talk-title" }), alerts = h("section", { "aria-labelledby": "alerts-title" });
  const notes = h("section", { "aria-labelledby": "notes-title" }), table = h("section.long", { "aria-label": "Turns" });
  const consent = h("section", { "aria-labelledby": "consent-title" });
  fill(root, h("p.crumb", h("a", { href: "#/wall" }, "Live calls"), " / ", h("span", id)), head(call.agent ?? "Unknown agent", facts), now, picture,
    h("div.columns", alerts, h("div", talk, consent, notes)), table);
  const plot = chart(picture, { label: "The call" });
  let own = null, again = null;

  function show() {
    const lasting = duration(call);
    text(facts, [call.queue, call.direction === "out" ? "outbound" : call.direction === "in" ? "inbound" : null, call.protocol, when(call.started), clock(lasting), call.model].filter(Boolean).join(" · "));
    plot.set(picturedFrom(call, lasting));
    fill(talk, h("h2", { id: "talk-title" }, "Talk"), talked(call, lasting));
    fill(alerts, h("h2", { id: "alerts-title" }, "Alerts"), alertsOf(call, reload));
    fill(consent, h("h2", { id: "consent-title" }, "Consent and hearing"), consented(call, path, reload));
    showNotes();
    showTurns();
  }

  function showNotes() {
    const writing = notes.querySelector("textarea")?.value ?? "", focused = notes.contains(document.activeElement);
    const field = h("textarea", { rows: 2, "aria-label": "Write a note", placeholder: "Write a note…", maxlength: 4000 });
    field.value = writing;
    const send = async (event) => {
      event.preventDefault();
      if (!field.value.trim()) return;
      if (await tried(() => post(`${path}/notes`, { text: field.value.trim() }))) { field.value = ""; await reload(); }
    };
    const form = may("supervisor") ? h("form", { onsubmit: send }, field, h("button", { type: "submit" }, "Add note")) : null;
    const list = (call.notes ?? []).map((note) => h("li", h("p", note.text), h("span.soft", `${note.by} · ${when(note.at)}`)));
    fill(notes, h("h2", { id: "notes-title" }, "Notes"), list.length ? h("ul.notes", list) : h("p.soft", "None yet."), form);
    if (focused) field.focus();
  }

  function showTurns() {
    const open = table.querySelector("details")?.open, turns = call.turns ?? [];
    const rows = turns.map((turn) => {
      const judged = judgedTurn(turn, call);
      return h("tr", h("td", `${clock(turn.start, true)} – ${clock(turn.end, true)}`), h("td", shownName(turn.speaker ?? "speaker", rolesOf(call))), h("td", judged.emotion ? [swatch(judged.emotion, judged.uncertain), " ", word(judged.emotion, judged.uncertain)] : h("span.soft", turn.role === "agent" ? "talk time only" : "not judged")),
        h("td.number", judged.level == null ? "" : percent(judged.level)), h("td.number", judged.valence == null ? "" : signed(judged.valence)), h("td.number", judged.arousal == null ? "" : signed(judged.arousal)));
    });
    fill(table, h("details", open ? { open: true } : null, h("summary", `All turns (${turns.length})`), h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Table of turns" },
      h("table", h("thead", h("tr", ["Time", "Speaker", "Emotion", "Level", "Valence", "Arousal"].map((name, i) => h(i > 2 ? "th.number" : "th", { scope: "col" }, name)))), h("tbody", rows)))));
  }

  async function reload() {
    call = await get(path);
    show();
  }

  // While it goes on: what moves comes by itself, turns and alerts are fetched again when somebody has stopped speaking.
  function follow() {
    own = new Live(id).start();
    own.on((state, change) => {
      const live = state.calls.get(id);
      fill(now, live ? presentOf(live) : null);
      if (change?.ended?.includes(id) || (live && change?.calls?.some((one) => one.alerts || one.talk || one.consent || one.paused != null))) {
        again ??= setTimeout(() => { again = null; reload().catch(() => {}); }, 1500);
      }
      if (live) plot.set(picturedFrom({ ...call, points: later(call.points ?? [], live.points), tracks: live.tracks }, live.time));
    });
  }

  show();
  if (!call.ended) follow();
  return () => { own?.stop(); plot.destroy(); clearTimeout(again); };
}

// ---- Shapes ---------------------------------------------------------------------------------------------------------

const asPoint = (point) => (Array.isArray(point) ? point : [point.time, point.emotion, point.level, point.valence, point.arousal, point.uncertain, 0, point.speaker]);

function later(stored, live) {
  const own = stored.map(asPoint), last = own.length ? own[own.length - 1][0] : -1;
  return [...own, ...live.filter(([t]) => t > last)];
}

function duration(call) {
  const last = Math.max(0, ...(call.turns ?? []).map((turn) => turn.end), ...(call.points ?? []).map((point) => asPoint(point)[0]));
  return Math.max(last, call.seconds ?? 0, 1);
}

function rolesOf(call) {
  const roles = new Map(Object.entries(call.tracks ?? {}));
  for (const turn of call.turns ?? []) if (!roles.has(turn.speaker ?? "speaker")) roles.set(turn.speaker ?? "speaker", turn.role);
  return roles;
}

// "customer" reads better than the name of a platform's track; where two have one role, both are said.
function shownName(name, roles) {
  const role = roles.get(name);
  return !role || role === "speaker" ? name : [...roles.values()].filter((one) => one === role).length > 1 ? `${role} (${name})` : role;
}

function picturedFrom(call, lasting) {
  const roles = rolesOf(call), points = (call.points ?? []).map(asPoint);
  const names = [...roles.keys()].sort((a, b) => (roles.get(a) === "agent") - (roles.get(b) === "agent"));
  const judged = names.filter((name) => roles.get(name) !== "agent");
  const speakers = names.map((name) => {
    const mine = roles.get(name) === "agent" ? [] : points.filter((point) => (point[7] ?? judged[0]) === name);
    const turns = (call.turns ?? []).filter((turn) => (turn.speaker ?? "speaker") === name);
    return { name: shownName(name, roles), role: roles.get(name), cells: cellsOf(mine), turns: turns.map((turn) => ({ ...turn, ...judgedTurn(turn, { ...call, points: mine }) })) };
  });
  return { duration: lasting, speakers, alerts: call.alerts ?? [], gaps: Array.isArray(call.gaps) ? call.gaps.filter((gap) => gap.kind === "lost") : [] };
}

// The store has moods, and of each turn the emotion of most that are certain; its numbers are their means. A turn of
// which all is uncertain shows its last mood, as a guess.
function judgedTurn(turn, call) {
  if (turn.role === "agent") return { emotion: null };
  const own = (call.points ?? []).map(asPoint).filter((point) => point[0] > turn.start && point[0] <= turn.end + 1 && (point[7] ?? turn.speaker) === turn.speaker);
  const last = own[own.length - 1];
  if (!last) return { emotion: turn.emotion ?? null, uncertain: false };
  const emotion = turn.emotion ?? last[1], same = own.filter((point) => point[1] === emotion);
  const mean = (points, i) => (points.some((point) => point[i] != null) ? points.reduce((sum, point) => sum + point[i], 0) / points.length : null);
  return { emotion, uncertain: turn.emotion == null, level: mean(same.length ? same : own, 2), valence: mean(own, 3), arousal: mean(own, 4) };
}

function presentOf(live) {
  return h("p.present", h("span.pulse", "live"), swatch(live.emotion, live.uncertain), h("strong", word(live.emotion, live.uncertain)), live.level == null ? null : percent(live.level),
    h("span.soft", spoken(live)));
}

function talked(call, lasting) {
  const given = call.talk ?? {}, roles = rolesOf(call);
  const total = Object.values(given).reduce((sum, seconds) => sum + seconds, 0);
  const lost = Array.isArray(call.gaps) ? call.gaps.filter((gap) => gap.kind === "lost").reduce((sum, gap) => sum + gap.end - gap.start, 0) : call.gaps ?? 0;
  const row = (name, seconds, share) => h("div.share", h("span.share-name", name), h("div.track", h("i", { style: { width: `${Math.round(share * 100)}%` } })), h("span.number", clock(seconds)));
  return [
    ...Object.entries(given).map(([who, seconds]) => row(shownName(who, roles), seconds, total ? seconds / total : 0)),
    row("silence", Math.max(0, lasting - total), Math.max(0, Math.min(1, (lasting - total) / lasting))),
    h("p.soft", lost >= 0.05 ? `${lost.toFixed(1)} s of sound were lost; silence stands in their place.` : "No sound was lost."),
  ];
}

function alertsOf(call, reload) {
  if (!(call.alerts ?? []).length) return h("p.soft", "None.");
  return h("ul.alerts", call.alerts.map((alert) => h("li", h("div.row", stateOf(alert), h("strong", words(alert.rule)), h("span.soft", `at ${clock(alert.time)}${alert.speaker ? `, ${alert.speaker}` : ""}`)),
    h("p", alert.reason), evidence(alert),
    alert.state === "firing" && may("supervisor") ? h("button", { type: "button", onclick: async () => { if (await tried(() => post(`/v1/alerts/${alert.id}/acknowledge`))) reload(); } }, "Acknowledge") : null,
    alert.by ? h("p.soft", `${alert.state} by ${alert.by}${alert.changed ? `, ${when(alert.changed)}` : ""}`) : null)));
}

export const stateOf = (alert) => h(alert.state === "firing" ? "span.chip.firing-chip" : "span.chip", alert.state);

export function evidence(alert) {
  const proof = alert.evidence;
  if (!proof) return null;
  const said = [proof.windows == null ? null : counted(proof.windows, "window"), proof.level == null ? null : `level ${Number(proof.level).toFixed(2)}`, proof.model, alert.snr == null ? null : `${alert.snr} dB above the noise`];
  return h("p.soft.evidence", `Evidence: ${said.filter(Boolean).join(" · ")}`);
}

function consented(call, path, reload) {
  const act = (route, body) => async () => { if (await tried(() => post(`${path}/${route}`, body))) setTimeout(() => reload().catch(() => {}), 400); };
  const option = (state) => h("button", { type: "button", "aria-pressed": String(call.consent === state), onclick: act("consent", { state }) }, state);
  const live = !call.ended, notice = call.notice == null ? "It is not known whether the customer was told." : call.notice ? "The customer was told that the call is analysed." : "The customer was not told.";
  return [h("p", "Consent: ", h("strong", call.consent ?? "unknown"), call.consent === "refused" ? " – nothing is judged" : ""), h("p.soft", notice),
    may("supervisor") && live ? h("div.tools", option("given"), option("refused"), h("button", { type: "button", onclick: act("pause") }, "Pause hearing"), h("button", { type: "button", onclick: act("resume") }, "Resume")) : null,
    may("admin") ? h("button.danger", { type: "button", onclick: () => erase(path) }, "Erase this call…") : null];
}

async function erase(path) {
  if (!confirm("Erase this call with its turns, moods, alerts, notes and recording? This cannot be undone.")) return;
  if (await tried(() => remove(path))) location.hash = "#/history";
}

async function tried(act) {
  try { await act(); return true; } catch (problem) { toast(problem.message, true); return false; }
}
