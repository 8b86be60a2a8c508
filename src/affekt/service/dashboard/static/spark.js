// The last minutes of a call in a strip: each stretch as high as its level, in its colour, with its letter.

import { cellsOf, column, css, inkOn, mark, pen, runs } from "./paint.js";

export const SPAN = 180; // seconds that a strip shows

export function strip(canvas, call, now) {
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return;
  const drawn = pen(canvas, width, height), from = Math.max(0, now - SPAN), x = (t) => Math.round(((t - from) / SPAN) * width);
  drawn.fillStyle = css("line");
  for (let minute = Math.ceil(from / 60) * 60; minute <= from + SPAN; minute += 60) drawn.fillRect(x(minute), 0, 1, height);
  drawn.fillRect(0, height - 1, width, 1);
  const cells = cellsOf(call.points).filter((cell) => cell.to > from);
  for (const cell of cells) column(drawn, cell, x(cell.from), height - 1, Math.max(1, x(cell.to) - x(cell.from)), height - 4);
  letters(drawn, cells, x, height);
  drawn.fillStyle = css("accent");
  if (now < SPAN) drawn.fillRect(x(now), 0, 1, height);
}

// What an alert stands on, over its own time: the level of the strongest emotion, whichever that was, in columns;
// valence and arousal as lines.
export function proof(canvas, points) {
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height || !points.length) return;
  const drawn = pen(canvas, width, height), cells = cellsOf(points.map(([t, level, valence, arousal]) => [t, null, level, valence, arousal, 0]));
  const from = cells[0].from, to = Math.max(cells[cells.length - 1].to, from + 1), x = (t) => Math.round(((t - from) / (to - from)) * (width - 34));
  drawn.fillStyle = css("line");
  for (const share of [0, 0.5, 1]) drawn.fillRect(0, Math.round(share * (height - 1)), width - 34, 1);
  for (const cell of cells) column(drawn, cell, x(cell.from), height - 1, Math.max(1, x(cell.to) - x(cell.from)), height - 2, css("line"));
  for (const [axis, colour, dash] of [["arousal", css("accent"), [6, 4]], ["valence", css("ink"), []]]) {
    drawn.beginPath();
    drawn.setLineDash(dash);
    drawn.strokeStyle = colour;
    drawn.lineWidth = 2;
    for (const cell of cells.filter((one) => one[axis] != null)) drawn.lineTo(x(cell.at), ((1 - cell[axis]) / 2) * (height - 4) + 2);
    drawn.stroke();
  }
  drawn.fillStyle = css("soft");
  drawn.font = "11px system-ui, sans-serif";
  for (const [share, text] of [[0.08, "+1"], [0.5, "0"], [0.92, "−1"]]) drawn.fillText(text, width - 26, share * height);
}

function letters(drawn, cells, x, height) {
  drawn.font = "700 11px system-ui, sans-serif";
  drawn.textAlign = "center";
  for (const run of runs(cells)) {
    const left = Math.max(0, x(run.from)), wide = x(run.to) - left, tall = run.level * (height - 4);
    if (wide < 13) continue;
    const inside = tall > 17 && !run.uncertain, at = left + wide / 2;
    drawn.fillStyle = inside ? inkOn(run.emotion) : css("ink");
    drawn.fillText(run.uncertain ? "?" : mark(run.emotion), at, inside ? height - 10 : Math.max(8, height - tall - 9));
  }
}
