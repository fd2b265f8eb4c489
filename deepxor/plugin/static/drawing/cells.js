// The records of a run as columns of cells: what each is, and where the steps are.

import {QUANTITIES} from './tables.js';

// What a cell is apart from its value; never on the colour scale.
export const FINITE = 0, ZERO = 1, NON_FINITE = 2, MISSING = 3;

// All arrays that a flow has, one value a cell.
const ROWS = [...QUANTITIES.map(({id}) => id), 'norm_log10_p10', 'norm_log10_p90', 'non_finite',
  'zero_fraction', 'zero_replicas', 'non_finite_replicas'];

export const NORM = QUANTITIES.find(({id}) => id === 'norm_log10');

/** Gives a flow the arrays that it lacks: what is not there is not known. */
export function complete(flow) {
  const unknown = new Float32Array(flow.columns * flow.layers.length).fill(NaN);
  for (const name of ROWS) flow[name] ??= unknown;
  return flow;
}

/** Tells whether the column has nothing of the layer, which was frozen, for example. */
export function notRecorded(flow, i) {
  return Number.isNaN(flow.non_finite[i]) && Number.isNaN(flow.norm_log10[i]);
}

/** Tells what cell i is: a value of the quantity, or something of its own. */
export function kind(flow, quantity, i) {
  if (notRecorded(flow, i)) return MISSING;
  // The shares of the replicas, of which the cell is the median, where they are known.
  const zeros = flow.zero_replicas[i], faults = flow.non_finite_replicas[i];
  const isFaulty = Number.isNaN(faults) ? flow.non_finite[i] > 0 : faults >= 0.5;
  if (isFaulty || !Number.isFinite(flow.norm_log10[i])) return NON_FINITE;
  const isZero = Number.isNaN(zeros)
    ? flow.zero_fraction[i] === 1 : zeros > 0.5 * (1 - (faults || 0));
  if (quantity.log && isZero) return ZERO;
  return Number.isFinite(flow[quantity.id][i]) ? FINITE : MISSING;
}

/** Returns the index of the last column at or before a step, or -1. */
export function columnAt(flow, step) {
  let low = 0, high = flow.columns;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (flow.step[middle] <= step) low = middle + 1; else high = middle;
  }
  return low - 1;
}

/** Returns what each layer gets at a step, [{kind, norm}]; empty before the first record. */
export function cellsAt(flow, step) {
  const column = columnAt(flow, step), layers = flow.layers.length;
  return column < 0 ? [] : flow.layers.map((_, layer) => {
    const i = column * layers + layer;
    return {kind: kind(flow, NORM, i), norm: flow.norm_log10[i]};
  });
}

/** Returns the step at which the last column ends. */
export function endOf(flow) {
  const n = flow.columns;
  return flow.step[n - 1] + (n > 1 ? flow.step[n - 1] - flow.step[n - 2] : 1);
}

/** Tells whether all flows have the same layers. */
export function haveSameLayers(flows) {
  const [first, ...others] = flows.map(({layers}) => JSON.stringify(layers));
  return others.every((layers) => layers === first);
}
