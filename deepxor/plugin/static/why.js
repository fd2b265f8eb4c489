// Why a layer gets so little: the gradient's way back to it, factor by factor.

import {columnAt} from './drawing/cells.js';
import {colourKey, h, setText} from './drawing/dom.js';
import {prepare} from './drawing/draw.js';
import {STAIRS_HEIGHT, drawStairs, wayBack} from './drawing/stairs.js';
import {FACTORS} from './drawing/tables.js';
import {power} from './drawing/words.js';

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
  const slope = colourKey(FACTORS.slope, 'slope of the activation');
  const weight = colourKey(FACTORS.weight, 'weights');
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
  drawStairs(prepare(why.canvas, width, STAIRS_HEIGHT), width, steps, view.theme);
  const key = JSON.stringify(steps);
  if (why.list.dataset.key === key) return;
  why.list.dataset.key = key;
  why.list.replaceChildren(...steps.map(({name, slope, weight, product}) => h('li', {},
    `${name}: slope \u00d7 ${power(slope)}, weights \u00d7 ${power(weight)}, together ${power(product)}`)));
}
