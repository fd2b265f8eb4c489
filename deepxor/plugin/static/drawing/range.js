// The ends of the colour scale.

import {FINITE, kind} from './cells.js';

const LITTLE = 0.1;

const known = new WeakMap(); // Flow -> Map of row -> bulk.

/** Returns {low, high, least, most}: a run's 1st and 99th percentile, and its extremes. */
export function bulkOf(flow, quantity, row = quantity.id) {
  if (!known.has(flow)) known.set(flow, new Map());
  const found = known.get(flow);
  const key = `${quantity.id} ${row}`;
  if (!found.has(key)) found.set(key, computed(flow, quantity, row));
  return found.get(key);
}

function computed(flow, quantity, row) {
  const values = flow[row].filter((value, i) =>
    Number.isFinite(value) && kind(flow, quantity, i) === FINITE).sort();
  const last = values.length - 1;
  if (last < 0) return null;
  const at = (share, round) => values[round(share * last)];
  return {
    low: at(0.01, Math.floor), high: at(0.99, Math.ceil), least: values[0], most: values[last],
  };
}

/** Returns the highest value that a scale for many runs goes to.
 *
 * Logarithms have a floor but no ceiling, and a single run that grows without bound must
 * not take the colours from all others: half as many decades again as the others have.
 */
function ceiling(bulks) {
  const highs = bulks.map(({high}) => high).sort((a, b) => a - b);
  const usual = highs[(highs.length - 1) >> 1];
  const low = Math.min(...bulks.map((bulk) => bulk.low));
  return highs.length < 2 ? usual : Math.max(2, usual + Math.max(2, 0.5 * (usual - low)));
}

/** Returns {low, high, below, above}: the ends of the colours, and what they cut off. */
export function rangeOf(flows, quantity, chosen) {
  const bulks = flows.map((flow) => bulkOf(flow, quantity)).filter(Boolean);
  const least = Math.min(...bulks.map((bulk) => bulk.least));
  const most = Math.max(...bulks.map((bulk) => bulk.most));
  let [low, high] = [least, most];
  if (chosen.mode === 'fixed') {
    [low, high] = [chosen.low, chosen.high];
  } else if (quantity.fraction) {
    [low, high] = [0, 1];
  } else if (!bulks.length) {
    [low, high] = [-1, 0];
  } else if (chosen.mode === 'auto') {
    low = Math.min(...bulks.map((bulk) => bulk.low));
    high = Math.max(...bulks.map((bulk) => bulk.high));
    if (quantity.log) high = Math.min(high, ceiling(bulks));
    // What takes little room is not worth being cut off.
    const little = LITTLE * (high - low);
    if (low - least < little) low = least;
    if (most - high < little) high = most;
  }
  if (high - low < 0.2 && chosen.mode !== 'fixed') [low, high] = [low - 0.1, high + 0.1];
  return {low, high, below: least < low, above: most > high};
}

/** Returns the ends of the profile's axis: those of the colours, and room for bands. */
export function profileRange(scale, flows, quantity, chosen) {
  let {low, high} = scale;
  if (!quantity.band || chosen.mode === 'fixed') return [low, high];
  for (const flow of flows) {
    low = Math.min(low, bulkOf(flow, quantity, `${quantity.id}_p10`)?.low ?? low);
    high = Math.max(high, bulkOf(flow, quantity, `${quantity.id}_p90`)?.high ?? high);
  }
  return [low, scale.above ? Math.min(high, scale.high + 1) : high];
}

/** Returns a chosen range if two numbers can be one, or null. */
export function fixedRange(low, high) {
  const isRange = [low, high].every((end) => Number.isFinite(end) && Math.abs(end) <= 400);
  return isRange && low < high ? {mode: 'fixed', low, high} : null;
}
