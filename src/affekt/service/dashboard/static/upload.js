// A file -> its emotions over time, with the sound in step. The file goes to the service, and is not kept there.

import { call as ask, get } from "./api.js";
import { chart } from "./chart.js";
import { clock, empty, fill, h, head, percent, toast } from "./dom.js";
import { swatch, word } from "./paint.js";

export function mount(root) {
  const file = h("input.unseen", { type: "file", id: "file", accept: "audio/*,video/*" }), agent = h("select", { id: "agent" }, [["", "nobody is an agent"], ["left", "left channel is the agent"], ["right", "right channel is the agent"]].map(([value, name]) => h("option", { value }, name)));
  const drop = h("label.drop", { for: "file" }, file, h("strong", "Choose a recording"), h("span.soft", "or drop it here: WAV, FLAC, MP3, Ogg; a call in stereo has a speaker on each side"));
  const status = h("p.soft", { role: "status" }), result = h("div");
  fill(root, head("Upload and see"), h("section", { "aria-label": "The file" }, drop, h("div.field.inline", h("label", { for: "agent" }, "Stereo"), agent), status), result);
  let plot = null, address = null, frame = null, turn = 0;

  file.addEventListener("change", () => file.files[0] && judge(file.files[0]));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files[0]) judge(event.dataTransfer.files[0]);
    });
  }
  agent.addEventListener("change", () => file.files[0] && judge(file.files[0]));

  async function judge(chosen) {
    const mine = ++turn;
    clear();
    status.textContent = `Listening to ${chosen.name}…`;
    try {
      const form = new FormData();
      form.append("files", chosen);
      let answer = await ask("POST", agent.value ? `/v1/predict?agent=${agent.value}` : "/v1/predict", form);
      if (answer.job) answer = await waited(answer.job, mine);
      if (mine !== turn || !answer) return;
      const one = answer.results[0];
      if (!one.timeline) throw new Error(one.problem?.detail ?? one.problem?.title ?? "it could not be judged");
      status.textContent = "";
      show(chosen, one.timeline);
    } catch (problem) {
      if (mine !== turn) return;
      status.textContent = "";
      fill(result, empty("This file could not be judged", problem.message));
      toast(problem.message, true);
    }
    file.value = "";
  }

  async function waited(job, mine) {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      if (mine !== turn) return null;
      const state = await get(`/v1/jobs/${encodeURIComponent(job.id ?? job)}`);
      if (["failed", "error", "cancelled"].includes(state.state)) throw new Error(state.result?.problem?.detail ?? state.error ?? "the job has failed");
      if (state.result && ["done", "finished", "succeeded"].includes(state.state)) return state.result;
      status.textContent = `Listening… ${percent(state.progress)}`;
    }
  }

  function show(chosen, timeline) {
    address = URL.createObjectURL(chosen);
    const audio = h("audio", { src: address, preload: "metadata" }), play = h("button.primary", { type: "button", "aria-label": "Play" }, "▶ Play"), at = h("span.time", "0:00");
    const picture = h("section", { "aria-label": "Over time" }), within = h("div");
    const started = () => { play.textContent = audio.paused ? "▶ Play" : "❚❚ Pause"; play.setAttribute("aria-label", audio.paused ? "Play" : "Pause"); follow(); };
    const toggle = () => (audio.paused ? audio.play().catch((problem) => toast(`this browser cannot play the file: ${problem.message}`, true)) : audio.pause());
    play.addEventListener("click", toggle);
    for (const kind of ["play", "pause", "ended"]) audio.addEventListener(kind, started);
    audio.addEventListener("seeked", follow);
    fill(picture, h("div.tools", play, at, h("span.soft", `${timeline.source} · ${clock(timeline.duration)} · ${timeline.rate / 1000} kHz · ${timeline.model}`)), within, audio);
    fill(result, picture, summary(timeline));
    plot = chart(within, { label: "The recording", onseek: (t) => { audio.currentTime = t; } });
    within.addEventListener("keydown", (event) => { if (event.key === " " && event.target.closest(".chart")) { event.preventDefault(); toggle(); } });
    plot.set(picturedFrom(timeline));

    function follow() {
      cancelAnimationFrame(frame);
      plot.playhead(audio.currentTime);
      at.textContent = `${clock(audio.currentTime)} / ${clock(timeline.duration)}`;
      if (!audio.paused) frame = requestAnimationFrame(follow);
    }
  }

  function clear() {
    cancelAnimationFrame(frame);
    plot?.destroy();
    plot = null;
    if (address) URL.revokeObjectURL(address);
    address = null;
    fill(result);
  }
  return () => { turn++; clear(); };
}

// Windows overlap; a cell reaches from the middle between two windows to the next.
function cellsOfTurn(turn) {
  if (turn.emotion == null) return [];
  const windows = turn.windows.length ? turn.windows : [turn], at = windows.map((one) => (one.start + one.end) / 2);
  return windows.map((one, i) => ({ at: at[i], from: i ? (at[i - 1] + at[i]) / 2 : turn.start, to: i + 1 < at.length ? (at[i] + at[i + 1]) / 2 : turn.end,
    emotion: one.emotion, level: one.probs[one.emotion], valence: one.valence, arousal: one.arousal, uncertain: one.uncertain }));
}

function picturedFrom(timeline) {
  const names = [...new Set(timeline.turns.map((turn) => turn.speaker ?? "speaker"))];
  const speakers = names.map((name) => {
    const turns = timeline.turns.filter((turn) => (turn.speaker ?? "speaker") === name);
    return { name, role: turns[0]?.role, cells: turns.flatMap(cellsOfTurn), turns: turns.map((turn) => ({ ...turn, level: turn.probs?.[turn.emotion] })) };
  });
  return { duration: timeline.duration, speakers: speakers.sort((a, b) => (a.role === "agent") - (b.role === "agent")) };
}

function summary(timeline) {
  const { emotions, talk, uncertain } = timeline.summary, total = Object.values(talk).reduce((sum, seconds) => sum + seconds, 0);
  const row = (name, share, value) => h("div.share", h("span.share-name", name), h("div.track", h("i", { style: { width: `${Math.round(100 * share)}%` } })), h("span.number", value));
  const roles = new Map(timeline.turns.map((turn) => [turn.speaker ?? "speaker", turn.role]));
  return h("section", { "aria-labelledby": "sum-title" }, h("h2", { id: "sum-title" }, "Summary"), h("div.two",
    h("div", h("h3", "Emotions, share of the judged speech"), Object.entries(emotions).map(([name, share]) => row([swatch(name), " ", word(name, false)], share, percent(share)))),
    h("div", h("h3", "Talk"), Object.entries(talk).map(([who, seconds]) => row(roles.get(who) === "agent" ? `${who} (agent)` : who, total ? seconds / total : 0, clock(seconds))), row("uncertain", uncertain, percent(uncertain)),
      timeline.notes.map((note) => h("p.notice", note)), h("p.soft", timeline.licence))));
}
