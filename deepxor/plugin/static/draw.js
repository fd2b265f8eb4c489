// Canvas only: heat maps, the depth profile, the colour scale.

import {FINITE, MISSING, NON_FINITE, ZERO, columnAt, endOf, kind, power} from './data.js';
import {RUN_COLOURS, RUN_DASHES} from './tables.js';

// Viridis, seventeen of its 256 colours; in between, straight lines.
const VIRIDIS = (
  '440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c ' +
  '1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725'
).split(' ').map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

export const MARGIN = {left: 78, right: 8, top: 4, bottom: 22};
const FONT = '11px Roboto, "Helvetica Neue", Arial, sans-serif';

export const runColour = (index) => RUN_COLOURS[index % RUN_COLOURS.length];
const runDash = (index) =>
  RUN_DASHES[index % RUN_DASHES.length];

export function colour(fraction) {
  const position = Math.min(1, Math.max(0, fraction)) * (VIRIDIS.length - 1);
  const i = Math.min(VIRIDIS.length - 2, Math.floor(position));
  return VIRIDIS[i].map((from, channel) =>
    Math.round(from + (VIRIDIS[i + 1][channel] - from) * (position - i)));
}

const rgba = ([r, g, b]) => (255 << 24 | b << 16 | g << 8 | r) >>> 0;
const LOOKUP = Uint32Array.from({length: 256}, (_, i) => rgba(colour(i / 255)));

// Stripes, which nobody takes for a value: white and grey / is exactly zero, red and
// white \ is not finite.
const ZERO_COLOURS = [rgba([255, 255, 255]), rgba([120, 120, 120])];
const NON_FINITE_COLOURS = [rgba([220, 20, 40]), rgba([255, 225, 225])];

function special(cell, x, y) {
  if (cell === ZERO) return ZERO_COLOURS[(x + y) % 6 < 2 ? 1 : 0];
  if (cell === NON_FINITE) return NON_FINITE_COLOURS[(x - y + 6e6) % 7 < 2 ? 1 : 0];
  return 0;
}

/** Maps steps to 0 ... 1 and back. */
export class Axis {
  constructor(low, high, log) {
    Object.assign(this, {low, high: Math.max(high, low + 1), log});
    this.width = this.warp(this.high);
  }
  warp(step) {
    const from = step - this.low;
    return this.log ? Math.log10(1 + Math.max(0, from)) : from;
  }
  position(step) { return this.warp(step) / this.width; }
  step(position) {
    const warped = position * this.width;
    return this.low + (this.log ? 10 ** warped - 1 : warped);
  }
  ticks(count) {
    if (!this.log) return niceTicks(this.low, this.high, count).filter(Number.isInteger);
    const ticks = [this.low];
    for (let gap = 1; this.low + gap < this.high; gap *= 10) {
      // The first power beyond the start that is a round number itself.
      if (this.position(gap) < 1 && gap > this.low) ticks.push(gap);
    }
    return ticks;
  }
}

function niceTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * unit >= raw) * unit;
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high * (1 + 1e-9) + 1e-12; i++) {
    ticks.push(+(i * step).toPrecision(12));
  }
  return ticks;
}

/** Sizes a canvas in pixels, and returns its context in CSS pixels. */
export function prepare(canvas, width, height, ratio = window.devicePixelRatio || 1) {
  const pixels = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) {
    [canvas.width, canvas.height] = pixels;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = FONT;
  return context;
}

export function mapHeight(layers) {
  const row = layers > 60 ? 2 : layers > 24 ? 6 : 19;
  return MARGIN.top + MARGIN.bottom + Math.min(420, Math.max(90, layers * row));
}

/** Returns, for each pixel column, the first and last data column it shows. */
function spans(flow, axis, pixels) {
  const found = [];
  const end = endOf(flow);
  for (let x = 0; x < pixels; x++) {
    const from = axis.step(x / pixels), to = axis.step((x + 1) / pixels);
    if (to <= flow.step[0] || from >= end) { found.push(null); continue; }
    const last = columnAt(flow, to - (to - from) * 1e-6);
    found.push([Math.max(0, Math.min(last, columnAt(flow, from))), Math.max(0, last)]);
  }
  return found;
}

/** Renders a run's cells once; the cursor is drawn over this picture. */
export function renderCells(flow, quantity, scale, axis, width, height) {
  const layers = flow.layers.length;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const values = flow[quantity.id];
  const factor = 255 / (scale[1] - scale[0]);
  const kinds = new Uint8Array(layers), colours = new Uint32Array(layers);
  const layerOf = Int32Array.from({length: height}, (_, y) =>
    layers - 1 - Math.floor(y * layers / height));
  spans(flow, axis, width).forEach((span, x) => {
    if (!span) return;
    for (let layer = 0; layer < layers; layer++) {
      let i = span[1] * layers + layer;
      let cell = kind(flow, quantity, i);
      // A narrow column must not hide what is not finite.
      for (let c = span[0]; c < span[1] && cell !== NON_FINITE; c++) {
        if (kind(flow, quantity, c * layers + layer) === NON_FINITE) cell = NON_FINITE;
      }
      kinds[layer] = cell;
      colours[layer] = cell === FINITE
        ? LOOKUP[Math.round(Math.min(255, Math.max(0, (values[i] - scale[0]) * factor)))]
        : 0;
    }
    for (let y = 0; y < height; y++) {
      const layer = layerOf[y];
      pixels[y * width + x] = kinds[layer] === FINITE
        ? colours[layer] : special(kinds[layer], x, y);
    }
  });
  const picture = document.createElement('canvas');
  [picture.width, picture.height] = [width, height];
  picture.getContext('2d').putImageData(image, 0, 0);
  return picture;
}

/** Draws a card's heat map with its axes and the cursor. */
export function drawMap(context, width, height, flow, picture, axis, theme, cursor) {
  const [w, h] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
  const {left, top} = MARGIN;
  const layers = flow.layers.length;
  context.fillStyle = theme.empty;
  context.fillRect(left, top, w, h);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, left, top, w, h);
  context.fillStyle = theme.text;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  const every = Math.ceil(13 * layers / h);
  for (let layer = 0; layer < layers; layer++) {
    // Output and input always; in between as many as there is room for.
    const fromTop = layers - 1 - layer;
    if (fromTop % every && layer) continue;
    if (layer && layer < every) continue;
    const y = top + (fromTop + 0.5) * h / layers;
    context.fillText(fitted(context, flow.layers[layer], left - 10), left - 5, y);
  }
  drawStepAxis(context, axis, left, top + h, w, theme);
  if (cursor.step === null) return;
  const x = left + axis.position(cursor.step) * w;
  context.strokeStyle = theme.cursorEdge;
  context.lineWidth = 3;
  line(context, x, top, x, top + h);
  context.strokeStyle = theme.cursor;
  context.lineWidth = 1;
  line(context, x, top, x, top + h);
  if (cursor.layer !== null && cursor.layer < layers) {
    context.strokeStyle = theme.cursor;
    const y = top + (layers - 1 - cursor.layer) * h / layers;
    context.strokeRect(left + 0.5, y + 0.5, w - 1, Math.max(2, h / layers - 1));
  }
}

function drawStepAxis(context, axis, left, y, width, theme) {
  context.textBaseline = 'top';
  context.fillStyle = theme.text;
  context.strokeStyle = theme.text;
  context.lineWidth = 1;
  let free = -Infinity;
  for (const tick of axis.ticks(Math.max(2, Math.floor(width / 60)))) {
    const x = left + axis.position(tick) * width;
    const text = compact(tick);
    const half = context.measureText(text).width / 2;
    if (x - half < free || x > left + width + 1) continue;
    free = x + half + 8;
    line(context, x, y, x, y + 4);
    context.textAlign = x + half > left + width ? 'right' : 'center';
    context.fillText(text, context.textAlign === 'right' ? left + width : x, y + 7);
  }
}

function compact(step) {
  if (step >= 1e6) return `${+(step / 1e6).toPrecision(4)}M`;
  return step >= 1e4 ? `${+(step / 1e3).toPrecision(4)}k` : String(step);
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let length = Math.min(text.length, 40);
  while (length > 1 && context.measureText(text.slice(0, length) + '\u2026').width > width) {
    length--;
  }
  return text.slice(0, length) + '\u2026';
}

/** Draws the colour scale with its ticks. */
export function drawScale(context, width, quantity, scale, theme) {
  const [left, w, h] = [14, width - 28, 10];
  for (let x = 0; x < w; x++) {
    context.fillStyle = `rgb(${colour(x / (w - 1))})`;
    context.fillRect(left + x, 2, 1.5, h);
  }
  context.fillStyle = theme.text;
  context.textBaseline = 'top';
  context.textAlign = 'center';
  let ticks = niceTicks(scale[0], scale[1], 5);
  if (quantity.log && scale[1] - scale[0] > 2) ticks = ticks.filter(Number.isInteger);
  for (const tick of ticks) {
    const x = left + (tick - scale[0]) / (scale[1] - scale[0]) * w;
    context.fillRect(x, 2 + h, 1, 3);
    context.fillText(label(quantity, tick), x, h + 7);
  }
}

function label(quantity, value) {
  if (quantity.fraction) return `${Math.round(100 * value)} %`;
  if (!quantity.log) return String(+value.toPrecision(3));
  if (!Number.isInteger(value)) return power(value);
  return value >= -2 && value <= 3 ? String(+(10 ** value).toPrecision(1)) : `1e${value}`;
}

/** Draws one of the special cells, for the legend. */
export function drawSwatch(canvas, cell) {
  const [width, height] = [22, 12];
  const context = canvas.getContext('2d');
  [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = special(cell, i % width, Math.floor(i / width));
  }
  context.putImageData(image, 0, 0);
}

/** Draws all runs' quantity by layer at a step. */
export function drawProfile(context, width, height, runs, quantity, step, range, theme) {
  const area = {left: 52, right: 12, top: 10, bottom: 80};
  const w = width - area.left - area.right, h = height - area.top - area.bottom;
  const longest = runs.reduce((best, {flow}) =>
    flow.layers.length > best.length ? flow.layers : best, []);
  const count = longest.length;
  const span = range[1] - range[0];
  const [low, high] = [range[0] - 0.04 * span, range[1] + 0.04 * span];
  const xOf = (layer) => area.left + (count > 1 ? layer / (count - 1) : 0.5) * w;
  const yOf = (value) => area.top + (1 - (value - low) / (high - low)) * h;
  drawProfileAxes(context, area, w, h, longest, quantity, range, xOf, yOf, theme);
  for (const run of runs) {
    const column = columnAt(run.flow, step);
    if (column < 0) continue;
    const shown = {run, quantity, from: column * run.flow.layers.length, xOf, yOf};
    if (quantity.band) drawBand(context, shown);
    drawLine(context, shown, area.top + h, area.top);
  }
}

function drawProfileAxes(context, area, w, h, names, quantity, range, xOf, yOf, theme) {
  context.lineWidth = 1;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  let ticks = niceTicks(range[0], range[1], Math.max(2, Math.floor(h / 36)));
  if (quantity.log && range[1] - range[0] > 2) ticks = ticks.filter(Number.isInteger);
  for (const tick of ticks) {
    const y = Math.round(yOf(tick)) + 0.5;
    context.strokeStyle = theme.grid;
    line(context, area.left, y, area.left + w, y);
    context.fillStyle = theme.text;
    context.fillText(label(quantity, tick), area.left - 6, y);
  }
  const every = Math.ceil(14 * names.length / w);
  names.forEach((name, layer) => {
    const last = names.length - 1;
    if ((layer % every || last - layer < every) && layer !== last) return;
    context.save();
    // Below the rings of what is exactly zero.
    context.translate(xOf(layer) + 3, area.top + h + 11);
    context.rotate(-Math.PI / 3);
    context.fillText(fitted(context, name, area.bottom - 8), 0, 0);
    context.restore();
  });
}

function drawBand(context, {run, quantity, from, xOf, yOf}) {
  const {flow, index} = run;
  context.fillStyle = runColour(index);
  context.globalAlpha = 0.2;
  const n = flow.layers.length;
  const [lows, highs] = ['p10', 'p90'].map((end) => flow[`${quantity.id}_${end}`]);
  const edge = (values, layer) => [xOf(layer), yOf(values[from + layer])];
  for (let layer = 0; layer + 1 < n; layer++) {
    // What is exactly zero or not finite is not on the scale, and nor is its band.
    const ends = [layer, layer + 1].map((end) => kind(flow, quantity, from + end));
    if (ends.some((cell) => cell !== FINITE)) continue;
    const corners = [
      edge(lows, layer), edge(lows, layer + 1),
      edge(highs, layer + 1), edge(highs, layer),
    ];
    if (!corners.flat().every(Number.isFinite)) continue;
    context.beginPath();
    corners.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.fill();
  }
  context.globalAlpha = 1;
}

function drawLine(context, {run, quantity, from, xOf, yOf}, bottom, top) {
  const {flow, index} = run;
  context.strokeStyle = context.fillStyle = runColour(index);
  context.lineWidth = 2;
  context.setLineDash(runDash(index));
  context.beginPath();
  let pen = false;
  const marks = [];
  for (let layer = 0; layer < flow.layers.length; layer++) {
    const cell = kind(flow, quantity, from + layer);
    const x = xOf(layer);
    if (cell === FINITE) {
      const y = yOf(flow[quantity.id][from + layer]);
      if (pen) context.lineTo(x, y); else context.moveTo(x, y);
      marks.push([cell, x, y]);
    } else if (cell !== MISSING) {
      marks.push([cell, x, cell === ZERO ? bottom : top]);
    }
    pen = cell === FINITE;
  }
  context.stroke();
  context.setLineDash([]);
  const radius = flow.layers.length > 60 ? 1.2 : 3;
  for (const [cell, x, y] of marks) mark(context, cell, x, y, radius);
}

function mark(context, cell, x, y, radius) {
  context.beginPath();
  if (cell === NON_FINITE) {
    context.moveTo(x - 4, y - 4); context.lineTo(x + 4, y + 4);
    context.moveTo(x + 4, y - 4); context.lineTo(x - 4, y + 4);
    context.stroke();
  } else {
    context.arc(x, y, cell === ZERO ? 4 : radius, 0, 7);
    if (cell === ZERO) context.stroke(); else context.fill();
  }
}
