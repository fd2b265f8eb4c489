// What the server sends, decoded; payload.py has the layout.

import {complete} from './drawing/cells.js';

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
  return complete(flow);
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
