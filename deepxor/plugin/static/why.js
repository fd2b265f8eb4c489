// Why a layer gets so little: the gradient's way back to it, factor by factor.

import {columnAt} from './data.js';
import {h, setText} from './dom.js';
import {label, niceTicks, prepare} from './draw.js';
import {FACTORS} from './tables.js';
import {power} from './words.js';

const HEIGHT = 190;
const AREA = {left: 44, right: 6, top: 8, bottom: 60};

/**
 * Returns the factors from the last layer's output back to the output of a layer.
 *
 * Each is {name, slope, weight, product}, log10, with the product up to there; null if
 * one of them was not recorded or is not finite.
 */
export function wayBack(flow, column, layer) {
  const count = flow.layers.length;
  const found = [];
  let product = 0;
  for (let at = count - 1; at > layer; at--) {
    const i = column * count + at;
    const slope = flow.slope_factor_log10?.[i], weight = flow.weight_factor_log10?.[i];
    if (!Number.isFinite(slope) || !Number.isFinite(weight)) return null;
    product += slope + weight;
    found.push({name: flow.layers[at], slope, weight, product});
  }
  return found;
}

/** Says how much arrives, and what the slopes and the weights have of it. */
export function sentence(flow, column, layer, way) {
  const step = flow.step[column];
  const [to, from] = [flow.layers[layer], flow.layers.at(-1)];
  if (layer >= flow.layers.length - 1) return `${from} is where the gradient starts.`;
  if (!way) {
    return 'The factors of the way back are not recorded here: they are measured of the ' +
      'networks of deepxor.train; deepxor.explain measures them of a Keras model.';
  }
  const total = way.at(-1).product;
  const sum = (key) => way.reduce((all, one) => all + one[key], 0);
  const arrives = total < 0 ? `1 part in ${Math.round(10 ** -total).toLocaleString('en')}`
    : `${power(total)} times as much`;
  return `At step ${step} the output of ${to} gets ${arrives} of the gradient at ${from}: ` +
    `the slopes make ${decades(sum('slope'))}, the weights ${decades(sum('weight'))}.`;
}

const decades = (value) => `${value < 0 ? '\u2212' : '+'}${Math.abs(value).toFixed(1)} decades`;

/** Makes the part of a card that shows it; closed by its button. */
export function makeWhy(onClose) {
  const why = {
    text: h('p', {class: 'because', role: 'status'}),
    canvas: h('canvas', {class: 'stairs', role: 'img'}),
    list: h('ol', {class: 'factors'}),
  };
  const [slope, weight] = [['slope', 'slope of the activation'], ['weight', 'weights']]
    .map(([key, label]) => {
      const box = h('i', {class: 'factor', 'aria-hidden': 'true'});
      box.style.background = FACTORS[key];
      return h('span', {class: 'key'}, box, label);
    });
  why.root = h('section', {class: 'why', 'aria-label': 'Why'},
    h('div', {class: 'head'}, 'Why: the gradient\u2019s way back, layer by layer ', slope, weight,
      h('button', {class: 'close', onclick: onClose, 'aria-label': 'Close'}, '\u00d7')),
    why.text, why.canvas, h('details', {}, h('summary', {}, 'in numbers'), why.list));
  return why;
}

/** Shows the way back to the layer under the cursor at its step. */
export function updateWhy(why, flow, view) {
  const column = Math.max(0, columnAt(flow, view.step));
  const layer = Math.min(view.cursor.layer ?? 0, flow.layers.length - 1);
  const way = wayBack(flow, column, layer);
  const text = sentence(flow, column, layer, way);
  setText(why.text, text);
  const steps = way || [];
  why.canvas.hidden = why.list.parentElement.hidden = !steps.length;
  if (!steps.length) return;
  why.canvas.setAttribute('aria-label', text);
  const width = why.root.clientWidth;
  drawStairs(prepare(why.canvas, width, HEIGHT), width, steps, view.theme);
  const key = JSON.stringify(steps);
  if (why.list.dataset.key === key) return;
  why.list.dataset.key = key;
  why.list.replaceChildren(...steps.map(({name, slope, weight, product}) => h('li', {},
    `${name}: slope \u00d7 ${power(slope)}, weights \u00d7 ${power(weight)}, together ${power(product)}`)));
}

/** Draws a bar for each factor; each begins where the one before ended. */
function drawStairs(context, width, steps, theme) {
  const w = width - AREA.left - AREA.right, height = HEIGHT - AREA.top - AREA.bottom;
  const ends = steps.flatMap(({slope, weight, product}) =>
    [product - weight - slope, product - weight, product]);
  const low = Math.min(...ends, -1), high = Math.max(...ends, 0.5);
  const y = (value) => AREA.top + (high - value) / (high - low) * height;
  const bar = w / (2 * steps.length);
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (const tick of niceTicks(low, high, 5).filter(Number.isInteger)) {
    context.fillStyle = theme.grid;
    context.fillRect(AREA.left, y(tick), w, 1);
    context.fillStyle = theme.text;
    context.fillText(label({log: true}, tick), AREA.left - 5, y(tick));
  }
  const gap = Math.min(1, bar / 4);
  steps.forEach(({name, slope, weight, product}, i) => {
    const x = AREA.left + 2 * i * bar;
    for (const [key, from, to, left] of [
      ['slope', product - weight - slope, product - weight, x],
      ['weight', product - weight, product, x + bar]]) {
      context.fillStyle = FACTORS[key];
      // A factor of 1 is still a line.
      context.fillRect(left, Math.min(y(from), y(to)), bar - gap,
        Math.max(1.5, Math.abs(y(to) - y(from))));
    }
    if (i % Math.ceil(14 / (2 * bar))) return;
    context.save();
    context.translate(x + bar, AREA.top + height + 8);
    context.rotate(-Math.PI / 3);
    context.fillStyle = theme.text;
    context.fillText(name.length > 11 ? `${name.slice(0, 5)}\u2026${name.slice(-5)}` : name, 0, 0);
    context.restore();
  });
}
