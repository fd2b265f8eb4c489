// The scene: the settings of both networks, and how the address holds them.
//
// An address may be anybody's, so `checkSettings` looks at each value.

import {ACTIVATIONS, NETWORKS, NUM_STEPS} from './tables.js';
import {DEFAULTS, checkSettings} from './training/settings.js';

export const SIDES = ['left', 'right'];

// What each network has of its own, and what both have in common.
const OWN = ['activation', 'depth', 'width', 'initializer', 'learningRate', 'residual'];
const COMMON = ['bits', 'replicas', 'seed'];

const START = {
  left: {activation: 'sigmoid', depth: 10, width: 10},
  right: {activation: 'relu', depth: 10, width: 10},
};

// Scenes for a lecture, by the names that the texts have for them.
export const SCENES = {
  lecture: {
    left: {activation: 'sigmoid', depth: 10, width: 5, initializer: 'uniform'},
    right: {activation: 'relu', depth: 10, width: 5, initializer: 'uniform'},
  },
  deep: START,
  playground: {
    left: {activation: 'sigmoid', depth: 1, width: 4}, right: {activation: 'sigmoid', depth: 6, width: 4},
  },
  dead: {
    left: {activation: 'relu', depth: 10, width: 5},
    right: {activation: 'leaky_relu', depth: 10, width: 5},
  },
  initializer: {
    left: {activation: 'tanh', depth: 20, width: 16, initializer: 'normal'},
    right: {activation: 'tanh', depth: 20, width: 16, initializer: 'glorot'},
  },
  residual: {
    left: {activation: 'sigmoid', depth: 10, width: 10},
    right: {activation: 'sigmoid', depth: 10, width: 10, residual: true},
  },
  parity: {
    left: {activation: 'relu', depth: 2, width: 8}, right: {activation: 'relu', depth: 10, width: 8},
    bits: 4,
  },
};

/**
 * Returns a sound scene, {left, right, bits, replicas, seed}, of one that may be anything;
 * what is unsound or missing is that of another one.
 */
export function sound(found, other = START) {
  const checked = SIDES.map((side) => {
    const usual = {...DEFAULTS, ...pick(other, COMMON), ...other[side]};
    return checkSettings({...pick(found, COMMON), ...found[side]}, ACTIVATIONS, usual);
  });
  const [left, right] = checked.map((settings) => pick(settings, OWN));
  return {left, right, ...pick(checked[0], COMMON)};
}

/** Returns the settings of one network, as the training takes them. */
export const settingsOf = (scene, side) =>
  checkSettings({...scene[side], ...pick(scene, COMMON)}, ACTIVATIONS);

/** Returns the scene that an address' fragment has. */
export function decode(fragment) {
  const values = new URLSearchParams(fragment.replace(/^#/, ''));
  const found = {left: {}, right: {}};
  for (const [key, value] of values) {
    const [side, name] = key.split('.');
    if (COMMON.includes(key)) found[key] = value;
    else if (SIDES.includes(side) && OWN.includes(name)) found[side][name] = value;
  }
  return sound(found);
}

/** Returns a scene as an address' fragment, without what is as it is by default. */
export function encode(scene) {
  const values = new URLSearchParams();
  const usual = sound({});
  for (const side of SIDES) {
    for (const name of OWN) {
      const value = scene[side][name];
      if (value !== usual[side][name]) values.set(`${side}.${name}`, String(value));
    }
  }
  for (const name of COMMON) if (scene[name] !== usual[name]) values.set(name, scene[name]);
  return String(values);
}

const pick = (from, names) =>
  Object.fromEntries(names.filter((name) => name in from).map((name) => [name, from[name]]));

/** Returns the command that trains the network of one side in the laboratory. */
export function commandOf(scene, side) {
  const {activation, units, kernelInitializer, learningRate, residual} = settingsOf(scene, side);
  const name = Object.keys(NETWORKS).find((one) => String(NETWORKS[one]) === String(units));
  const flags = {
    ...(name ? {network: name} : {hidden_units: units.join(',')}), activation,
    initializer: kernelInitializer, learning_rate: learningRate, bits: scene.bits, replicas: scene.replicas, seed: scene.seed,
    num_steps: NUM_STEPS,
  };
  // The laboratory refuses shortcuts where there is nothing to go around.
  const last = residual && units.length > 1 ? ['--residual'] : [];
  const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  return ['python -m deepxor.train', ...words, ...last].join(' ');
}
