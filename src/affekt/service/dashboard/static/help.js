// Keys and legend, in a dialog.

import { h } from "./dom.js";
import { order, swatch } from "./paint.js";

const KEYS = [
  ["?", "this help"], ["g w", "go to the live calls"], ["g i", "go to the alerts"], ["g h", "go to the history"], ["g u", "go to the upload"],
  ["j  k", "next, previous alert or call"], ["a", "acknowledge the alert"], ["s", "snooze it"], ["n", "write a note"], ["Enter", "open the call"],
  ["←  →", "on a timeline: previous, next turn"], ["+  −  0", "on a timeline: closer, wider, all"], ["Space", "on a timeline with sound: play, pause"],
];

export function helpDialog() {
  if (document.querySelector("dialog.help")) return;
  const dialog = h("dialog.help", { "aria-labelledby": "help-title" },
    h("form", { method: "dialog" }, h("h2", { id: "help-title" }, "Keys and legend"), h("button.quiet", { "aria-label": "Close" }, "✕")),
    h("dl.keys", KEYS.map(([key, what]) => [h("dt", key.split("  ").map((k) => h("kbd", k))), h("dd", what)])),
    h("h3", "Emotions"), h("ul.legend", order.map((name) => h("li", swatch(name), name)), h("li", swatch("neutral", true), "uncertain: take it as a guess")),
    h("p.soft", "Heat orders the calls: the levels of anger, frustration, fear, contempt, disgust, sadness and boredom, weighed; an uncertain mood counts half, and a call with a firing alert stands above all others. An agent is never judged: of an agent only the talk time is shown."));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
