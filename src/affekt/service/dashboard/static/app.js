// The frame: who is signed in, where one is, and one connection that all pages look through.

import { onSignedOut, call as ask, session, whoAmI, may } from "./api.js";
import { counted, fill, h, icon, text, toast, typing, words } from "./dom.js";
import { Live } from "./live.js";
import { choose } from "./paint.js";

const PAGES = [
  { path: "wall", name: "Live calls", icon: "wall", load: () => import("./wall.js") },
  { path: "inbox", name: "Alerts", icon: "inbox", load: () => import("./inbox.js") },
  { path: "history", name: "History", icon: "history", load: () => import("./history.js") },
  { path: "upload", name: "Upload", icon: "upload", load: () => import("./upload.js") },
  { path: "mic", name: "Microphone", icon: "mic", load: () => import("./mic.js") },
  { path: "system", name: "System", icon: "system", load: () => import("./system.js") },
  { path: "admin", name: "Admin", icon: "admin", load: () => import("./admin.js"), role: "admin", also: "auditor" },
  { path: "alerts", name: "Alert", hidden: true, load: () => import("./inbox.js") }, // where deliveries lead: #/alerts/ID
  { path: "calls", name: "Call", hidden: true, load: () => import("./call.js") },
];
const allowed = (page) => !page.role || may(page.role) || session.role === page.also;

const main = document.getElementById("main"), frame = document.getElementById("frame");
let live = null, leave = null, turn = 0, badge = null, state = null;

// ---- Where one is ---------------------------------------------------------------------------------------------------

function where() {
  const [path, ...rest] = location.hash.replace(/^#\/?/, "").split("?")[0].split("/");
  const page = PAGES.find((one) => one.path === path && allowed(one)) ?? PAGES[0];
  return { page, argument: rest.length ? decodeURIComponent(rest.join("/")) : null };
}

async function show() {
  const mine = ++turn;
  leave?.();
  leave = null;
  if (!session.user) return login();
  const { page, argument } = where();
  begin();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.path === (page.path === "alerts" ? "inbox" : page.path)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${page.name} · affekt`;
  try {
    const { mount } = await page.load();
    if (mine !== turn) return;
    const room = h("div.page");
    room.dataset.page = page.path;
    fill(main, room);
    leave = (await mount(room, { live, argument })) ?? null;
    if (mine !== turn) { leave?.(); leave = null; }
  } catch (problem) {
    if (mine === turn) fill(main, h("div.empty", h("p.empty-title", "This page could not be shown"), h("p.soft", problem.message)));
  }
}

async function login() {
  end();
  document.title = "Sign in · affekt";
  const { mount } = await import("./login.js");
  mount(main, { done: () => show() });
}

// ---- The frame ------------------------------------------------------------------------------------------------------

function begin() {
  if (live) return;
  live = new Live().start();
  live.on(heard);
  badge = h("span.badge", { hidden: true });
  state = h("span.state", { title: "connection to the service" }, h("i"), h("span", "connecting"));
  const links = PAGES.filter((page) => !page.hidden && allowed(page)).map((page) =>
    h("a", { href: `#/${page.path}`, "data-path": page.path }, icon(page.icon), h("span", page.name), page.path === "inbox" ? badge : null));
  const tools = h("div.rail-tools", state,
    h("button.quiet", { type: "button", onclick: nextTheme, title: "Theme: light, dark, as the system", "aria-label": "Change the theme" }, icon("theme")),
    h("button.quiet", { type: "button", onclick: help, title: "Keys (?)", "aria-label": "Keys and legend" }, icon("help")),
    h("button.quiet", { type: "button", onclick: signOut, title: `Sign out ${session.user}`, "aria-label": "Sign out" }, icon("out")));
  const who = h("p.who", h("strong", session.user), h("span.soft", session.role ?? ""));
  const nav = h("nav", { "aria-label": "Pages" }, h("a.brand", { href: "#/wall" }, h("img", { src: new URL("icon.svg", import.meta.url).href, alt: "", width: 26, height: 26 }), h("span", "affekt")),
    h("div.links", links), h("div.rail-foot", who, tools));
  frame.prepend(nav);
  frame.classList.add("signed");
}

function end() {
  live?.stop();
  live = null;
  frame.classList.remove("signed");
  frame.querySelector("nav")?.remove();
}

// One sentence for screen readers, at most every five seconds, about alerts alone: never about each number that moves.
let waiting = [], speaking = null;
function heard(now, change, status) {
  if (!badge) return;
  badge.hidden = !now.open;
  text(badge, String(now.open));
  badge.setAttribute("aria-label", `${counted(now.open, "alert")} firing`);
  state.dataset.status = status;
  text(state.lastChild, status === "live" ? "live" : status === "closed" ? "offline" : "connecting");
  const fired = (change?.alerts ?? []).filter((alert) => alert.state === "firing");
  if (!fired.length) return;
  waiting.push(...fired);
  speaking ??= setTimeout(() => {
    const last = waiting[waiting.length - 1];
    const what = `${words(last.rule)}${last.agent ? `, call of ${last.agent}` : ""}: ${last.reason}`;
    text(document.getElementById("said"), waiting.length > 1 ? `${waiting.length} new alerts. The newest: ${what}` : `New alert. ${what}`);
    waiting = [];
    speaking = null;
  }, 5000 * (waiting.length > fired.length ? 1 : 0.1));
}

async function signOut() {
  try { await ask("DELETE", "/v1/session"); } catch (problem) { toast(problem.message, true); return; }
  Object.assign(session, { user: null, role: null, csrf: null });
  show();
}

const THEMES = [null, "light", "dark"];
function nextTheme() {
  const at = THEMES.indexOf(document.documentElement.dataset.theme ?? null);
  const next = THEMES[(at + 1) % THEMES.length];
  choose(next);
  toast(`Theme: ${next ?? "as the system"}`);
}

// ---- Help -----------------------------------------------------------------------------------------------------------

async function help() {
  const { helpDialog } = await import("./help.js");
  helpDialog();
}

document.addEventListener("keydown", (event) => {
  if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?") { event.preventDefault(); help(); }
  if (event.key === "g") awaitSecond();
});

// g w, g i, g h, g u: go to a page.
function awaitSecond() {
  const go = (event) => {
    const page = PAGES.find((one) => !one.hidden && one.path[0] === event.key && allowed(one));
    if (page) location.hash = `#/${page.path}`;
  };
  document.addEventListener("keydown", go, { once: true });
  setTimeout(() => document.removeEventListener("keydown", go), 1200);
}

onSignedOut(() => { session.user = null; show(); });
addEventListener("hashchange", async () => { await show(); main.focus({ preventScroll: true }); scrollTo(0, 0); });

try {
  await whoAmI();
  await show();
} catch (problem) {
  fill(main, h("div.empty", h("p.empty-title", "The service does not answer"), h("p.soft", problem.message)));
}
