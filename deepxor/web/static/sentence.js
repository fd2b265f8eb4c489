// What arrives at the first layer, and why, in one sentence each.

import {columnAt} from './drawing/cells.js';
import {power} from './drawing/words.js';
import {text} from './text/language.js';

// An output that gets this many times less than at first gets rounding noise.
const NOISE = 1e6;
// From here on digits would tell nothing.
const MOST_DIGITS = 1e15;

const written = (value) => power(Math.log10(value));

/** Writes how many times as much a value is as another, in whole numbers. */
function counted(ratio) {
  return ratio < MOST_DIGITS ? Math.round(ratio).toLocaleString(text.code) : written(ratio);
}

/** Says what of the output's gradient arrives at the first layer in a record of many. */
export function arrival({step, norm, nonFinite}, layers, records) {
  const at = text.at(step);
  const last = layers.length - 1;
  const faulty = [0, last].find((layer) => nonFinite[layer] >= 0.5);
  if (faulty !== undefined) return text.sentence.notFinite(at, layers[faulty]);
  const [below, above] = [norm.median[0], norm.median[last]];
  if (above === 0) return text.sentence.dead(at);
  const best = Math.max(...records.map((record) => record.norm.median[last]).filter(Number.isFinite));
  if (above * NOISE < best) return text.sentence.left(at, written(above));
  if (below === 0) return text.sentence.nothing(at, layers[0]);
  const values = [at, layers[0], written(below), written(above)];
  const ratio = above / below;
  if (ratio >= 10) return text.sentence.vanishes(...values, counted(ratio));
  if (ratio <= 0.5) {
    const times = ratio > 0.1 ? (1 / ratio).toPrecision(2) : counted(1 / ratio);
    return text.sentence.grows(...values, times);
  }
  return text.sentence.arrives(...values, Math.round(100 / ratio));
}

/** Says what the slopes and the weights have of the way back, as `wayBack` returns it. */
export function reason(layers, layer, way, hasShortcuts) {
  if (layer >= layers.length - 1) return text.whyStart(layers.at(-1));
  if (!way) return text.whyUnknown;
  const sum = (key) => way.reduce((all, one) => all + one[key], 0);
  const total = way.at(-1).product;
  const share = 10 ** total;
  const change = share <= 0.1 ? text.parts(counted(1 / share))
    : share < 2 ? text.percent(Math.round(100 * share)) : text.times(power(total));
  const decades = (key) => text.decades(signed(sum(key)));
  return text.whySentence(layers[layer], layers.at(-1), change, decades('slope'),
    decades('weight'), hasShortcuts);
}

/** Writes a number with one digit and its sign, which a 0 does not have. */
function signed(value) {
  const shown = Math.abs(value).toFixed(1);
  return shown === '0.0' ? shown : `${value < 0 ? '\u2212' : '+'}${shown}`;
}

/** Returns the record that stands for a step. */
export const recordAt = (records, step) =>
  records[Math.max(0, columnAt({step: records.map((one) => one.step), columns: records.length}, step))];
