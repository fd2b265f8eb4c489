// The network as it stands: layers as cells that glow with the gradient they get, weights
// as threads, units as dots. The input is on the left, the output on the right.

import {FINITE, MISSING} from '../drawing/cells.js';
import {colour, doubleStroke, fitted, stripes} from '../drawing/draw.js';
import {power} from '../drawing/words.js';
import {WEIGHTS} from '../tables.js';

export const HEIGHT = 214;
const TOP = 6, FOOT = 34, SIDE = 4;
// Little gradient is little light, in both themes.
const UNLIT = '#23232e';
// How bright what the pulse has not reached is, and how many layers its head covers.
const DIM = 0.16, HEAD = 1.4;
// From here on there is room for a number under each layer, in pixels.
const NUMBER_WIDTH = 46;
// The widths of threads in pixels, by the share of the largest weight.
const THREADS = [[0.12, 0.4], [0.35, 0.9], [0.7, 1.6], [Infinity, 2.6]];

/** Returns where all is: a column for the input and for each layer, with its units. */
export function layOutLayers(units, width) {
  const pitch = (width - 2 * SIDE) / units.length;
  const cell = Math.min(56, 0.5 * pitch);
  const height = HEIGHT - TOP - FOOT;
  const most = Math.max(...units);
  const radius = Math.max(2, Math.min(7, 0.36 * height / most, 0.3 * cell));
  const columns = units.map((count, column) => {
    const x = SIDE + (column + 0.5) * pitch;
    const gap = height / Math.max(count, 4);
    const first = TOP + height / 2 - gap * (count - 1) / 2;
    const nodes = Array.from({length: count}, (_, unit) => ({x, y: first + unit * gap}));
    return {x, nodes, box: [x - cell / 2, TOP, cell, height]};
  });
  return {columns, pitch, radius, width};
}

/** Returns {layer, unit} at a position; the unit is null beside all, the input is none. */
export function layerAt({columns, pitch, radius}, x, y) {
  const column = Math.floor((x - SIDE) / pitch);
  if (column < 1 || column >= columns.length) return null;
  const reach = radius + 5;
  const unit = columns[column].nodes.findIndex((node) =>
    Math.hypot(node.x - x, node.y - y) <= reach);
  return {layer: column - 1, unit: unit < 0 ? null : unit};
}

/**
 * Draws the network. The state: `cells` of the layers, as `cellsAt` returns them; the
 * `threads`, a canvas with one network's weights; the `scale` of colours; the `chosen` {layer, unit} or null;
 * `pulse`, the share of the way back that the light has gone, or null for all of it;
 * `names` of the layers, of the input first.
 */
export function drawLayers(context, layout, state, theme) {
  const {columns} = layout;
  const layers = columns.length - 1;
  context.drawImage(state.threads, 0, 0, layout.width, HEIGHT);
  state.cells.forEach((cell, layer) => {
    const fromEnd = layers - 1 - layer;
    const ahead = fromEnd - (state.pulse ?? 2) * (layers + 2 * HEAD) + HEAD;
    drawCell(context, cell, state.scale, columns[layer + 1].box, ahead);
  });
  drawUnits(context, layout, theme);
  drawNames(context, layout, state, theme);
  if (!state.chosen) return;
  const {layer, unit} = state.chosen;
  const {box, nodes} = columns[layer + 1];
  doubleStroke(context, () => context.strokeRect(...box));
  if (unit === null || !nodes[unit]) return;
  doubleStroke(context, () => {
    context.beginPath();
    context.arc(nodes[unit].x, nodes[unit].y, layout.radius + 3, 0, 7);
    context.stroke();
  });
}

function drawCell(context, cell, scale, box, ahead) {
  context.globalAlpha = 1;
  context.fillStyle = UNLIT;
  context.fillRect(...box);
  if (cell.kind === MISSING) return;
  const light = DIM + (1 - DIM) * Math.min(1, Math.max(0, 0.5 - ahead));
  context.globalAlpha = light;
  if (cell.kind !== FINITE) {
    context.fillStyle = stripes(context, cell.kind, 2);
    context.fillRect(...box);
  } else {
    const fraction = Math.min(1, Math.max(0, (cell.norm - scale.low) / (scale.high - scale.low)));
    const [x, y, width, height] = box;
    context.fillStyle = `rgb(${colour(fraction)})`;
    // The glow around it.
    context.globalAlpha = 0.3 * light * fraction;
    context.fillRect(x - 4, y - 3, width + 8, height + 6);
    context.globalAlpha = light;
    context.fillRect(...box);
    context.globalAlpha = 0.85 * fraction * Math.exp(-((ahead / HEAD) ** 2) * 2);
    context.fillStyle = '#fff';
    context.fillRect(...box);
  }
  context.globalAlpha = 1;
}

/** Draws weights as lines, all of a colour and a width in one stroke, for speed. */
export function drawThreads(context, {columns}, weights) {
  const paths = new Map();
  weights.forEach(({kernel}, layer) => {
    const from = columns[layer].nodes, to = columns[layer + 1].nodes;
    const count = kernel.length / from.length;
    let most = 0;
    for (const weight of kernel) if (Math.abs(weight) > most) most = Math.abs(weight);
    if (!(most > 0) || most === Infinity) return;
    // Each piece of a maxout unit has weights of its own; the largest one is drawn.
    const pieces = count / to.length;
    from.forEach((start, i) => to.forEach((end, j) => {
      let weight = 0;
      for (let piece = 0; piece < pieces; piece++) {
        const found = kernel[i * count + j * pieces + piece];
        if (Math.abs(found) > Math.abs(weight)) weight = found;
      }
      const level = THREADS.findIndex(([share]) => Math.abs(weight) / most <= share);
      if (level < 0) return;
      const key = 2 * level + (weight > 0 ? 1 : 0);
      if (!paths.has(key)) paths.set(key, new Path2D());
      const path = paths.get(key);
      path.moveTo(start.x, start.y);
      path.lineTo(end.x, end.y);
    }));
  });
  context.globalAlpha = 0.75;
  for (const key of [...paths.keys()].sort((a, b) => a - b)) {
    context.strokeStyle = WEIGHTS[key % 2];
    context.lineWidth = THREADS[key >> 1][1];
    context.stroke(paths.get(key));
  }
  context.globalAlpha = 1;
}

function drawUnits(context, {columns, radius}, theme) {
  context.lineWidth = 1.5;
  context.strokeStyle = '#111';
  context.fillStyle = '#fff';
  for (const {nodes} of columns) {
    for (const {x, y} of nodes) {
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.fill();
      context.stroke();
    }
  }
  context.fillStyle = theme.text;
}

/** Names the input, the first layer and the output, and others where there is room. */
function drawNames(context, {columns, pitch}, {names, cells, pulse}, theme) {
  const every = Math.ceil(56 / pitch);
  const last = columns.length - 1;
  context.textBaseline = 'top';
  columns.forEach(({x}, column) => {
    const isEnd = column === 0 || column === last;
    const isCrowded = last - column < every || column < every;
    if (!isEnd && !(column === 1 && every < 2) && (isCrowded || column % every)) return;
    context.textAlign = column === 0 && pitch < 50 ? 'left' : column === last && pitch < 60 ? 'right' : 'center';
    const at = context.textAlign === 'left' ? 0 : context.textAlign === 'right' ? x + pitch / 2 : x;
    context.fillStyle = theme.text;
    context.fillText(fitted(context, names[column], Math.max(64, every * pitch - 4)), at, HEIGHT - FOOT + 5);
    const cell = cells[column - 1];
    if (!cell || cell.kind !== FINITE || (pulse !== null && pulse < 0.9)) return;
    if (every * pitch < NUMBER_WIDTH) return;
    context.fillStyle = theme.strong;
    context.fillText(power(cell.norm), at, HEIGHT - FOOT + 19);
  });
}
