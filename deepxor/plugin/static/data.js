// What the server sends, decoded; payload.py has the layout.

// What a cell is apart from its value; never on the colour scale.
export const FINITE = 0, ZERO = 1, NON_FINITE = 2, MISSING = 3;

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

export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const flow = JSON.parse(text);
  if (flow.error) return flow;
  const size = flow.columns * flow.layers.length;
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
function notRecorded(flow, i) {
  return Number.isNaN(flow.non_finite[i]) && Number.isNaN(flow.norm_log10[i]);
}

/** Tells what cell i is: a value of the quantity, or something of its own. */
export function kind(flow, quantity, i) {
  if (notRecorded(flow, i)) return MISSING;
  if (flow.non_finite[i] > 0 || !Number.isFinite(flow.norm_log10[i])) {
    return NON_FINITE;
  }
  if (quantity.log && flow.zero_fraction[i] === 1) return ZERO;
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

/** Returns [low, high] of a quantity over all runs: fractions always 0 to 1. */
export function scaleOf(flows, quantity) {
  if (quantity.fraction) return [0, 1];
  let low = Infinity, high = -Infinity;
  for (const flow of flows) {
    const found = flow[quantity.id];
    for (let i = 0; i < found.length; i++) {
      if (kind(flow, quantity, i) !== FINITE) continue;
      if (found[i] < low) low = found[i];
      if (found[i] > high) high = found[i];
    }
  }
  if (low > high) return [-1, 0];
  return high - low < 0.2 ? [low - 0.1, high + 0.1] : [low, high];
}

/** Writes a value as a person would: 1.4e-7, 0.19, 25 %. */
export function format(quantity, value) {
  if (!Number.isFinite(value)) return 'not measured';
  if (quantity.log) return power(value);
  if (!quantity.fraction) return String(+value.toPrecision(3));
  // A byte holds no more; 0 and 100 are exact.
  if (value > 0 && value < 1) value = Math.min(0.99, Math.max(0.01, value));
  return `${Math.round(100 * value)} %`;
}

/** Writes 10 ** log10 with two digits. */
export function power(log10) {
  if (!Number.isFinite(log10)) return 'not finite';
  const value = 10 ** log10;
  return value >= 0.01 && value < 1000 ? String(+value.toPrecision(2))
    : value.toExponential(1);
}

/** Says all that is known of a cell. */
export function describe(flow, quantity, column, layer) {
  const i = column * flow.layers.length + layer;
  const parts = [flow.layers[layer], `step ${flow.step[column]}`];
  if (notRecorded(flow, i)) return [...parts, 'not measured'].join(' \u00b7 ');
  const norm = flow.norm_log10[i];
  const zero = flow.zero_fraction[i];
  if (flow.non_finite[i] > 0) {
    const count = flow.non_finite[i];
    parts.push(`${count < 254 ? count : '254 or more'} gradient elements not finite`);
  }
  if (zero === 1) parts.push('norm exactly 0');
  else if (Number.isFinite(norm)) parts.push(`norm ${power(norm)}`);
  else parts.push('norm not finite');
  const low = flow.norm_log10_p10[i], high = flow.norm_log10_p90[i];
  if (Number.isFinite(low) && Number.isFinite(high)) {
    parts.push(`the median of replicas, p10\u2013p90 ${power(low)} to ${power(high)}`);
  }
  if (Number.isFinite(zero)) {
    parts.push(`${format({fraction: true}, zero)} of the gradient exactly zero`);
  }
  if (quantity.id !== 'norm_log10' && quantity.id !== 'zero_fraction') {
    parts.push(`${quantity.label.toLowerCase()} ${format(quantity, flow[quantity.id][i])}`);
  }
  return parts.join(' \u00b7 ');
}

/** Returns the ends of the profile's axis: those of the colours, and the band. */
export function profileRange(view, loaded, quantity) {
  let [low, high] = view.scale;
  if (quantity.band) {
    for (const {flow} of loaded) {
      for (const end of ['p10', 'p90']) {
        flow[`${quantity.id}_${end}`].forEach((value, i) => {
          if (kind(flow, quantity, i) !== FINITE) return;
          if (value < low && value > -Infinity) low = value;
          if (value > high && value < Infinity) high = value;
        });
      }
    }
  }
  return [low, high];
}

/** Says what the first and the last layer get, and how far apart that is. */
export function endsOf(flow, step, quantity) {
  const column = columnAt(flow, step);
  if (column < 0) return 'no record yet';
  const first = column * flow.layers.length, last = first + flow.layers.length - 1;
  const texts = [first, last].map((i) => {
    const cell = kind(flow, quantity, i);
    if (cell === NON_FINITE) return 'not finite';
    return cell === ZERO ? '0' : format(quantity, flow[quantity.id][i]);
  });
  let text = `${texts[0]} \u2192 ${texts[1]}`;
  const decades = flow[quantity.id][last] - flow[quantity.id][first];
  const finite = [first, last].every((i) => kind(flow, quantity, i) === FINITE);
  if (quantity.log && finite) text += ` (${decades.toFixed(1)} decades)`;
  return text;
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
