// Emotion -> its colour, its letter and its pattern, on either ground.

import { h } from "./dom.js";
import { PALETTE } from "./palette.js";

const UNKNOWN = { mark: "?", light: ["#6b7280", "#ffffff"], dark: ["#9ca3af", "#000000"] };
const darkness = matchMedia("(prefers-color-scheme: dark)");
export const calm = matchMedia("(prefers-reduced-motion: reduce)");

export const theme = () => document.documentElement.dataset.theme ?? (darkness.matches ? "dark" : "light");
const paint = (emotion) => (Object.hasOwn(PALETTE, emotion ?? "") ? PALETTE[emotion] : UNKNOWN);
export const mark = (emotion) => (Object.hasOwn(PALETTE, emotion ?? "") ? PALETTE[emotion].mark : String(emotion ?? "?")[0].toUpperCase());
export const fillOf = (emotion) => paint(emotion)[theme()][0];
export const inkOn = (emotion) => paint(emotion)[theme()][1];
export const order = Object.keys(PALETTE);
export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export function onTheme(redraw) {
  const changed = () => redraw();
  darkness.addEventListener("change", changed);
  addEventListener("affekt:theme", changed);
  return () => {
    darkness.removeEventListener("change", changed);
    removeEventListener("affekt:theme", changed);
  };
}

export function choose(next) {
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  try {
    if (next) localStorage.setItem("affekt.theme", next);
    else localStorage.removeItem("affekt.theme");
  } catch { /* storage may be closed: the choice holds for this page */ }
  dispatchEvent(new Event("affekt:theme"));
}

// The class that colours an element; an emotion that is not in the palette is grey.
export const tint = (emotion) => (Object.hasOwn(PALETTE, emotion ?? "") ? `e-${emotion}` : "e-unknown");

export function swatch(emotion, uncertain = false) {
  if (emotion == null) return h("span.swatch.none", { "aria-hidden": "true" }, "–");
  const shown = h("span.swatch", { "aria-hidden": "true" }, h("span", uncertain ? "?" : mark(emotion)));
  shown.classList.add(tint(emotion), ...(uncertain ? ["unsure"] : []));
  return shown;
}

export const word = (emotion, uncertain) => (emotion == null ? "not judged" : uncertain ? `${emotion} ?` : emotion);

// ---- Canvas ---------------------------------------------------------------------------------------------------------

export function pen(canvas, width, height) {
  const ratio = Math.max(1, window.devicePixelRatio || 1);
  const [w, t] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== t) {
    canvas.width = w;
    canvas.height = t;
  }
  const drawn = canvas.getContext("2d");
  drawn.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawn.clearRect(0, 0, width, height);
  drawn.font = "12px system-ui, sans-serif";
  drawn.textBaseline = "middle";
  return drawn;
}

const hatches = new Map();
export function hatch(drawn, colour) {
  if (!hatches.has(colour)) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 12;
    const t = tile.getContext("2d");
    t.strokeStyle = colour;
    t.lineWidth = 3;
    t.beginPath();
    for (const d of [-12, 0, 12]) { t.moveTo(d - 2, 14); t.lineTo(d + 14, -2); }
    t.stroke();
    const pattern = drawn.createPattern(tile, "repeat");
    pattern.setTransform(new DOMMatrix().scale(0.5));
    hatches.set(colour, pattern);
  }
  return hatches.get(colour);
}

// One stretch of an emotion: as high as its level, hatched where the model is unsure.
export function column(drawn, cell, left, bottom, wide, high, plain = null) {
  const tall = Math.max(2, Math.round(cell.level * high)), top = bottom - tall, colour = plain ?? fillOf(cell.emotion);
  drawn.fillStyle = cell.uncertain ? hatch(drawn, colour) : colour;
  drawn.fillRect(left, top, wide, tall);
  if (cell.uncertain) {
    drawn.fillStyle = colour;
    drawn.fillRect(left, top, wide, 1.5);
  }
}

// Stretches of one emotion after the other, so that a letter stands once for each.
export function runs(cells) {
  const found = [];
  for (const cell of cells) {
    const last = found[found.length - 1];
    if (last && last.emotion === cell.emotion && last.uncertain === cell.uncertain && cell.from - last.to < 0.05) {
      last.to = cell.to;
      last.level = Math.max(last.level, cell.level);
    } else {
      found.push({ emotion: cell.emotion, uncertain: cell.uncertain, from: cell.from, to: cell.to, level: cell.level });
    }
  }
  return found;
}

// A point says how somebody has sounded up to its time; it reaches back to the one before, or a window's length.
export function cellsOf(points, reach = 3) {
  return points.map(([t, emotion, level, valence, arousal, uncertain], i) => ({
    from: Math.max(i ? points[i - 1][0] : 0, t - reach),
    to: t,
    at: t,
    emotion,
    level: level ?? 0,
    valence,
    arousal,
    uncertain: Boolean(uncertain),
  }));
}
