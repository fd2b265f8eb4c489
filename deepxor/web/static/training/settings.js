// What a training is set to. Settings come from addresses, where anything may be.

import {ACTIVATIONS} from './activations.js';
import {INITIALIZERS} from './initializers.js';

export const AUTO = 'auto';

/** The choices, by setting. */
export const CHOICES = {
  activation: Object.keys(ACTIVATIONS),
  initializer: [AUTO, ...Object.keys(INITIALIZERS)],
};

/** The smallest and the largest integer, by setting. */
export const RANGES = {
  bits: [2, 4],
  depth: [1, 20],
  width: [1, 16],
  replicas: [1, 200],
  seed: [0, Number.MAX_SAFE_INTEGER],
};

/** The range of deepxor.xor.config. */
export const RATES = [1e-37, 1e38];

export const DEFAULTS = {
  activation: 'sigmoid', initializer: AUTO, bits: 2, depth: 10, width: 10,
  residual: false, learningRate: 0.1, replicas: 100, seed: 0,
};

/**
 * Returns sound settings for those found, numbers or texts, and the default for what is
 * unsound or missing. They have the keys of `DEFAULTS`; `units`, those of each hidden
 * layer; and `kernelInitializer`, with "auto" resolved by the table of activations
 * `{name: {initializer}}`, that of deepxor.nn.activations.
 */
export function checkSettings(found, table, defaults = DEFAULTS) {
  const sound = {...defaults};
  for (const [name, choices] of Object.entries(CHOICES)) {
    if (choices.includes(found[name])) sound[name] = found[name];
  }
  for (const [name, [low, high]] of Object.entries(RANGES)) {
    const number = numberOf(found[name]);
    if (Number.isInteger(number) && number >= low && number <= high) {
      sound[name] = number;
    }
  }
  const rate = numberOf(found.learningRate);
  if (rate >= RATES[0] && rate <= RATES[1]) sound.learningRate = rate;
  if (['true', 'false'].includes(String(found.residual))) {
    sound.residual = String(found.residual) === 'true';
  }
  sound.units = Array(sound.depth).fill(sound.width);
  sound.kernelInitializer = sound.initializer === AUTO
    ? table[sound.activation].initializer : sound.initializer;
  return sound;
}

/** Returns the number that a number or a text is; NaN for anything else. */
function numberOf(value) {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN;
}
