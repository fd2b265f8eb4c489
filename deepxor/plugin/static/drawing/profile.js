// The depth profile: a quantity by layer at one step, a line for every run.

import {FINITE, MISSING, NON_FINITE, ZERO, columnAt, haveSameLayers, kind} from './cells.js';
import {
  drawMarker, fitted, label, labelsOf, line, runColour, runDash, runMarker, ticksOf,
} from './draw.js';

const AREA = {left: 52, right: 12, top: 12};
// The room below for names of layers, and for the words of an axis of shares.
const NAMES = 80, WORDS = 32;
// The words of an axis of shares.
const ENDS = {input: 'input', depth: 'depth', output: 'output'};
// Of more lines than these, only those that stand out have a band.
const MOST_BANDS = 3;

/** Returns where all is on a profile: its box, and the points of each run's line. */
export function layOut(runs, quantity, step, range, width, height) {
  // Layers that differ stand at their share of the depth.
  const names = haveSameLayers(runs.map(({flow}) => flow)) ? runs[0]?.flow.layers : null;
  const w = width - AREA.left - AREA.right;
  const h = height - AREA.top - (names ? NAMES : WORDS);
  const span = range[1] - range[0];
  const [low, high] = [range[0] - 0.04 * span, range[1] + 0.04 * span];
  const yOf = (value) => AREA.top + (1 - (value - low) / (high - low)) * h;
  // What is beyond the axis stands at its end.
  const inside = (y) => Math.min(AREA.top + h, Math.max(AREA.top, y));
  const lines = [];
  for (const run of runs) {
    const column = columnAt(run.flow, step);
    if (column < 0) continue;
    const count = run.flow.layers.length;
    const points = run.flow.layers.map((_, layer) => {
      const i = column * count + layer;
      const cell = kind(run.flow, quantity, i);
      const y = yOf(run.flow[quantity.id][i]);
      return {
        layer, i, cell, x: AREA.left + (count > 1 ? layer / (count - 1) : 0.5) * w,
        y: cell === ZERO ? AREA.top + h : cell === NON_FINITE ? AREA.top : inside(y),
        beyond: cell === FINITE ? Math.sign(inside(y) - y) : 0,
      };
    });
    lines.push({run, points: points.filter(({cell}) => cell !== MISSING)});
  }
  const count = Math.max(...runs.map(({flow}) => flow.layers.length));
  return {w, h, range, yOf, lines, names, count};
}

/** Tells whether a line goes from one point to the next. */
export const isJoined = (point, next) =>
  point.cell === FINITE && next.cell === FINITE && next.layer === point.layer + 1;

/** Draws a profile; runs that are not lit, if any is, are faint. */
export function drawProfile(context, layout, quantity, theme, lit = new Set(), ends = ENDS) {
  drawAxes(context, layout, quantity, theme, ends);
  const isLit = ({run}) => lit.has(run.name);
  const banded = quantity.band ? layout.lines.filter(hasBand(quantity)) : [];
  for (const shown of banded.length > MOST_BANDS ? banded.filter(isLit) : banded) {
    drawBand(context, layout, shown, quantity, lit.size && !isLit(shown) ? 0.05 : 0.2);
  }
  // What stands out lies on top.
  for (const shown of [...layout.lines].sort((a, b) => isLit(a) - isLit(b))) {
    context.globalAlpha = lit.size && !isLit(shown) ? 0.2 : 1;
    drawLine(context, layout, shown, isLit(shown) ? 3 : 2);
  }
  context.globalAlpha = 1;
}

const hasBand = (quantity) => ({run, points}) =>
  points.some(({i}) => Number.isFinite(run.flow[`${quantity.id}_p10`][i]));

function drawAxes(context, {w, h, range, yOf, names, count}, quantity, theme, ends) {
  context.lineWidth = 1;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (const tick of ticksOf(quantity, ...range, Math.max(2, Math.floor(h / 36)))) {
    const y = Math.round(yOf(tick)) + 0.5;
    context.strokeStyle = theme.grid;
    line(context, AREA.left, y, AREA.left + w, y);
    context.fillStyle = theme.text;
    context.fillText(label(quantity, tick), AREA.left - 6, y);
  }
  const bottom = AREA.top + h + 11; // Below the rings of what is exactly zero.
  if (!names) {
    context.textBaseline = 'top';
    for (const [text, x, align] of [[ends.input, 0, 'left'], [ends.depth, 0.5, 'center'],
      [ends.output, 1, 'right']]) {
      context.textAlign = align;
      context.fillText(text, AREA.left + x * w, bottom);
    }
    return;
  }
  const every = Math.ceil(14 * count / w);
  labelsOf(names).forEach((name, layer) => {
    if ((layer % every || count - 1 - layer < every) && layer !== count - 1) return;
    context.save();
    context.translate(AREA.left + (count > 1 ? layer / (count - 1) : 0.5) * w + 3, bottom);
    context.rotate(-Math.PI / 3);
    context.fillText(fitted(context, name, NAMES - 8), 0, 0);
    context.restore();
  });
}

function drawBand(context, {yOf, h}, {run, points}, quantity, alpha) {
  context.save();
  context.beginPath();
  context.rect(0, AREA.top, 1e5, h);
  context.clip();
  context.fillStyle = runColour(run.index);
  context.globalAlpha = alpha;
  const [lows, highs] = ['p10', 'p90'].map((end) => run.flow[`${quantity.id}_${end}`]);
  points.forEach((point, k) => {
    const next = points[k + 1];
    // What is exactly zero or not finite is not on the scale, and nor is its band.
    if (!next || !isJoined(point, next)) return;
    const corners = [
      [point.x, yOf(lows[point.i])], [next.x, yOf(lows[next.i])],
      [next.x, yOf(highs[next.i])], [point.x, yOf(highs[point.i])],
    ];
    if (!corners.flat().every(Number.isFinite)) return;
    context.beginPath();
    corners.forEach(([x, y]) => context.lineTo(x, y));
    context.fill();
  });
  context.restore();
}

function drawLine(context, {count}, {run, points}, width) {
  context.strokeStyle = context.fillStyle = runColour(run.index);
  context.lineWidth = width;
  context.setLineDash(runDash(run.index));
  context.beginPath();
  points.forEach(({x, y}, k) => {
    if (k && isJoined(points[k - 1], points[k])) context.lineTo(x, y);
    else context.moveTo(x, y);
  });
  context.stroke();
  context.setLineDash([]);
  context.lineWidth = 2;
  const radius = count > 60 ? 1.2 : count > 24 ? 2.4 : 3.4;
  for (const point of points) drawPoint(context, point, runMarker(run.index), radius);
}

function drawPoint(context, {cell, x, y, beyond}, marker, radius) {
  if (cell === NON_FINITE) {
    line(context, x - 4, y - 4, x + 4, y + 4);
    line(context, x + 4, y - 4, x - 4, y + 4);
  } else if (cell === ZERO) {
    context.beginPath();
    context.arc(x, y, 4, 0, 7);
    context.stroke();
  } else {
    drawMarker(context, marker, x, y, radius);
    // An arrow off the axis.
    if (beyond) {
      context.beginPath();
      [[-4, 5], [0, 10], [4, 5]].forEach(([dx, dy]) =>
        context.lineTo(x + dx, y - beyond * dy));
      context.stroke();
    }
  }
}
