// What the stage draws: the beam of gradient through the layers, the map, the cost.

import {FINITE, MISSING, NORM, cellsAt} from '../drawing/cells.js';
import {
  colour, doubleStroke, drawStepAxis, fitted, label, labelsOf, line, prepare, renderCells,
  runColour, stripes,
} from '../drawing/draw.js';

// How many times as wide as in the tab stripes are.
const STRIPES = 2;
// The beam runs over black in both themes: little gradient is little light.
const NIGHT = '#0b0b12', UNLIT = '#23232e';
// How bright what the pulse has not reached is, and how many layers its head covers.
const DIM = 0.22, HEAD = 1.3;

/** Returns where the parts of a column's pictures are, in CSS pixels. */
export function boxesOf(width, height, font) {
  const left = Math.round(Math.min(7 * font, 0.27 * width));
  const beam = Math.round(0.24 * width);
  const map = left + beam + 12;
  const top = Math.round(1.35 * font), bottom = Math.round(1.6 * font);
  return {
    width, height, font, left, beam, top, h: Math.max(20, height - top - bottom),
    map, w: width - map - 2,
  };
}

/** Draws what does not change from frame to frame: names, the map, its axis, its scale. */
export function renderBase(flow, scale, axis, boxes, theme) {
  const ratio = window.devicePixelRatio || 1;
  const {width, height, left, beam, top, h, map, w, font} = boxes;
  const canvas = document.createElement('canvas');
  const context = prepare(canvas, width, height, ratio);
  context.font = fontOf(font);
  const cells = renderCells(flow, NORM, scale, axis, ...[w, h].map((size) =>
    Math.round(size * ratio)), false);
  context.fillStyle = theme.empty;
  context.fillRect(map, top, w, h);
  context.drawImage(cells, map, top, w, h);
  context.fillStyle = theme.strong;
  nameLayers(context, flow.layers, boxes);
  context.textAlign = 'center';
  context.textBaseline = 'top';
  context.fillText('output', left + beam / 2, 0);
  context.fillText('input', left + beam / 2, top + h + 5);
  drawStepAxis(context, axis, map, top + h, w, {text: theme.strong});
  drawKey(context, scale, map, w, font);
  return canvas;
}

const fontOf = (size) => `${size}px Roboto, "Helvetica Neue", Arial, sans-serif`;

/** Names the output and the input, and in between as many layers as there is room for. */
function nameLayers(context, layers, {left, top, h, font}) {
  const row = h / layers.length;
  const every = Math.ceil(1.05 * font / row);
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  labelsOf(layers).forEach((name, layer) => {
    const fromTop = layers.length - 1 - layer;
    if (layer && (fromTop % every || layer < every)) return;
    context.fillText(fitted(context, name, left - 10), left - 8, top + (fromTop + 0.5) * row);
  });
}

/** Draws the colours from the smallest gradient to the largest one, above the map. */
function drawKey(context, scale, left, width, font) {
  const [low, high] = [scale.low, scale.high].map((end) => label(NORM, Math.round(end)));
  context.textBaseline = 'top';
  context.textAlign = 'left';
  context.fillText(low, left, 0);
  context.textAlign = 'right';
  context.fillText(high, left + width, 0);
  const from = left + context.measureText(low).width + 8;
  const to = left + width - context.measureText(high).width - 8;
  for (let x = from; x < to; x++) {
    context.fillStyle = `rgb(${colour((x - from) / (to - from))})`;
    context.fillRect(x, 0.15 * font, 1.5, 0.6 * font);
  }
}

/** Draws the beam at a step, and the step in the map.
 *
 * The pulse has come down the share `pulse` of the layers; null lights them all.
 */
export function drawFlow(canvas, base, {flow, scale, axis, boxes}, step, pulse) {
  const {width, height, left, beam, top, h, map, w} = boxes;
  const context = prepare(canvas, width, height);
  context.drawImage(base, 0, 0, width, height);
  context.fillStyle = NIGHT;
  context.fillRect(left, top, beam, h);
  const cells = cellsAt(flow, step);
  const row = h / flow.layers.length;
  const gap = row > 8 ? 2 : row > 4 ? 1 : 0;
  cells.forEach((cell, layer) => {
    const fromTop = flow.layers.length - 1 - layer;
    const box = [left + 4, top + fromTop * row + gap / 2, beam - 8, row - gap];
    const ahead = fromTop - (pulse ?? 2) * (flow.layers.length + 2 * HEAD) + HEAD;
    drawCell(context, cell, scale, box, ahead);
  });
  const x = map + Math.min(1, axis.position(step)) * w;
  if (cells.length) doubleStroke(context, () => line(context, x, top, x, top + h));
}

/** Draws what a layer gets, as wide and as bright as that is; the pulse is `ahead` above. */
function drawCell(context, cell, scale, [x, y, width, height], ahead) {
  context.globalAlpha = 1;
  context.fillStyle = UNLIT;
  context.fillRect(x, y, width, height);
  if (cell.kind === MISSING) return;
  context.globalAlpha = DIM + (1 - DIM) * Math.min(1, Math.max(0, 0.5 - ahead));
  if (cell.kind !== FINITE) {
    context.fillStyle = stripes(context, cell.kind, STRIPES);
    context.fillRect(x, y, width, height);
  } else {
    const fraction = Math.min(1, Math.max(0, (cell.norm - scale.low) / (scale.high - scale.low)));
    const lit = Math.max(3, fraction * width);
    const box = [x + (width - lit) / 2, y, lit, height];
    context.fillStyle = `rgb(${colour(fraction)})`;
    context.fillRect(...box);
    context.globalAlpha = 0.85 * fraction * Math.exp(-((ahead / HEAD) ** 2) * 2);
    context.fillStyle = '#fff';
    context.fillRect(...box);
  }
  context.globalAlpha = 1;
}

/** Draws the cost up to a step, under the map, and the decision surface beside it. */
export function drawCost(canvas, {curves, most, axis, boxes, index}, picture, height, step, theme) {
  const {width, left, beam, map, w} = boxes;
  const context = prepare(canvas, width, height);
  if (picture) {
    const size = Math.min(height, beam);
    context.drawImage(picture, left + (beam - size) / 2, 0, size, size);
  }
  const {cost} = curves;
  if (!cost) return;
  const bottom = height - 2;
  const yOf = (value) => bottom - Math.min(1, value / most) * (bottom - 4);
  context.fillStyle = theme.empty;
  context.fillRect(map, 0, w, height);
  context.save();
  context.beginPath();
  context.rect(map, 0, w, height);
  context.clip();
  const [low, high] = [curves['cost/p10'], curves['cost/p90']].map((curve) =>
    curve && points(curve, axis, map, w, yOf));
  context.fillStyle = context.strokeStyle = runColour(index);
  if (low && high) {
    context.globalAlpha = 0.3;
    path(context, [...low, ...high.reverse()]);
    context.fill();
    context.globalAlpha = 1;
  }
  context.lineWidth = 3;
  path(context, points(cost, axis, map, w, yOf));
  context.stroke();
  context.restore();
  const x = map + Math.min(1, axis.position(step)) * w;
  doubleStroke(context, () => line(context, x, 0, x, height));
}

function points({step, value}, axis, left, width, yOf) {
  return step.map((at, i) => [left + axis.position(at) * width, value[i]])
    .filter(([, y]) => y !== null).map(([x, y]) => [x, yOf(y)]);
}

function path(context, corners) {
  context.beginPath();
  for (const [x, y] of corners) context.lineTo(x, y);
}

/** Returns the cost that all columns have at their top: what one that explodes exceeds. */
export function mostCost(all) {
  const values = (tag) => all.flatMap((curves) => (curves[tag]?.value || []).filter(Number.isFinite));
  const starts = all.map(({cost}) => cost?.value.find(Number.isFinite)).filter(Number.isFinite);
  const most = Math.max(...values('cost'), ...values('cost/p90'));
  return Math.min(most, 2 * Math.max(...starts)) || 1;
}
