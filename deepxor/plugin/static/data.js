// What the server sends, decoded; payload.py has the layout.

import {QUANTITIES} from './tables.js';

// What a cell is apart from its value; never on the colour scale.
export const FINITE = 0, ZERO = 1, NON_FINITE = 2, MISSING = 3;

// All arrays that a flow has, one value a cell.
const ROWS = [...QUANTITIES.map(({id}) => id), 'norm_log10_p10', 'norm_log10_p90', 'non_finite',
  'zero_fraction', 'zero_replicas', 'non_finite_replicas'];

const url = (path) => new URL(path, import.meta.url);

const PARALLEL_FETCHES = 4;

/** Fetches the flows of runs, some at a time, and hands over each as it comes. */
export async function fetchFlows(runs, take) {
  const waiting = [...runs];
  const work = async () => {
    for (let run = waiting.shift(); run; run = waiting.shift()) {
      take(run, await fetchFlow(run.name));
    }
  };
  await Promise.all(Array.from({length: PARALLEL_FETCHES}, work));
}

export async function fetchRuns() {
  const response = await fetch(url('./runs'));
  if (!response.ok) throw new Error(`TensorBoard answers ${response.status}`);
  return (await response.json()).runs;
}

/** Returns {error} or the run's columns; never throws, as the reason goes on its card. */
export async function fetchFlow(name) {
  try {
    const response = await fetch(url('./flow?run=' + encodeURIComponent(name)));
    if (!response.ok) throw new Error(`TensorBoard answers ${response.status}`);
    return decode(await response.arrayBuffer());
  } catch (error) {
    return {error: String(error.message || error)};
  }
}

/** Returns a run's records as CSV: the page itself may have a part, and rounded. */
export async function fetchCsv(name) {
  const response = await fetch(url('./csv?run=' + encodeURIComponent(name)));
  if (!response.ok) throw new Error(`TensorBoard answers ${response.status}`);
  return response.text();
}

/** Returns a run's {curves, surfaces}, as curves.py has them; empty if there are none. */
export async function fetchCurves(name) {
  try {
    const response = await fetch(url('./curves?run=' + encodeURIComponent(name)));
    if (response.ok) return await response.json();
  } catch {
    // The gradients are shown without them.
  }
  return {curves: {}, surfaces: []};
}

/** Returns the address of a picture, which TensorBoard's tab Images serves. */
export const pictureUrl = (blob) =>
  url('../images/individualImage?blob_key=' + encodeURIComponent(blob)).href;

export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const flow = JSON.parse(text);
  if (flow.error) return flow;
  const size = flow.columns * flow.layers.length;
  const replicas = flow.replicas > 0 ? flow.replicas : null;
  flow.fault_step = Number.isFinite(flow.fault_step) ? flow.fault_step : null;
  let offset = 4 + length;
  for (const block of flow.blocks) {
    if (block.type === 'constant') {
      flow[block.name] = new Float32Array(size).fill(block.low ?? NaN);
      continue;
    }
    if (block.type === 'f64') {
      flow.step = new Float64Array(buffer, offset, flow.columns);
      offset += 8 * flow.columns;
      continue;
    }
    const bytes = block.type === 'u16' ? 2 * size : size;
    flow[block.name] = values(block, buffer, offset, size);
    offset += bytes + ((8 - (bytes % 8)) % 8);
  }
  // A block has the same name.
  flow.replicas = replicas;
  // What older files do not have is not known.
  const unknown = new Float32Array(size).fill(NaN);
  for (const name of ROWS) flow[name] ??= unknown;
  return flow;
}

function values(block, buffer, offset, size) {
  const found = new Float32Array(size);
  if (block.type === 'u16') {
    const codes = new Uint16Array(buffer, offset, size);
    const scale = (block.high - block.low) / 65533;
    for (let i = 0; i < size; i++) {
      const code = codes[i];
      found[i] = code < 65534 ? block.low + code * scale
        : code === 65534 ? Infinity : NaN;
    }
  } else {
    const codes = new Uint8Array(buffer, offset, size);
    const scale = block.type === 'fraction' ? 1 / 254 : 1;
    for (let i = 0; i < size; i++) {
      found[i] = codes[i] === 255 ? NaN : codes[i] * scale;
    }
  }
  return found;
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

/** Returns the step at which the last column ends. */
export function endOf(flow) {
  const n = flow.columns;
  return flow.step[n - 1] + (n > 1 ? flow.step[n - 1] - flow.step[n - 2] : 1);
}

/** Tells whether any cell of any of the flows has a value of the quantity. */
export function isMeasured(flows, quantity) {
  return flows.some((flow) => flow[quantity.id].some((value) => !Number.isNaN(value)));
}

/** Returns the sorted steps of all records of some flows. */
export function stepsOf(flows) {
  return [...new Set(flows.flatMap(({step}) => [...step]))].sort((a, b) => a - b);
}

/** Tells whether all flows have the same layers. */
export function haveSameLayers(flows) {
  const [first, ...others] = flows.map(({layers}) => JSON.stringify(layers));
  return others.every((layers) => layers === first);
}

/** Returns the cell that a key moves the cursor to, as [column, layer]; null for none. */
export function movedBy(key, flow, column, layer) {
  const last = flow.columns - 1;
  switch (key) {
    case 'ArrowLeft': column--; break;
    case 'ArrowRight': column++; break;
    case 'PageDown': column -= 10; break;
    case 'PageUp': column += 10; break;
    case 'Home': column = 0; break;
    case 'End': column = last; break;
    case 'ArrowUp': layer++; break;
    case 'ArrowDown': layer--; break;
    default: return null;
  }
  const inside = (value, most) => Math.min(most, Math.max(0, value));
  return [inside(column, last), inside(layer, flow.layers.length - 1)];
}
