// Turns, emotions and affect of every speaker over time, with alerts and gaps: the picture of a call and of a file.

import { clock, fill, h, percent, signed, words } from "./dom.js";
import { column, css, fillOf, hatch, inkOn, mark, onTheme, pen, runs, word } from "./paint.js";

const HIGH = { axis: 22, marks: 20, caption: 22, turns: 26, emotions: 74, affect: 66 };
const GAP = 6;

// data: { duration, speakers: [{ name, role, turns, cells }], alerts: [{ time, rule, state }], gaps: [{ start, end }] }
export function chart(root, { onseek = null, label = "Emotions over time" } = {}) {
  const canvas = h("canvas", { "aria-hidden": "true" }), told = h("p.told", { "aria-live": "polite" });
  const box = h("div.chart", { tabindex: "0", role: "application", "aria-label": `${label}. Left and right go from turn to turn, plus and minus zoom, zero shows all. The table of turns has the same.` }, canvas);
  const out = button("−", "Wider", () => zoom(2)), closer = button("+", "Closer", () => zoom(0.5)), all = button("All", "All of it", whole);
  fill(root, h("div.tools", told, h("span.space"), out, closer, all), box, legend());
  let data = { duration: 1, speakers: [], alerts: [], gaps: [] };
  let view = { from: 0, to: 1 }, follows = true, rows = [], size = { width: 0, gutter: 0, height: 0 };
  let head = null, chosen = null, colours = {};

  const x = (t) => size.gutter + ((t - view.from) / (view.to - view.from)) * (size.width - size.gutter);
  const timeAt = (px) => view.from + ((px - size.gutter) / (size.width - size.gutter)) * (view.to - view.from);
  const seen = (part) => part.end >= view.from && part.start <= view.to;

  function set(next) {
    data = { alerts: [], gaps: [], ...next, duration: Math.max(next.duration, 1) };
    if (follows) view = { from: 0, to: data.duration };
    draw();
  }

  function layout() {
    rows = [];
    let y = HIGH.axis;
    const add = (kind, speaker) => { rows.push({ kind, speaker, y, h: HIGH[kind] }); y += HIGH[kind] + (kind === "caption" ? 0 : GAP); };
    if (data.alerts.length || data.gaps.length) add("marks");
    for (const speaker of data.speakers) {
      add("caption", speaker);
      add("turns", speaker);
      if (!speaker.cells.length) continue;
      add("emotions", speaker);
      if (speaker.cells.some((cell) => cell.valence != null)) add("affect", speaker);
    }
    size.height = y + 2;
  }

  function draw() {
    size.width = box.clientWidth;
    if (!size.width) return;
    size.gutter = size.width > 560 ? 70 : 32;
    colours = Object.fromEntries(["ink", "soft", "line", "panel", "accent", "faint"].map((name) => [name, css(name)]));
    layout();
    canvas.style.height = `${size.height}px`;
    const drawn = pen(canvas, size.width, size.height);
    axis(drawn);
    for (const row of rows) {
      drawn.save();
      if (row.kind !== "caption") ground(drawn, row);
      DRAW[row.kind](drawn, row);
      drawn.restore();
      scale(drawn, row);
    }
    if (head != null && head >= view.from && head <= view.to) {
      drawn.fillStyle = colours.accent;
      drawn.fillRect(x(head) - 1, HIGH.axis - 4, 2, size.height);
    }
    out.disabled = all.disabled = view.to - view.from >= data.duration;
  }

  function ground(drawn, row) {
    drawn.fillStyle = row.kind === "turns" || row.kind === "marks" ? colours.panel : colours.faint;
    drawn.fillRect(size.gutter, row.y, size.width - size.gutter, row.h);
    drawn.beginPath();
    drawn.rect(size.gutter, row.y, size.width - size.gutter, row.h);
    drawn.clip();
  }

  function scale(drawn, row) {
    const wide = size.gutter > 60;
    drawn.fillStyle = colours.soft;
    drawn.font = "11px system-ui, sans-serif";
    drawn.textAlign = "right";
    const named = { marks: "alerts", turns: "turns", emotions: "emotion", affect: "affect" }[row.kind];
    if (named && wide) drawn.fillText(named, size.gutter - 8, row.y + row.h * (row.kind === "affect" ? 0.28 : 0.5));
    if (row.kind === "affect") for (const [at, text] of [[0.06, "+1"], [0.5, "0"], [0.94, "−1"]]) drawn.fillText(text, size.gutter - 8, row.y + at * row.h);
    drawn.textAlign = "left";
    drawn.font = "12px system-ui, sans-serif";
  }

  function axis(drawn) {
    const least = (view.to - view.from) / Math.max(3, (size.width - size.gutter) / 90);
    const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((s) => s >= least) ?? 7200;
    for (let i = Math.ceil(view.from / step - 1e-9); i * step <= view.to + 1e-9; i++) {
      const at = Math.round(x(i * step));
      drawn.fillStyle = colours.line;
      drawn.fillRect(at, HIGH.axis - 5, 1, size.height);
      drawn.fillStyle = colours.soft;
      drawn.textAlign = at < size.gutter + 14 ? "left" : at > size.width - 18 ? "right" : "center";
      drawn.fillText(clock(i * step, step < 1), at, 8);
    }
    drawn.textAlign = "left";
  }

  function marks(drawn, { y, h: high }) {
    for (const gap of data.gaps) {
      drawn.fillStyle = hatch(drawn, colours.soft);
      drawn.fillRect(x(gap.start), y + 3, Math.max(3, x(gap.end) - x(gap.start)), high - 6);
    }
    drawn.font = "600 11px system-ui, sans-serif";
    let free = 0;
    for (const alert of data.alerts) {
      const at = x(alert.time);
      drawn.fillStyle = css("alarm");
      drawn.beginPath();
      drawn.moveTo(at, y + 3);
      drawn.lineTo(at + 7, y + high - 4);
      drawn.lineTo(at - 7, y + high - 4);
      drawn.fill();
      const text = words(alert.rule);
      if (at + 10 > free && at + 12 + drawn.measureText(text).width < size.width) {
        drawn.fillStyle = colours.ink;
        drawn.fillText(text, at + 10, y + high / 2 + 1);
        free = at + 20 + drawn.measureText(text).width;
      }
    }
  }

  function caption(drawn, { speaker, y }) {
    const spoken = speaker.turns.reduce((sum, turn) => sum + turn.end - turn.start, 0);
    drawn.fillStyle = colours.panel;
    drawn.fillRect(0, y + 3, size.width, 18);
    drawn.font = "600 13px system-ui, sans-serif";
    drawn.fillStyle = colours.ink;
    drawn.fillText(speaker.name, size.gutter, y + 12);
    const at = size.gutter + drawn.measureText(speaker.name).width;
    drawn.font = "12px system-ui, sans-serif";
    drawn.fillStyle = colours.soft;
    const role = speaker.role === "agent" ? `${speaker.name === "agent" ? "" : " · agent"} · talk time only` : speaker.role && speaker.role !== speaker.name ? ` · ${speaker.role}` : "";
    drawn.fillText(`${role}  ·  ${speaker.turns.length === 1 ? "1 turn" : `${speaker.turns.length} turns`}, ${clock(spoken)}`, at, y + 12);
  }

  function turns(drawn, { speaker, y, h: high }) {
    for (const turn of speaker.turns.filter(seen)) {
      const left = x(turn.start), wide = Math.max(2, x(turn.end) - left), inset = wide > 4 ? 0.75 : 0;
      drawn.beginPath();
      drawn.roundRect(left + inset, y + 1 + inset, wide - 2 * inset, high - 2 - 2 * inset, Math.min(5, wide / 3));
      drawn.lineWidth = turn === chosen ? 3 : 1.5;
      drawn.strokeStyle = turn === chosen ? colours.accent : turn.emotion == null ? colours.soft : fillOf(turn.emotion);
      if (turn.emotion != null) { drawn.fillStyle = turn.uncertain ? hatch(drawn, fillOf(turn.emotion)) : fillOf(turn.emotion); drawn.fill(); }
      drawn.stroke();
      if (turn.emotion != null) label(drawn, turn, left, y, wide, high);
    }
  }

  function label(drawn, turn, left, y, wide, high) {
    const from = Math.max(left, size.gutter), to = Math.min(left + wide, size.width), room = to - from - 8;
    drawn.font = "600 12px system-ui, sans-serif";
    const long = `${word(turn.emotion, turn.uncertain)} ${turn.level == null ? "" : percent(turn.level)}`.trim();
    const text = [long, word(turn.emotion, turn.uncertain), turn.uncertain ? "?" : mark(turn.emotion)].find((one) => drawn.measureText(one).width <= room);
    if (!text) return;
    const w = drawn.measureText(text).width, at = (from + to - w) / 2;
    if (turn.uncertain) { drawn.fillStyle = colours.panel; drawn.beginPath(); drawn.roundRect(at - 4, y + 4, w + 8, high - 8, 4); drawn.fill(); }
    drawn.fillStyle = turn.uncertain ? colours.ink : inkOn(turn.emotion);
    drawn.fillText(text, at, y + high / 2 + 0.5);
  }

  function emotions(drawn, { speaker, y, h: high }) {
    const cells = speaker.cells.filter((cell) => cell.to >= view.from && cell.from <= view.to);
    for (const cell of cells) column(drawn, cell, x(cell.from), y + high, Math.max(1, x(cell.to) - x(cell.from) + 0.5), high - 6);
    drawn.textAlign = "center";
    for (const run of runs(cells)) {
      const left = Math.max(size.gutter, x(run.from)), wide = Math.min(size.width, x(run.to)) - left;
      drawn.font = "700 12px system-ui, sans-serif";
      const full = word(run.emotion, run.uncertain), text = drawn.measureText(full).width < wide - 6 ? full : run.uncertain ? "?" : mark(run.emotion);
      if (wide < 12) continue;
      const w = drawn.measureText(text).width, at = left + wide / 2;
      const low = run.level * high < 26;
      if (run.uncertain) { drawn.fillStyle = colours.faint; drawn.fillRect(at - w / 2 - 3, y + high - 21, w + 6, 16); }
      drawn.fillStyle = run.uncertain || low ? colours.ink : inkOn(run.emotion);
      drawn.fillText(text, at, low && !run.uncertain ? y + high - run.level * high - 12 : y + high - 13);
    }
    drawn.textAlign = "left";
  }

  function affect(drawn, { speaker, y, h: high }) {
    const at = (value) => y + high / 2 - (value * (high - 8)) / 2;
    drawn.fillStyle = colours.line;
    drawn.fillRect(size.gutter, y + high / 2, size.width, 1);
    for (const [axis, colour, dash] of [["arousal", colours.accent, [6, 4]], ["valence", colours.ink, []]]) {
      drawn.beginPath();
      drawn.strokeStyle = colour;
      drawn.lineWidth = 1.8;
      drawn.setLineDash(dash);
      let last = -Infinity;
      for (const cell of speaker.cells.filter((one) => one[axis] != null)) {
        if (cell.from - last > 0.6) drawn.moveTo(x(cell.from), at(cell[axis]));
        drawn.lineTo(x(cell.at), at(cell[axis]));
        last = cell.to;
      }
      drawn.stroke();
    }
    drawn.setLineDash([]);
  }

  const DRAW = { marks, caption, turns, emotions, affect };

  // ---- Moving about -------------------------------------------------------------------------------------------------

  function zoom(by, at = head ?? (view.from + view.to) / 2) {
    const span = Math.min(data.duration, Math.max(2, (view.to - view.from) * by));
    const share = (at - view.from) / (view.to - view.from);
    follows = span >= data.duration;
    move(at - share * span, span);
  }

  function move(from, span = view.to - view.from) {
    const start = Math.min(Math.max(0, from), data.duration - span);
    view = { from: start, to: start + span };
    draw();
  }

  function whole() {
    follows = true;
    view = { from: 0, to: data.duration };
    draw();
  }

  const all_turns = () => data.speakers.flatMap((speaker) => speaker.turns.map((turn) => [turn, speaker])).sort((a, b) => a[0].start - b[0].start);

  function step(by) {
    const list = all_turns(), at = list.findIndex(([turn]) => turn === chosen);
    const next = list[Math.min(list.length - 1, Math.max(0, at < 0 && by < 0 ? 0 : at + by))];
    if (next) choose(...next);
  }

  function choose(turn, speaker) {
    chosen = turn;
    if (turn.start < view.from || turn.end > view.to) move(turn.start - (view.to - view.from) / 4);
    const cells = speaker.cells.filter((cell) => cell.at >= turn.start && cell.at <= turn.end + 1 && cell.valence != null);
    const mean = (axis) => cells.reduce((sum, cell) => sum + cell[axis], 0) / cells.length;
    const tail = cells.length ? ` · valence ${signed(mean("valence"))}, arousal ${signed(mean("arousal"))}` : "";
    const what = turn.emotion != null ? `${word(turn.emotion, turn.uncertain)} ${turn.level == null ? "" : percent(turn.level)}` : speaker.role === "agent" ? "talk time only" : "not judged";
    told.textContent = `${clock(turn.start, true)} – ${clock(turn.end, true)}  ${speaker.name}: ${what}${tail}`;
    onseek?.(turn.start);
    draw();
  }

  box.addEventListener("keydown", (event) => {
    const act = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: whole }[event.key];
    if (act && !event.ctrlKey && !event.metaKey) { event.preventDefault(); act(); }
  });
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    if (event.ctrlKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event.offsetX));
    else { follows = false; move(view.from + ((event.deltaY || event.deltaX) / size.width) * (view.to - view.from)); }
  }, { passive: false });
  box.addEventListener("click", (event) => {
    const at = timeAt(event.offsetX), row = rows.find((one) => event.offsetY >= one.y && event.offsetY <= one.y + one.h);
    const turn = row?.speaker?.turns.find((one) => one.start <= at && at <= one.end);
    if (turn) choose(turn, row.speaker);
    if (at >= 0 && at <= data.duration) onseek?.(at);
  });
  const sized = new ResizeObserver(draw), clean = onTheme(draw);
  sized.observe(box);

  function playhead(t) {
    head = t;
    if (t > view.to || t < view.from) move(t - (view.to - view.from) / 10);
    else draw();
  }

  return { set, playhead, destroy: () => { sized.disconnect(); clean(); } };
}

function button(sign, name, act) {
  return h("button", { type: "button", "aria-label": name, onclick: act }, sign);
}

function legend() {
  return h("ul.legend", h("li", h("i.stroke"), "valence"), h("li", h("i.stroke.arousal"), "arousal"),
    h("li", h("i.hatched"), "uncertain: a guess"), h("li", h("i.outline"), "not judged"));
}
