// Name and password -> a session.

import { adopt, call } from "./api.js";
import { fill, h } from "./dom.js";

// Single sign-on has a button only where it is set up.
async function offer(form) {
  const ways = await call("GET", "/v1/session/ways", undefined, { quiet: true }).catch(() => null);
  if (ways?.single_sign_on) form.append(h("a.button", { href: "/v1/session/oidc" }, `Sign in by ${ways.single_sign_on}`));
}

export function mount(root, { done }) {
  const wrong = h("p.wrong", { role: "alert", hidden: true });
  const name = h("input", { id: "login-name", name: "name", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: "false" });
  const password = h("input", { id: "login-password", name: "password", type: "password", autocomplete: "current-password", required: true });
  const button = h("button.primary", { type: "submit" }, "Sign in");
  const form = h("form.login", { "aria-label": "Sign in", onsubmit: submit },
    h("img", { src: new URL("icon.svg", import.meta.url).href, alt: "", width: 44, height: 44 }),
    h("h1", "affekt"), h("p.soft", "Sign in to see the calls"),
    h("label", { for: "login-name" }, "Name"), name, h("label", { for: "login-password" }, "Password"), password, wrong, button);
  fill(root, h("div.login-page", form));
  name.focus();
  offer(form);

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    wrong.hidden = true;
    try {
      adopt(await call("POST", "/v1/session", { name: name.value, password: password.value }, { quiet: true }));
      done();
    } catch (problem) {
      wrong.textContent = problem.message;
      wrong.hidden = false;
      password.select();
    }
    button.disabled = false;
  }
}
