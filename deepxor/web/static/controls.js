// The fields of the settings: those of each network, and those of both.

import {field, h} from './drawing/dom.js';
import {SCENES, sound} from './scene.js';
import {ACTIVATIONS} from './tables.js';
import {text} from './text/language.js';
import {CHOICES, RANGES} from './training/settings.js';

const option = (value, label = value) => h('option', {value}, label);

/** Returns a list of choices that calls back with the one that is chosen. */
function choose(options, onChange) {
  const list = h('select', {onchange: () => onChange(list.value)}, ...options);
  return list;
}

/** Returns a slider of whole numbers, with its number beside it. */
function slide(name, onChange) {
  const [min, max] = RANGES[name];
  const shown = h('output', {});
  const input = h('input', {
    type: 'range', min, max, step: 1, name, oninput: () => onChange(Number(input.value)),
  });
  return {input, shown, root: h('span', {class: 'pair'}, input, shown)};
}

/** Returns a number that is typed; what is unsound is put back by `show`. */
function type(name, attributes, onChange) {
  const input = h('input', {
    type: 'number', name, ...attributes, onchange: () => onChange(Number(input.value || NaN)),
  });
  return input;
}

/** Makes the fields of one network; `onChange` hears {name: value}. */
export function makeOwnFields(side, onChange) {
  const set = (name) => (value) => onChange({[name]: value});
  const activation = choose(CHOICES.activation.map((name) => option(name)), set('activation'));
  const depth = slide('depth', set('depth')), width = slide('width', set('width'));
  const initializer = choose(CHOICES.initializer.map((name) => option(name)), set('initializer'));
  const rate = type('learningRate', {step: 'any', min: 0}, set('learningRate'));
  const residual = h('input', {
    type: 'checkbox', name: 'residual', onchange: () => onChange({residual: residual.checked}),
  });
  activation.name = 'activation';
  initializer.name = 'initializer';
  const root = h('div', {class: 'fields', role: 'group', 'aria-label': text.sides[side]},
    field(text.activation, activation), field(text.depth, depth.root),
    field(text.width, width.root), field(text.initializer, initializer),
    field(text.learningRate, rate),
    h('label', {class: 'field', title: text.residualTitle}, residual, text.residual));
  const show = (own) => {
    activation.value = own.activation;
    for (const [control, value] of [[depth, own.depth], [width, own.width]]) {
      control.input.value = value;
      control.shown.textContent = value;
    }
    initializer.value = own.initializer;
    initializer.firstChild.textContent = text.auto(ACTIVATIONS[own.activation].initializer);
    rate.value = own.learningRate;
    residual.checked = own.residual;
  };
  return {root, show};
}

/** Makes the fields of both networks; `onChange` hears {name: value}, or a whole scene. */
export function makeCommonFields(onChange, onScene) {
  const set = (name) => (value) => onChange({[name]: value});
  const scenes = choose([option('own', text.scenes.own),
    ...Object.keys(SCENES).map((name) => option(name, text.scenes[name]))],
  (name) => name in SCENES && onScene(sound(SCENES[name])));
  scenes.name = 'scene';
  const bits = choose(Object.entries(text.problems).map(([value, label]) => option(value, label)),
    (value) => onChange({bits: Number(value)}));
  bits.name = 'bits';
  const [least, most] = RANGES.replicas;
  const replicas = type('replicas', {min: least, max: most, step: 1}, set('replicas'));
  const seed = type('seed', {min: 0, step: 1}, set('seed'));
  const another = h('button', {
    onclick: () => onChange({seed: Number(seed.value) + 1}), title: text.newSeed,
    'aria-label': text.newSeed,
  }, '+1');
  const root = h('div', {class: 'fields'},
    field(text.scene, scenes), field(text.problem, bits), field(text.replicas, replicas),
    h('span', {class: 'pair'}, field(text.seed, seed), another));
  const show = (scene) => {
    const key = JSON.stringify(scene);
    const found = Object.keys(SCENES).find((name) => JSON.stringify(sound(SCENES[name])) === key);
    scenes.value = found || 'own';
    bits.value = scene.bits;
    replicas.value = scene.replicas;
    seed.value = scene.seed;
  };
  return {root, show};
}
