// The gradient's way back from the output to a layer, factor by factor, as a staircase.

import {label, niceTicks} from './draw.js';
import {FACTORS} from './tables.js';

export const STAIRS_HEIGHT = 190;
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

/** Draws a bar for each factor; each begins where the one before ended. */
export function drawStairs(context, width, steps, theme) {
  const w = width - AREA.left - AREA.right, height = STAIRS_HEIGHT - AREA.top - AREA.bottom;
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
