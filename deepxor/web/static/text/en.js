// All texts of the page in English. ko.js has the same keys.

const plural = (count, one, many) => (count === 1 ? one : many);

export default {
  code: 'en',
  title: 'Gradient playground',
  subtitle: 'Deep networks learn XOR in your browser. Where does the gradient go?',
  start: 'Start', pause: 'Pause', step: 'One step', again: 'Again',
  startTitle: 'Start or pause (space)', stepTitle: 'One step (right arrow)',
  againTitle: 'From the start again, with the same seed (Home)',
  scene: 'Scene', scenes: {
    own: 'your own',
    deep: 'Ten layers of ten: sigmoid and ReLU',
    lecture: 'The lecture\u2019s network: ten layers of five',
    playground: 'One layer or six',
    dead: 'ReLU that dies',
    initializer: 'Weights too large, and right',
    residual: 'The cure by shortcuts',
    parity: 'Parity of four bits',
  },
  problem: 'Problem', problems: {2: 'XOR', 3: '3-bit parity', 4: '4-bit parity'},
  replicas: 'Networks a side', seed: 'Seed', newSeed: 'Another seed',
  stepNow: (step) => `step ${step}`,
  look: 'Step shown', latest: 'latest',
  dark: 'Dark', light: 'Light',
  sides: {left: 'Left network', right: 'Right network'},
  activation: 'Activation', depth: 'Hidden layers', width: 'Units', initializer: 'Initializer',
  auto: (name) => `auto: ${name}`,
  learningRate: 'Learning rate', residual: 'Shortcuts',
  residualTitle: 'Each hidden layer adds its input to its output (residual connections)',
  at: (step) => (step === 0 ? 'At the first step' : `At step ${step.toLocaleString('en')}`),
  sentence: {
    vanishes: (at, layer, first, last, parts) =>
      `${at} ${layer} gets ${first}, the output ${last}: 1 part in ${parts} arrives.`,
    arrives: (at, layer, first, last, percent) =>
      `${at} ${layer} gets ${first}, the output ${last}: ${percent} % arrives.`,
    grows: (at, layer, first, last, times) =>
      `${at} ${layer} gets ${first}, the output ${last}: ${times} times as much arrives.`,
    nothing: (at, layer) => `${at} nothing arrives at ${layer}: its gradient is exactly 0.`,
    dead: (at) => `${at} no layer gets any gradient: it is exactly 0 everywhere.`,
    left: (at, last) => `${at} the output itself gets only ${last}.`,
    notFinite: (at, layer) => `${at} the gradient at ${layer} is not finite.`,
  },
  median: (count) => (count === 1 ? 'one network' : `median of ${count} networks`),
  zeros: (count) => `${count} of them ${plural(count, 'gets', 'get')} exactly 0 at layer1`,
  layersTitle: 'Gradient by layer, from the input to the output. Click a layer to see why.',
  layersHelp: 'Arrow keys choose a layer and a unit, Enter shows why.',
  input: 'input', depthWord: 'depth', outputWord: 'output',
  mapTitle: 'Gradient norm, layer by step',
  profileTitle: (step) => `Gradient norm by layer, at step ${step.toLocaleString('en')}`,
  surface: 'Decision surface', surfaceTitle: 'What the network answers over the square: blue is 0, orange is 1',
  costTitle: (value) => `Cost ${value}`,
  chance: 'ln 2',
  network: (index, count) => `network ${index + 1} of ${count}`,
  before: 'Network before', next: 'Next network',
  solved: (count, all) => `solved: ${count} of ${all}`,
  dead: (count) => `dead: ${count}`,
  diverged: (count) => `diverged: ${count}`,
  dotsTitle: 'Each dot is a network; click one to see it',
  states: {
    learning: 'not yet', solved: 'solved', dead: 'dead', diverged: 'diverged',
  },
  unit: (layer, unit) => `${layer}, unit ${unit + 1}`,
  answers: (low, high) => (low === high ? `answers ${low} everywhere` : `answers ${low} to ${high}`),
  why: 'Why', close: 'Close',
  whyStart: (layer) => `${layer} is where the gradient starts.`,
  whyUnknown: 'One of the factors is 0 or not finite.',
  whySentence: (layer, from, change, slopes, weights, hasShortcuts) =>
    `The output of ${layer} gets ${change} of the gradient at ${from}: ` +
    `the slopes make ${slopes}, the weights${hasShortcuts ? ' and shortcuts' : ''} ${weights}.`,
  parts: (count) => `1 part in ${count}`,
  percent: (count) => `${count} %`,
  times: (factor) => `${factor} times as much`,
  decades: (count) => `${count} decades`,
  slope: 'slope of the activation', weight: 'weights',
  factor: (name, slope, weight, product, hasShortcuts) =>
    `${name}: slope \u00d7 ${slope}, weights${hasShortcuts ? ' and shortcut' : ''} ` +
    `\u00d7 ${weight}, together ${product}`,
  numbers: 'in numbers',
  legend: {zero: 'exactly 0', notFinite: 'not finite', negative: 'weight below 0', positive: 'above 0'},
  tensorboard: 'Open in TensorBoard',
  tensorboardHelp: 'These commands train the same networks, from the same weights, and show ' +
    'every gradient, histogram and graph in TensorBoard. They need deepxor to be installed.',
  copy: 'Copy', copied: 'Copied',
  link: 'Copy link', linkTitle: 'Copy the address of this scene',
  about: 'What is this?',
  aboutText: [
    'Each side trains up to 200 deep networks at once, all with the same settings and each from ' +
      'other random weights. Every step, backpropagation carries the gradient of the cost from ' +
      'the output back to the input. The colour of a layer is the norm of the gradient that it gets.',
    'Where each layer\u2019s slope and weights together shrink the gradient, almost nothing is ' +
      'left at the first layers of a deep network: the vanishing gradient. They hardly learn.',
    'The numbers are computed in double precision by the rules of the laboratory deepxor, from ' +
      'the same initial weights. Nothing leaves your browser.',
  ],
  failed: (message) => `The training has stopped: ${message}`,
  pausedAt: (step) => `Paused at step ${step.toLocaleString('en')}, where the laboratory ends. Start goes on.`,
};
