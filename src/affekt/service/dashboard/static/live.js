// Server-sent events -> the live state in this tab. A delta holds all that was missed, so a slow tab is only ever behind.

const POINTS = 180;

// What `affekt.service.control.hub.merged` does.
export function merged(state, delta) {
  for (const id of delta.ended) state.calls.delete(id);
  for (const fresh of delta.calls) {
    const before = state.calls.get(fresh.id);
    const points = [...(before?.points ?? []), ...(fresh.points ?? [])].slice(-POINTS);
    state.calls.set(fresh.id, { ...before, ...fresh, points });
  }
  if (delta.load) state.load = delta.load;
  if (delta.alerts_open != null) state.open = delta.alerts_open;
  return state;
}

export class Live {
  constructor(call = null) {
    this.state = { calls: new Map(), load: {}, open: 0 };
    this.status = "connecting";
    this.skew = 0; // ms that the service's clock is ahead of ours
    this.listeners = new Set();
    this.path = call ? `/v1/events?call=${encodeURIComponent(call)}` : "/v1/events";
  }

  on(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  start() {
    this.source = new EventSource(this.path);
    this.source.addEventListener("snapshot", (event) => {
      const { calls, load, alerts_open, now } = JSON.parse(event.data);
      this.state = { calls: new Map(calls.map((call) => [call.id, call])), load, open: alerts_open };
      this.skew = new Date(now).getTime() - Date.now();
      this.tell("live", { snapshot: true, alerts: [], ended: [], calls });
    });
    this.source.addEventListener("delta", (event) => {
      const delta = JSON.parse(event.data);
      merged(this.state, delta);
      this.tell("live", delta);
    });
    this.source.onerror = () => {
      this.tell(this.source.readyState === EventSource.CLOSED ? "closed" : "connecting", null);
      if (this.source.readyState === EventSource.CLOSED) this.retry = setTimeout(() => this.start(), 4000);
    };
    return this;
  }

  stop() {
    clearTimeout(this.retry);
    this.source?.close();
  }

  tell(status, change) {
    this.status = status;
    for (const listener of this.listeners) listener(this.state, change, status);
  }

  now() {
    return Date.now() + this.skew;
  }
}
