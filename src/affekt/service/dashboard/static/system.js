// What runs: models with their cards, processes, load, settings.

import { get, items } from "./api.js";
import { fill, h, head, text, words } from "./dom.js";

export async function mount(root, { live }) {
  const [models, system] = await Promise.all([get("/v1/models"), get("/v1/system")]);
  const load = h("dl.facts");
  fill(root, head("System"), h("section", { "aria-labelledby": "now-title" }, h("h2", { id: "now-title" }, "Load"), load),
    h("section", { "aria-labelledby": "models-title" }, h("h2", { id: "models-title" }, "Models"), h("div.models", items(models).map(model))),
    h("section", { "aria-labelledby": "sys-title" }, h("h2", { id: "sys-title" }, "Service"), tree(system)));
  const show = (state) => {
    const now = state.load ?? {}, plain = ["full quality", "wider steps", "a smaller model", "windows are skipped"];
    fill(load, [["Level", now.level == null ? "nothing told yet" : `${now.level}: ${plain[now.level] ?? ""}`], ["Step", now.hop == null ? "–" : `${now.hop} s`], ["Model", now.model ?? "–"], ["Noise reduction", now.denoise == null ? "–" : now.denoise ? "on" : "off"], ["Why", now.why ?? "–"], ["Live calls", String(state.calls.size)]]
      .map(([name, value]) => h("div", h("dt", name), h("dd", value))));
  };
  show(live.state);
  return live.on((state, change) => { if (change?.load || change?.snapshot || change?.ended?.length) show(state); });
}

function model(one) {
  const name = one.name, facts = ["use", "languages", "labels"].filter((key) => one[key] != null);
  return h("article.model", h("h3", name), h("p", one.title), h("p.soft", one.licence_line ?? one.licence), h("dl.facts", facts.map((key) => h("div", h("dt", words(key)), h("dd", flat(one[key]))))),
    h("details", { ontoggle: (event) => event.target.open && card(event.target, name) }, h("summary", "Card"), h("div.card-text", h("p.soft", "…"))));
}

async function card(details, name) {
  const box = details.lastChild;
  if (box.dataset.loaded) return;
  box.dataset.loaded = "yes";
  try { fill(box, tree(await get(`/v1/models/${encodeURIComponent(name)}`))); } catch (problem) { text(box, problem.message); }
}

const flat = (value) => (Array.isArray(value) ? value.map(flat).join(", ") : value && typeof value === "object" ? Object.entries(value).map(([key, one]) => `${words(key)} ${flat(one)}`).join(" · ") : value == null ? "–" : value === true ? "yes" : value === false ? "no" : String(value));

// Any JSON, readable: names left, values right, what is within what.
function tree(value, depth = 0) {
  if (value == null || typeof value !== "object") return h("span", flat(value));
  const simple = Array.isArray(value) ? value.every((one) => one == null || typeof one !== "object") : false;
  if (simple) return h("span", value.length ? value.map(flat).join(", ") : "–");
  return h("dl.tree", Object.entries(value).map(([key, one]) => h("div", h("dt", words(key)), h("dd", depth < 4 ? tree(one, depth + 1) : flat(one)))));
}
