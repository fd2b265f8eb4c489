// What the tab says of cells and runs.

import {FINITE, NON_FINITE, NORM, ZERO, columnAt, kind, notRecorded} from './drawing/cells.js';
import {power} from './drawing/words.js';

/** Writes a value as a person would: 1.4e-7, 0.19, 25 %. */
export function format(quantity, value) {
  if (!Number.isFinite(value)) return 'not measured';
  if (quantity.log) return power(value);
  if (!quantity.fraction) return String(+value.toPrecision(3));
  // A byte holds no more; 0 and 100 are exact.
  if (value > 0 && value < 1) value = Math.min(0.99, Math.max(0.01, value));
  return `${Math.round(100 * value)} %`;
}

/** Writes the value of cell i, or what it is instead. */
export function valueOf(flow, quantity, i) {
  const cell = kind(flow, quantity, i);
  if (cell === NON_FINITE) return 'not finite';
  return cell === ZERO ? '0' : format(quantity, flow[quantity.id][i]);
}

/** Writes a share of the replicas as their number, or in percent if that is unknown. */
function replicas(flow, share) {
  if (!flow.replicas) return `${format({fraction: true}, share)} of the replicas`;
  return `${Math.max(1, Math.round(share * flow.replicas))} of ${flow.replicas} replicas`;
}

/** Says all that is known of a cell. */
export function describe(flow, quantity, column, layer, scale) {
  const i = column * flow.layers.length + layer;
  const parts = [flow.layers[layer], `step ${flow.step[column]}`];
  if (flow.step[column] === flow.fault_step) parts.push('first faulty record');
  if (notRecorded(flow, i)) return [...parts, 'not measured'].join(' \u00b7 ');
  const norm = flow.norm_log10[i];
  const count = flow.non_finite[i];
  if (count > 0) {
    parts.push(`${count < 254 ? count : '254 or more'} gradient elements not finite`);
  }
  if (kind(flow, NORM, i) === ZERO) parts.push('norm exactly 0');
  else if (Number.isFinite(norm)) parts.push(`norm ${power(norm)}`);
  else parts.push('norm not finite');
  const low = flow.norm_log10_p10[i], high = flow.norm_log10_p90[i];
  if (Number.isFinite(low) && Number.isFinite(high)) {
    parts.push(`the median of replicas, p10\u2013p90 ${power(low)} to ${power(high)}`);
  }
  const faults = flow.non_finite_replicas[i], zeros = flow.zero_replicas[i];
  if (faults > 0) parts.push(`${replicas(flow, faults)} not finite`);
  if (zeros > 0) parts.push(`${replicas(flow, zeros)} exactly zero`);
  if (Number.isFinite(flow.zero_fraction[i])) {
    parts.push(`${format({fraction: true}, flow.zero_fraction[i])} of the gradient exactly zero`);
  }
  const value = flow[quantity.id][i];
  if (quantity.id !== 'norm_log10' && quantity.id !== 'zero_fraction') {
    parts.push(`${quantity.label.toLowerCase()} ${format(quantity, value)}`);
  }
  if (scale && kind(flow, quantity, i) === FINITE) {
    if (value > scale.high) parts.push('above the colour scale');
    if (value < scale.low) parts.push('below the colour scale');
  }
  return parts.join(' \u00b7 ');
}

/** Says what the first and the last layer get, and how far apart that is. */
export function endsOf(flow, step, quantity) {
  const column = columnAt(flow, step);
  if (column < 0) return 'no record yet';
  const first = column * flow.layers.length, last = first + flow.layers.length - 1;
  const texts = [first, last].map((i) => valueOf(flow, quantity, i));
  let text = `${texts[0]} \u2192 ${texts[1]}`;
  const decades = flow[quantity.id][last] - flow[quantity.id][first];
  const finite = [first, last].every((i) => kind(flow, quantity, i) === FINITE);
  if (quantity.log && finite) text += ` (${+decades.toFixed(1) || 0} decades)`;
  return text;
}

/** Says which record stands for a step, if it is not of that step itself. */
export function recordOf(flow, step) {
  const column = columnAt(flow, step);
  if (column < 0 || flow.step[column] === step) return '';
  const shown = flow.step[column];
  return column === flow.columns - 1 ? `last record: ${shown}` : `(step ${shown})`;
}
