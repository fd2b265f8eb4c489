// Canvas only: heat maps, the colour scale, markers, axes.

import {FINITE, NON_FINITE, ZERO, columnAt, endOf, kind} from './cells.js';
import {RUN_COLOURS, RUN_DASHES, RUN_MARKERS} from './tables.js';
import {power, prefixOf, shortened} from './words.js';

// Viridis, seventeen of its 256 colours; in between, straight lines.
const VIRIDIS = (
  '440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c ' +
  '1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725'
).split(' ').map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

export const MARGIN = {left: 78, right: 8, top: 8, bottom: 22};
const FONT = '11px Roboto, "Helvetica Neue", Arial, sans-serif';

// From here on a row has room for the shares of replicas, in pixels.
const SHARES_HEIGHT = 8;

const inTurn = (list) => (index) => list[index % list.length];

export const runColour = inTurn(RUN_COLOURS);
export const runDash = inTurn(RUN_DASHES);
export const runMarker = inTurn(RUN_MARKERS);

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
const FLAG = '#dc1428';
const NON_FINITE_COLOURS = [rgba([220, 20, 40]), rgba([255, 225, 225])];

/** Returns the colour of a pixel of what has no place on the scale. */
export function special(cell, x, y) {
  if (cell === ZERO) return ZERO_COLOURS[(x + y) % 6 < 2 ? 1 : 0];
  if (cell === NON_FINITE) return NON_FINITE_COLOURS[(x - y + 6e6) % 7 < 2 ? 1 : 0];
  return 0;
}

const patterns = new Map();

/** Returns a pattern of the stripes of what is exactly zero or not finite. */
export function stripes(context, cell, factor = 1) {
  const key = `${cell} ${factor}`;
  if (!patterns.has(key)) {
    const size = 42; // Both kinds of stripes are whole in it.
    const image = new ImageData(size, size);
    new Uint32Array(image.data.buffer).forEach((_, i, pixels) => {
      pixels[i] = special(cell, i % size, Math.floor(i / size));
    });
    const tile = document.createElement('canvas');
    [tile.width, tile.height] = [size, size];
    tile.getContext('2d').putImageData(image, 0, 0);
    const pattern = context.createPattern(tile, 'repeat');
    pattern.setTransform(new DOMMatrix().scale(factor));
    patterns.set(key, pattern);
  }
  return patterns.get(key);
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

/** Returns round numbers between two ends. */
export function niceTicks(low, high, count) {
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
export function renderCells(flow, quantity, scale, axis, width, height, withShares = true) {
  const layers = flow.layers.length;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const values = flow[quantity.id];
  const factor = 255 / (scale.high - scale.low);
  const edges = Int32Array.from({length: layers + 1}, (_, layer) =>
    Math.ceil((layers - layer) * height / layers));
  const hasShares = withShares && quantity.id === 'norm_log10' && height / layers >= SHARES_HEIGHT;
  spans(flow, axis, width).forEach((span, x) => {
    if (!span) return;
    for (let layer = 0; layer < layers; layer++) {
      const i = span[1] * layers + layer;
      let cell = kind(flow, quantity, i);
      // A narrow column must not hide what is not finite.
      for (let c = span[0]; c < span[1] && cell !== NON_FINITE; c++) {
        if (kind(flow, quantity, c * layers + layer) === NON_FINITE) cell = NON_FINITE;
      }
      const filling = cell === FINITE
        ? LOOKUP[Math.round(Math.min(255, Math.max(0, (values[i] - scale.low) * factor)))] : 0;
      const [top, bottom] = [edges[layer + 1], edges[layer]];
      let [faulty, zeros] = [top, bottom];
      if (hasShares && cell === FINITE) {
        const room = bottom - top;
        faulty += part(shareOf(flow.non_finite_replicas, span, layer, layers), room);
        zeros -= part(shareOf(flow.zero_replicas, span, layer, layers), room);
      }
      for (let y = top; y < bottom; y++) {
        const shown = y < faulty ? NON_FINITE : y >= zeros ? ZERO : cell;
        pixels[y * width + x] = shown === FINITE ? filling : special(shown, x, y);
      }
    }
  });
  const picture = document.createElement('canvas');
  [picture.width, picture.height] = [width, height];
  picture.getContext('2d').putImageData(image, 0, 0);
  return picture;
}

/** Returns the largest share of replicas among the records of a pixel column. */
function shareOf(shares, span, layer, layers) {
  let found = 0;
  for (let c = span[0]; c <= span[1]; c++) {
    if (shares[c * layers + layer] > found) found = shares[c * layers + layer];
  }
  return found;
}

/** Returns how many pixels of a row show a share: one at least, if there is any. */
const part = (share, room) => (share > 0 ? Math.max(1, Math.round(share * room)) : 0);

/** Draws a card's heat map with its axes and the cursor. */
export function drawMap(context, width, height, flow, picture, axis, theme, cursor) {
  const [w, h] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
  const {left, top} = MARGIN;
  const layers = flow.layers.length;
  context.fillStyle = theme.empty;
  context.fillRect(left, top, w, h);
  context.imageSmoothingEnabled = false;
  if (picture) context.drawImage(picture, left, top, w, h);
  context.fillStyle = theme.text;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  const every = Math.ceil(13 * layers / h);
  labelsOf(flow.layers).forEach((label, layer) => {
    // Output and input always; in between as many as there is room for.
    const fromTop = layers - 1 - layer;
    if (fromTop % every && layer) return;
    if (layer && layer < every) return;
    const y = top + (fromTop + 0.5) * h / layers;
    context.fillText(fitted(context, label, left - 10), left - 5, y);
  });
  drawStepAxis(context, axis, left, top + h, w, theme);
  if (flow.fault_step !== null) drawFlag(context, axis, flow.fault_step, left, top, w);
  if (cursor.step === null || cursor.step < axis.low) return;
  const x = left + Math.min(1, axis.position(cursor.step)) * w;
  doubleStroke(context, () => line(context, x, top, x, top + h));
  if (cursor.layer !== null && cursor.layer < layers) {
    const y = top + (layers - 1 - cursor.layer) * h / layers;
    doubleStroke(context, () =>
      context.strokeRect(left + 0.5, y + 0.5, w - 1, Math.max(2, h / layers - 1)));
  }
}

/** Strokes in black and over it in white, of which one is seen on any colour. */
export function doubleStroke(context, stroke) {
  for (const [colour, width] of [['#000', 3.5], ['#fff', 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    stroke();
  }
}

/** Marks a step above the cells with a triangle that points at it. */
function drawFlag(context, axis, step, left, top, width) {
  const position = axis.position(step);
  if (step < axis.low || position > 1) return;
  const x = left + position * width;
  context.fillStyle = FLAG;
  context.beginPath();
  [[x - 5, 0], [x + 5, 0], [x, top]].forEach(([px, py]) => context.lineTo(px, py));
  context.fill();
}

/** Returns the names of layers without what all begin with. */
export function labelsOf(layers) {
  const {length} = prefixOf(layers);
  return layers.map((name) => name.slice(length));
}

/** Draws the ticks of steps under a box. */
export function drawStepAxis(context, axis, left, y, width, theme) {
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

/** Draws a straight line. */
export function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** Returns a text, shortened in the middle to a width. */
export function fitted(context, text, width) {
  const key = `${Math.round(width)} ${text}`;
  if (known.size > 5000) known.clear();
  if (!known.has(key)) {
    known.set(key, shortened(text, (short) => context.measureText(short).width <= width));
  }
  return known.get(key);
}

// Measuring is slow, and a cursor that moves changes no name.
const known = new Map();

/** Draws the colour scale with its ticks, and an arrow where it cuts values off. */
export function drawScale(context, width, quantity, scale, theme) {
  const [left, w, h] = [14, width - 28, 10];
  for (let x = 0; x < w; x++) {
    context.fillStyle = `rgb(${colour(x / (w - 1))})`;
    context.fillRect(left + x, 2, 1.5, h);
  }
  if (scale.below) drawArrow(context, colour(0), left - 1, -1, theme);
  if (scale.above) drawArrow(context, colour(1), left + w + 2, 1, theme);
  context.fillStyle = theme.text;
  context.textBaseline = 'top';
  const xOf = (value) => left + (value - scale.low) / (scale.high - scale.low) * w;
  // The ends that cut values off are named first; ticks get the room that is left.
  let [from, to] = [-Infinity, Infinity];
  if (scale.below) {
    context.textAlign = 'left';
    const text = `\u2264 ${label(quantity, scale.low)}`;
    context.fillText(text, 0, h + 7);
    from = context.measureText(text).width + 6;
  }
  if (scale.above) {
    context.textAlign = 'right';
    const text = `\u2265 ${label(quantity, scale.high)}`;
    context.fillText(text, width, h + 7);
    to = width - context.measureText(text).width - 6;
  }
  context.textAlign = 'center';
  for (const tick of ticksOf(quantity, scale.low, scale.high, 5)) {
    const text = label(quantity, tick), x = xOf(tick);
    const half = context.measureText(text).width / 2;
    context.fillRect(x, 2 + h, 1, 3);
    if (x - half >= from && x + half <= to) context.fillText(text, x, h + 7);
  }
}

function drawArrow(context, filling, x, direction, theme) {
  context.fillStyle = `rgb(${filling})`;
  context.strokeStyle = theme.text;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, 2);
  context.lineTo(x + 9 * direction, 7);
  context.lineTo(x, 12);
  context.closePath();
  context.fill();
  context.stroke();
}

/** Returns the ticks of an axis of a quantity: whole powers of ten if there are enough. */
export function ticksOf(quantity, low, high, count) {
  const ticks = niceTicks(low, high, count);
  return quantity.log && high - low > 2 ? ticks.filter(Number.isInteger) : ticks;
}

/** Writes a tick. */
export function label(quantity, value) {
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

/** Draws a filled marker, by matplotlib's letter, around a point. */
export function drawMarker(context, marker, x, y, radius) {
  context.beginPath();
  const r = radius * 1.2;
  const corners = {
    s: [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]],
    '^': [[0, -1], [1, 0.8], [-1, 0.8]],
    v: [[0, 1], [1, -0.8], [-1, -0.8]],
    D: [[0, -1.1], [1.1, 0], [0, 1.1], [-1.1, 0]],
  }[marker];
  if (corners) corners.forEach(([dx, dy]) => context.lineTo(x + dx * r, y + dy * r));
  else context.arc(x, y, radius, 0, 7);
  context.fill();
}
