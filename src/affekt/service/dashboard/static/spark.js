// The last minutes of a call in a strip: each stretch as high as its level, in its colour, with its letter.

import { cellsOf, column, css, inkOn, mark, pen, runs } from "./paint.js";

export const SPAN = 180; // seconds that a strip shows

export function strip(canvas, call, now) {
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return;
  const drawn = pen(canvas, width, height), from = Math.max(0, now - SPAN), x = (t) => ((t - from) / SPAN) * width;
  drawn.fillStyle = css("line");
  for (let minute = Math.ceil(from / 60) * 60; minute <= from + SPAN; minute += 60) drawn.fillRect(Math.round(x(minute)), 0, 1, height);
  drawn.fillRect(0, height - 1, width, 1);
  const cells = cellsOf(call.points).filter((cell) => cell.to > from);
  for (const cell of cells) column(drawn, cell, x(cell.from), height - 1, Math.max(1, x(cell.to) - x(cell.from)), height - 4);
  letters(drawn, cells, x, height);
  if (now < SPAN) {
    drawn.fillStyle = css("faint");
    drawn.fillRect(x(now), 0, width - x(now), height - 1);
  }
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
