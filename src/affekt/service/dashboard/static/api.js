// REST: JSON in and out, problems (RFC 9457) as errors, the session's token on everything that changes something.

export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || body?.title || `the service answered ${status}`);
    this.status = status;
    this.errors = body?.errors ?? [];
  }
}

export const session = { user: null, role: null, tenant: null, csrf: null, known: false };

const RANK = { viewer: 1, auditor: 1, supervisor: 2, admin: 3 };
export const may = (role) => (RANK[session.role] ?? 0) >= RANK[role];

let gone = () => {};
export function onSignedOut(callback) { gone = callback; }

export async function call(method, path, body, { quiet = false } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET" && session.csrf) headers["X-CSRF-Token"] = session.csrf;
  const form = body instanceof FormData;
  if (body !== undefined && !form) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: form ? body : body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(0, { detail: "the service cannot be reached; is it running, and is the network up?" });
  }
  const json = /json/.test(answer.headers.get("content-type") ?? "") ? await answer.json() : null;
  if (answer.status === 401 && !quiet) gone();
  if (!answer.ok) throw new Problem(answer.status, json);
  return json;
}

export const get = (path, query) => call("GET", query ? `${path}?${search(query)}` : path);
export const post = (path, body = {}) => call("POST", path, body);
export const patch = (path, body) => call("PATCH", path, body);
export const remove = (path) => call("DELETE", path);

export function search(query) {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  return new URLSearchParams(given).toString();
}

export const items = (answer) => (Array.isArray(answer) ? answer : answer?.items ?? []);

// The state of things without a sign-in is asked quietly: 401 is an answer here, not a mistake.
export async function whoAmI() {
  try {
    adopt(await call("GET", "/v1/session", undefined, { quiet: true }));
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    Object.assign(session, { user: null, role: null, tenant: null, csrf: null });
  }
  session.known = true;
  return session;
}

export function adopt(answer) {
  Object.assign(session, {
    user: answer.name,
    role: answer.role,
    tenant: answer.tenant,
    csrf: answer.csrf,
  });
}
