// What of the output's gradient arrives at the first layer, in words for an audience.

import {MISSING, NON_FINITE, ZERO, cellsAt, columnAt} from '../drawing/cells.js';
import {labelsOf} from '../drawing/draw.js';
import {power} from '../drawing/words.js';

// An output this many decades below its own best gets no more than rounding noise.
const NOISE = 6;

/** Returns {number, unit, sentence}: the decades lost at a step, and what they mean. */
export function arrivalAt(flow, step) {
  const names = labelsOf(flow.layers);
  const cells = cellsAt(flow, step).map((cell, layer) => ({...cell, name: names[layer], layer}))
    .filter((cell) => cell.kind !== MISSING);
  if (!cells.length) return say('\u2013', '', 'Nothing is recorded yet.');
  const first = cells[0], last = cells.at(-1);
  const faulty = [first, last].find((cell) => cell.kind === NON_FINITE);
  if (faulty) return say('not finite', '', `The gradient at ${faulty.name} is not finite.`);
  if (last.kind === ZERO) return say('nothing', '', `Nothing arrives at ${last.name} itself.`);
  if (first.kind === ZERO) return say('all', 'lost', `Nothing arrives at ${first.name}.`);
  const lost = last.norm - first.norm;
  const unit = lost <= -0.05 ? 'decades gained' : 'decades lost';
  const isNoise = last.norm < bestOf(flow, last.layer) - NOISE;
  return {
    ...say(Math.abs(lost).toFixed(1), unit, isNoise
      ? `Only ${power(last.norm)} is left at ${last.name}.`
      : `${share(lost)} at ${first.name}.`),
    isNoise,
  };
}

const say = (number, unit, sentence) => ({number, unit, sentence, isNoise: false});

function share(lost) {
  if (lost >= 1) return `1 part in ${large(lost)} arrives`;
  if (lost <= -0.3) return `${large(-lost)} times as much arrives`;
  return lost < 0.02 ? 'All of it arrives' : `${Math.round(100 * 10 ** -lost)} % arrives`;
}

/** Writes a power of ten out, with two digits. */
const large = (log10) => (log10 < 15 ? (+(10 ** log10).toPrecision(2)).toLocaleString('en') : power(log10));

function bestOf(flow, layer) {
  const layers = flow.layers.length;
  return flow.norm_log10.reduce((best, norm, i) =>
    (i % layers === layer && norm < Infinity && norm > best ? norm : best), -Infinity);
}

/** Returns the last value of a curve at or before a step; null if there is none. */
export function valueAt(curve, step) {
  return curve?.value[columnAt({step: curve.step, columns: curve.step.length}, step)] ?? null;
}

/** Says what the network can do at a step: the solved count, else the skill, else nothing. */
export function successAt({solved, skill}, replicas, step) {
  const [rate, part] = [solved, skill].map((curve) => valueAt(curve, step));
  if (rate !== null && replicas) return `solved: ${Math.round(rate * replicas)} of ${replicas}`;
  return part === null ? '' : `skill: ${Math.round(100 * part)} %`;
}

/** Writes the cost at a step. */
export function costAt({cost}, step) {
  const value = valueAt(cost, step);
  if (value === null) return '';
  return `cost ${value >= 0.01 && value < 1e4 ? value.toPrecision(2) : value.toExponential(0)}`;
}

/** Says what to do at a run's end; before, that a verdict is the one so far; or nothing. */
export function remedyAt({diagnosis, step: steps}, step, hasRoom) {
  if (!diagnosis?.verdict) return '';
  const {evidence, advice, is_running: isRunning} = diagnosis;
  if (step < steps.at(-1)) return isRunning ? 'so far.' : '';
  return `${hasRoom ? evidence || '' : ''} ${advice || ''}`.trim() || '.';
}
