// The view in TensorBoard's address, so that a link shows it: p.gradient_flow.<key>.
//
// TensorBoard keeps such keys when it is loaded anew and when the tab is switched. What
// an address says may be anybody's, so each value is checked.

import {fixedRange} from './drawing/range.js';
import {QUANTITIES} from './drawing/tables.js';

const TAB = 'gradient_flow';
const PREFIX = `p.${TAB}.`;
const MOST_RUNS = 200, MOST_STEP = 1e15;

let written = null;

/** Returns [the tab, [key, value] ...] of the address; null if it cannot be read. */
function parts() {
  try {
    return window.parent === window ? null : window.parent.location.hash.slice(1).split('&');
  } catch {
    return null; // A parent of another origin: a notebook.
  }
}

/** Returns the view that the address has as {key: text}; null if it has none. */
export function read() {
  const found = new Map();
  for (const part of parts() || []) {
    const [key, value, more] = part.split('=');
    if (!key.startsWith(PREFIX) || value === undefined || more !== undefined) continue;
    try {
      found.set(key.slice(PREFIX.length), decodeURIComponent(value));
    } catch {
      // No text at all.
    }
  }
  return found.size ? Object.fromEntries(found) : null;
}

/** Puts a view, {key: text}, into the address of the tab, without a place in history. */
export function write(values) {
  const found = parts();
  // While another tab is shown, the address is its own.
  if (!found || (found[0] && found[0] !== TAB)) return;
  const others = found.slice(1).filter((part) => part && !part.startsWith(PREFIX));
  const ours = Object.entries(values).map(([key, value]) =>
    `${PREFIX}${key}=${encodeURIComponent(value)}`);
  const hash = [TAB, ...others, ...ours].join('&');
  written = hash;
  if (found.join('&') === hash) return;
  const address = new URL(window.parent.location.href);
  address.hash = hash;
  window.parent.history.replaceState(window.parent.history.state, '', address);
}

/** Calls back when the address has become another view than the one written last. */
export function follow(onChange) {
  if (!parts()) return;
  window.parent.addEventListener('hashchange', () => {
    const now = parts();
    if (now[0] === TAB && now.join('&') !== written && read()) onChange();
  });
}

/** Returns a view as {key: text}, without what is as it is by default. */
export function encode(choice, shown) {
  const {filter, quantity, axis, range, zoom, picked, stage, step} = choice;
  const values = {
    quantity, axis, step: step === null ? 'last' : String(step),
    runs: JSON.stringify(shown.slice(0, MOST_RUNS).map(({index, name}) => [index, name])),
  };
  if (filter) values.filter = filter;
  if (zoom) values.steps = zoom.join('~');
  if (range.mode !== 'auto') {
    values.range = range.mode === 'full' ? 'full' : `${range.low}~${range.high}`;
  }
  if (stage) values.stage = '1';
  if (picked.length) values.picked = JSON.stringify(picked);
  return values;
}

/** Returns what is sound of a view from an address; what is not is left out. */
export function decode(values) {
  const found = {};
  if (QUANTITIES.some(({id}) => id === values.quantity)) found.quantity = values.quantity;
  if (['log', 'linear'].includes(values.axis)) found.axis = values.axis;
  if (values.filter && values.filter.length < 1000) found.filter = values.filter;
  const step = numberOf(values.step);
  if (values.step === 'last' || isStep(step)) found.step = values.step === 'last' ? null : step;
  const zoom = pairOf(values.steps);
  if (zoom && zoom.every(isStep) && zoom[0] < zoom[1]) found.zoom = zoom;
  if (values.stage === '1') found.stage = true;
  const range = values.range === 'full' ? {mode: 'full'}
    : fixedRange(...pairOf(values.range) || []);
  if (range) found.range = range;
  const picked = listOf(values.picked);
  if (picked?.every(isName)) found.picked = picked;
  const runs = listOf(values.runs);
  if (runs?.every((run) => isIndex(run?.[0]) && isName(run[1]))) found.runs = runs;
  return found;
}

const isName = (name) => typeof name === 'string';
const isStep = (step) => Number.isFinite(step) && Math.abs(step) <= MOST_STEP;
const isIndex = (index) => Number.isInteger(index) && index >= 0 && index < 1e5;
const numberOf = (text) => (/^-?[\d.]+$/.test(text ?? '') ? Number(text) : NaN);

function pairOf(text) {
  const found = String(text ?? '').split('~').map(numberOf);
  return found.length === 2 ? found : null;
}

function listOf(text) {
  try {
    const found = JSON.parse(text);
    return Array.isArray(found) ? found.slice(0, MOST_RUNS) : null;
  } catch {
    return null;
  }
}
