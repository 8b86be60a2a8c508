// Elements from values. Text is only ever set as text: agents' names and call ids come from outside.

const SVG = "http://www.w3.org/2000/svg";

// h("p.soft", { title: "x", onclick: f }, "text", child, null, [more])
export function h(name, props, ...children) {
  const [tag, ...classes] = name.split(".");
  return filled(document.createElement(tag), classes, props, children);
}

export function svg(name, props, ...children) {
  const [tag, ...classes] = name.split(".");
  return filled(document.createElementNS(SVG, tag), classes, props, children);
}

function filled(element, classes, props, children) {
  if (props != null && (typeof props !== "object" || props instanceof Node || Array.isArray(props))) {
    children.unshift(props);
    props = null;
  }
  if (classes.length) element.classList.add(...classes);
  for (const [key, value] of Object.entries(props ?? {})) set(element, key, value);
  put(element, children);
  return element;
}

function set(element, key, value) {
  if (value == null || value === false) return;
  if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else if (key === "style") for (const [name, rule] of Object.entries(value)) element.style.setProperty(name, rule);
  else if (key === "value" || key === "checked" || key === "selected") element[key] = value;
  else element.setAttribute(key, value === true ? "" : value);
}

function put(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child != null && child !== false) element.append(child);
  }
}

export function fill(element, ...children) {
  element.replaceChildren();
  put(element, children);
  return element;
}

// Text that changes often: the node is touched only when the text does.
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

export function icon(name, label) {
  const drawn = svg("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": label ? null : "true", role: label ? "img" : null });
  if (label) drawn.append(svg("title", label));
  drawn.append(svg("path", { d: ICONS[name] }));
  return drawn;
}

const ICONS = {
  wall: "M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z",
  inbox: "M12 4a5 5 0 0 0-5 5v4l-2 3h14l-2-3V9a5 5 0 0 0-5-5zM10 19a2 2 0 0 0 4 0",
  history: "M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4M12 8v4l3 2",
  upload: "M12 15V4M7.5 8.5 12 4l4.5 4.5M4 15v4a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-4",
  mic: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3",
  system: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  admin: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  help: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.5v.5",
  out: "M14 4h5v16h-5M4 12h10M10 8l4 4-4 4",
  alert: "M12 4 2.5 20h19zM12 10v5M12 17.5v.5",
};

// ---- Words ----------------------------------------------------------------------------------------------------------

export const percent = (share) => (share == null ? "–" : `${Math.round(share * 100)} %`);
export const signed = (value) =>
  value == null ? "–" : Math.abs(value) < 0.005 ? "0.00" : (value > 0 ? "+" : "−") + Math.abs(value).toFixed(2);

export function clock(seconds, tenths = false) {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  const whole = tenths ? Math.round(seconds * 10) / 10 : Math.floor(seconds);
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60, rest = whole % 60;
  const tail = tenths ? rest.toFixed(1).padStart(4, "0") : String(rest).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

export function when(iso) {
  if (!iso) return "–";
  const at = new Date(iso), today = new Date().toDateString() === at.toDateString();
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return today ? time : `${at.toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" })}, ${time}`;
}

export function ago(iso, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(iso).getTime()) / 1000);
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export const words = (name) => String(name ?? "").replaceAll("_", " ");
export const counted = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

// Who speaks now, in two words.
export function spoken({ speaking, tracks, paused }) {
  if (paused) return "on hold";
  if (!speaking.length) return "silence";
  return speaking.length > 1 ? "both speak" : `${tracks[speaking[0]] ?? speaking[0]} speaks`;
}

// ---- What all pages share -------------------------------------------------------------------------------------------

export function head(title, ...rest) {
  return h("div.head", h("h1", title), h("div.head-rest", rest));
}

export function empty(title, detail) {
  return h("div.empty", h("p.empty-title", title), detail ? h("p.soft", detail) : null);
}

// A toast for what was done or went wrong. Screen readers hear it once.
export function toast(message, bad = false) {
  const shown = h(bad ? "div.toast.bad" : "div.toast", { role: bad ? "alert" : "status" }, message);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), bad ? 9000 : 4000);
}

export const typing = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog[open]") != null;
