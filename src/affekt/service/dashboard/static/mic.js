// The microphone of this browser as a call: our own WebSocket protocol, as docs/ingest.md has it.

import { get, session } from "./api.js";
import { fill, h, head, toast } from "./dom.js";
import { swatch, word } from "./paint.js";
import { strip } from "./spark.js";

const HEADER = 8; // bytes: track u8, flags u8, reserved u16, position u32 in samples; little-endian
const RATE = 16000;
const SLOW = 65536; // bytes that may wait; beyond them pieces are left out, and their place says so

// A service that listens on every address, or on loopback, is reached by the name that this page came from.
function reachable(told) {
  const found = new URL(told);
  if (["0.0.0.0", "[::]", "127.0.0.1", "localhost"].includes(found.hostname)) found.hostname = location.hostname;
  return `${found.protocol}//${found.host}`;
}

export async function mount(root, { live }) {
  const system = await get("/v1/system");
  const address = h("input", { id: "mic-url", value: `${reachable(system.settings.ingest)}/v1/ingest/affekt`, spellcheck: "false" });
  const token = h("input", { id: "mic-token", type: "password", autocomplete: "off", placeholder: "shown once when it is made, in Admin" });
  const go = h("button.primary", { type: "button" }, "Start"), status = h("p.soft", { role: "status" }, "Nothing is sent before you start.");
  const meter = h("meter", { min: 0, max: 1, low: 0.02, high: 0.95, optimum: 0.4, value: 0, "aria-label": "Level of the microphone" }), shown = h("div.now"), canvas = h("canvas.proof", { "aria-hidden": "true" });
  fill(root, head("Microphone"), h("section", { "aria-label": "Microphone" },
    h("p", "Speak, and see what the service hears: this browser is then a call like any other, with the customer on its only track."),
    h("div.filters", h("div.field.wide", h("label", { for: "mic-url" }, "Ingest address"), address), h("div.field", h("label", { for: "mic-token" }, "Ingest token"), token)),
    h("div.tools", go, meter, status), shown, canvas));
  const external = `browser-${crypto.randomUUID()}`;
  let context = null, socket = null, media = null, position = 0, id = null;
  const agent = `${session.user ?? "browser"} (microphone)`;

  go.addEventListener("click", () => (context ? stop("stopped") : start()));

  async function start() {
    go.disabled = true;
    try {
      media = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: false, autoGainControl: false, noiseSuppression: false } });
      context = new AudioContext({ sampleRate: RATE });
      await context.audioWorklet.addModule(new URL("mic-worklet.js", import.meta.url).href);
      await connect();
      const pieces = new AudioWorkletNode(context, "pieces", { numberOfOutputs: 0, channelCount: 1 });
      pieces.port.onmessage = ({ data }) => send(data);
      context.createMediaStreamSource(media).connect(pieces);
      go.textContent = "Stop";
      status.textContent = "Listening. The first mood comes after about three seconds of speech.";
    } catch (problem) {
      stop(problem.message || "the microphone cannot be opened");
      toast(status.textContent, true);
    }
    go.disabled = false;
  }

  function connect() {
    return new Promise((resolve, reject) => {
      socket = new WebSocket(address.value);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => {
        socket.send(JSON.stringify({ type: "hello", call: external, rate: context.sampleRate, encoding: "pcm16", tracks: ["customer"], token: token.value, agent, notice: true, consent: "given" }));
        resolve();
      };
      socket.onerror = () => reject(new Error("the ingest address does not answer; is it right, and does the token fit?"));
      socket.onclose = (event) => { if (context) stop(event.reason || "the service has closed the connection"); };
    });
  }

  function send({ samples, loud }) {
    meter.value = loud;
    const length = samples.byteLength / 2, place = position;
    position += length;
    if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > SLOW) return;
    const frame = new Uint8Array(HEADER + samples.byteLength), view = new DataView(frame.buffer);
    view.setUint32(4, place, true);
    frame.set(new Uint8Array(samples), HEADER);
    socket.send(frame);
  }

  function stop(why) {
    media?.getTracks().forEach((track) => track.stop());
    context?.close();
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "bye" }));
    const closing = socket;
    context = media = socket = null;
    setTimeout(() => closing?.close(), 200);
    position = 0;
    meter.value = 0;
    go.textContent = "Start";
    status.textContent = `Not listening: ${why}.`;
  }

  const off = live.on((state) => {
    const call = [...state.calls.values()].filter((one) => one.agent === agent).sort((a, b) => (a.started < b.started ? 1 : -1))[0];
    if (!call) return;
    if (id !== call.id) id = call.id;
    fill(shown, h("p.present", swatch(call.emotion, call.uncertain), h("strong", word(call.emotion, call.uncertain)), h("a", { href: `#/calls/${encodeURIComponent(id)}` }, "this call")));
    strip(canvas, call, call.time);
  });
  return () => { off(); if (context) stop("the page was left"); };
}
