// Who comes in, where alerts go, what was done: tables and forms from one description of each.

import { get, items, may, patch, post, remove, session } from "./api.js";
import { empty, fill, h, head, toast, when, words } from "./dom.js";

const ROLES = ["viewer", "supervisor", "admin", "auditor"];
const PROTOCOLS = ["", "twilio", "telnyx", "audiohook", "audiosocket", "asterisk", "freeswitch", "vonage", "affekt"];

const PARTS = [
  { name: "Users", path: "/v1/users", shows: ["name", "role", "disabled", "created"], key: "id",
    form: [text("name", "Name"), secret("password", "Password"), choice("role", "Role", ROLES)], edit: { label: "Change role", field: "role", options: ROLES } },
  { name: "API keys", path: "/v1/keys", shows: ["name", "prefix", "role", "expires", "used"], key: "id", once: "key",
    form: [text("name", "Name"), choice("role", "Role", ROLES), number("days", "Days until it expires", 90)] },
  { name: "Ingest tokens", path: "/v1/tokens", shows: ["name", "prefix", "protocol", "roles", "consent", "notice"], key: "id", once: "token",
    form: [text("name", "Name"), choice("protocol", "Protocol", PROTOCOLS, "any"), choice("consent", "Consent, if the call does not say", ["unknown", "given", "refused"]), flag("notice", "Customers are told"), text("agent_track", "Track of the agent", false)] },
  { name: "Expected calls", path: "/v1/expected", shows: ["external", "track", "role", "id", "expires"], key: "id",
    form: [text("external", "Call"), text("track", "Track"), choice("role", "Whose voice", ["customer", "agent", "speaker"]), number("seconds", "Seconds for which it is expected", 300)] },
  { name: "Destinations", path: "/v1/destinations", shows: ["name", "kind", "settings", "disabled"], key: "id", test: true,
    form: [text("name", "Name"), choice("kind", "Kind", ["webhook", "slack", "teams", "email", "alertmanager"]),
      only(["webhook", "alertmanager"], text("url", "URL")), only(["email"], text("host", "Mail server")), only(["email"], text("sender", "From")), only(["email"], text("recipients", "To, parted by commas")),
      only(["email", "alertmanager"], text("user", "User", false)), secret("secret", "Secret; for Slack and Teams the URL that they gave", false)] },
  { name: "Deliveries", path: "/v1/deliveries", shows: ["created", "destination", "alert", "change", "state", "tries", "status", "error"] },
  { name: "Tenants", path: "/v1/tenants", shows: ["name", "id", "record_audio", "retention_days"], form: [text("id", "Id"), text("name", "Name"), number("retention_days", "Days that calls are kept", 30)] },
  { name: "Audit log", path: "/v1/audit", shows: ["at", "who", "action", "what", "detail"], also: "auditor" },
];

function text(name, label, required = true) { return { name, label, required, make: (id) => h("input", { id, name, required, autocomplete: "off" }) }; }
function secret(name, label, required = true) { return { name, label, required, make: (id) => h("input", { id, name, type: "password", required, autocomplete: "new-password" }) }; }
function number(name, label, value) { return { name, label, make: (id) => h("input", { id, name, type: "number", min: 1, value: String(value) }) }; }
function choice(name, label, options, none) { return { name, label, make: (id) => h("select", { id, name }, options.map((option) => h("option", { value: option }, option || none))) }; }
function only(kinds, field) { return { ...field, kinds }; }
function flag(name, label) { return { name, label, make: (id) => h("input", { id, name, type: "checkbox", value: "true" }) }; }

export async function mount(root, { argument }) {
  const parts = PARTS.filter((part) => may("admin") || part.also === session.role);
  const part = parts.find((one) => slug(one) === argument) ?? parts[0];
  const place = h("section", { "aria-label": part.name });
  fill(root, head("Admin"), h("nav.tabs", { "aria-label": "Parts of the administration" }, parts.map((one) => h("a.button", { href: `#/admin/${slug(one)}`, "aria-current": one === part ? "page" : null }, one.name))), place);
  await show(place, part);
}

const slug = (part) => part.name.toLowerCase().replaceAll(" ", "-");

async function show(place, part, once = null) {
  const rows = items(await get(part.path));
  const again = (fresh = null) => show(place, part, fresh);
  const acts = part.key != null && part.form;
  const body = rows.map((row) => h("tr", part.shows.map((name) => h("td", shown(row, name))), acts ? h("td", h("div.acts", actions(part, row, again))) : null));
  const columns = [...part.shows.map(words), ...(acts ? [""] : [])];
  const table = h("div.scroll", { tabindex: "0", role: "region", "aria-label": `Table: ${part.name}` }, h("table", h("thead", h("tr", columns.map((name) => (name ? h("th", { scope: "col" }, name) : h("td"))))), h("tbody", body)));
  fill(place, h("h2", part.name), once ? secretShown(once) : null, rows.length ? table : empty("None yet"), part.form ? form(part, again) : null);
}

function secretShown(once) {
  const field = h("input", { readonly: true, value: once, "aria-label": "The secret", onfocus: (event) => event.target.select() });
  return h("div.notice.once", { role: "status" }, h("p", "Copy it now: it is shown this once."), field);
}

function shown(row, name) {
  const value = row[name] ?? row[`${name}_at`];
  if (value == null || value === "") return h("span.soft", "–");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "object") return Object.entries(value).map(([key, one]) => `${key}: ${typeof one === "object" ? JSON.stringify(one) : one}`).join(", ") || h("span.soft", "–");
  return /^\d{4}-\d\d-\d\dT/.test(value) ? when(value) : String(value);
}

function actions(part, row, again) {
  const path = `${part.path}/${encodeURIComponent(row[part.key])}`;
  const act = (what, said) => async () => { try { const answer = await what(); toast(typeof said === "function" ? said(answer) : said); again(); } catch (problem) { toast(problem.message, true); } };
  const named = row.name ?? row[part.key];
  const edit = part.edit ? h("select", { "aria-label": `${part.edit.label}: ${named}`, onchange: (event) => act(() => patch(path, { [part.edit.field]: event.target.value }), "Changed")() }, part.edit.options.map((option) => h("option", { value: option, selected: row[part.edit.field] === option }, option))) : null;
  const test = part.test ? h("button", { type: "button", onclick: act(() => post(`${path}/test`), (answer) => `Test sent${answer?.status ? `: ${answer.status}` : ""}`) }, "Test") : null;
  return [edit, test, h("button.danger", { type: "button", "aria-label": `Remove ${named}`, onclick: () => confirm(`Remove ${named}?`) && act(() => remove(path), "Removed")() }, "Remove")];
}

function form(part, again) {
  const made = part.form.map((field, i) => ({ ...field, id: `new-${slug(part)}-${i}` }));
  const submit = async (event) => {
    event.preventDefault();
    try {
      const answer = await post(part.path, asked(part, Object.fromEntries(new FormData(event.target))));
      event.target.reset();
      toast("Added");
      again(part.once ? answer?.[part.once] ?? answer?.token ?? answer?.key ?? answer?.secret ?? null : null);
    } catch (problem) {
      toast([problem.message, ...(problem.errors ?? []).map((error) => error.detail ?? error.msg ?? "")].filter(Boolean).join(" · "), true);
    }
  };
  const rows = made.map((field) => h("div.field", h("label", { for: field.id }, field.label), field.make(field.id)));
  const fitting = () => made.forEach((field, i) => {
    const fits = !field.kinds || field.kinds.includes(shape.elements.kind.value), input = rows[i].lastChild;
    rows[i].hidden = input.disabled = !fits;
  });
  const shape = h("form.filters.add", { "aria-label": `Add to ${part.name}`, onsubmit: submit, onchange: fitting }, rows, h("button.primary", { type: "submit" }, "Add"));
  fitting();
  return shape;
}

// What a form says -> what the service is asked: empty fields left out, and what the forms make simpler than the API is.
function asked(part, values) {
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
  if (given.days) given.days = Number(given.days);
  if (part.path === "/v1/tokens") { given.notice = given.notice === "true"; if (given.agent_track) given.roles = { [given.agent_track]: "agent" }; delete given.agent_track; }
  if (part.path === "/v1/destinations") {
    const { name, kind, secret: kept, ...rest } = given;
    if (rest.recipients) rest.recipients = rest.recipients.split(",").map((one) => one.trim()).filter(Boolean);
    return { name, kind, settings: rest, ...(kept ? { secret: kept } : {}) };
  }
  if (given.seconds) given.seconds = Number(given.seconds);
  if (given.retention_days) given.retention_days = Number(given.retention_days);
  return given;
}
