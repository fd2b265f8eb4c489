// The page: its scene, its clock, and what happens when.

import {NORM, columnAt} from './drawing/cells.js';
import {setText, themeOf} from './drawing/dom.js';
import {Axis, drawScale, prepare} from './drawing/draw.js';
import {drawProfile, layOut} from './drawing/profile.js';
import {profileRange, rangeOf} from './drawing/range.js';
import {drawLegend, makeFrame, showCommands} from './frame.js';
import {Pace} from './pace.js';
import {Pair} from './pair.js';
import {SIDES, commandOf, decode, encode, sound} from './scene.js';
import {arrival, recordAt} from './sentence.js';
import {makeSide, showUnit, updateSide} from './side.js';
import {NUM_STEPS} from './tables.js';
import {text} from './text/language.js';
import {followTheme, toggleTheme} from './theme.js';

// Colours stand for six decades at least, so that a small difference is not a large one.
const LEAST_DECADES = 6;
// What is beyond these has the colour of the end, so that a training that explodes leaves
// the other side its colours.
const LOWEST = -14, HIGHEST = 3;
// The first decades of the axis of steps.
const LEAST_STEPS = 100;
const PROFILE_HEIGHT = 330;
const PULSE_MS = 900;
const SAY_EVERY_MS = 5000, KEEP_MS = 1000;
// While a training runs, texts are written and the profile is drawn in one of so many
// frames.
const WRITTEN_TURN = 4;
// Left as sigmoid and right as ReLU are in TensorBoard's pictures of the README.
const COLOURS = {left: 1, right: 0};

const calm = window.matchMedia('(prefers-reduced-motion: reduce)');

const pair = new Pair();
const pace = new Pace();
let scene = decode(location.hash);
let isStale = false; // Whether the page does not show what there is.
let isRunning = false, isReady = false, isStepping = false;
let goesOn = false; // Whether it goes on where the laboratory ends.
let look = null; // The step that is looked at; null for the latest.
let theme = {};
let scale = null; // The ends of the colours.
let pulse = -Infinity, isPulsing = false; // When the light began its way back.
let keeping = 0; // The timer of the address.
let frame = 0, drawn = 0, saidAt = -Infinity;

const sides = Object.fromEntries(SIDES.map((name) => [name, makeSide(name, COLOURS[name], {
  onSettings: (changed) => change({[name]: {...scene[name], ...changed}}),
  onLook: lookAt, onReplica: (replica) => showReplica(replica), onChange: schedule,
  onSay: (said) => setText(ui.said, said),
  onUnit: (chosen) => askUnit(name, chosen),
})]));

const ui = makeFrame({
  toggle, step: () => oneStep(), again: () => rebuild(), theme: toggleTheme,
  settings: (changed) => change(changed), scene: (found) => change(found),
  look: () => {
    const {records} = pair.trainings.left;
    const index = Number(ui.look.value);
    lookAt(index >= records.length - 1 ? null : records[index].step);
  },
}, SIDES.map((name) => sides[name].root));

document.documentElement.lang = text.code;
document.title = text.title;
followTheme((isDark) => {
  theme = themeOf(document.documentElement);
  setText(ui.theme, isDark ? text.light : text.dark);
  drawLegend(theme);
  ui.translate();
  schedule();
});
new ResizeObserver(schedule).observe(document.body);
window.addEventListener('hashchange', () => {
  const found = decode(location.hash);
  if (encode(found) === encode(scene)) return;
  scene = found;
  rebuild();
});
document.addEventListener('keydown', press);
rebuild();

// --- What the reader does ---

function change(changed) {
  scene = sound({...scene, ...changed}, scene);
  rebuild();
}

/** Starts the scene anew, also while it runs. */
async function rebuild() {
  showScene();
  keepAddress();
  goesOn = false;
  await guard(async () => {
    if (!await pair.build(scene)) return;
    isReady = true;
    look = null;
    pace.reset();
    beat();
    say();
  });
}

/** Puts the scene into the address, as soon as the browser lets it. */
function keepAddress() {
  clearTimeout(keeping);
  const fragment = encode(scene);
  try {
    history.replaceState(null, '', fragment ? `#${fragment}` : location.pathname + location.search);
    ui.translate();
  } catch {
    // Browsers allow so many changes in a time: a slider can make more.
    keeping = setTimeout(keepAddress, KEEP_MS);
  }
}

function showScene() {
  ui.common.show(scene);
  for (const name of SIDES) sides[name].fields.show(scene[name]);
  setText(ui.status, '');
  showCommands(ui.commands, [...SIDES.map((name) => commandOf(scene, name)), 'tensorboard --logdir logdir']);
}

function toggle() {
  isRunning = !isRunning;
  goesOn = isRunning && pair.steps >= NUM_STEPS;
  look = null;
  pace.reset();
  setText(ui.status, '');
  if (!isRunning) guard(settle);
  schedule();
}

/** Lets the side that is behind come up with the other. */
async function settle() {
  await evenOut();
  say();
}

/** Does what is under way, and then takes the steps that one side lacks. */
async function evenOut() {
  while (isReady && await pair.advance(0) && !isRunning && pair.isUneven);
}

async function oneStep() {
  // A key that is held down repeats faster than steps are shown.
  if (!isReady || isStepping) return;
  isStepping = true;
  isRunning = false;
  look = null;
  await guard(async () => {
    await evenOut();
    if (!await pair.advance(1)) return;
    beat();
    say();
  });
  isStepping = false;
}

function lookAt(step) {
  const {records} = pair.trainings.left;
  look = step === null || step >= records.at(-1).step ? null : recordAt(records, step).step;
  if (!isRunning) say();
  schedule();
}

const showReplica = (replica) => guard(async () => {
  if (await pair.show(replica)) await askUnits();
  schedule();
});

async function askUnit(name, chosen) {
  schedule();
  if (!chosen || !isReady) return showUnit(sides[name], null);
  await guard(async () => {
    const values = await pair.unit(name, chosen);
    if (sides[name].chosen === chosen) showUnit(sides[name], values);
  });
}

const askUnits = () => Promise.all(SIDES.map((name) => {
  const {chosen} = sides[name];
  return chosen?.unit == null ? null : askUnit(name, chosen);
}));

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest('input, select')) return;
  // What has the focus since it was clicked still hears its own key.
  if (event.key === ' ' && event.target.closest('button, a, summary')) return;
  const does = {' ': toggle, ArrowRight: oneStep, Home: rebuild}[event.key];
  if (!does) return;
  event.preventDefault();
  does();
}

/** Does something with the workers; if that fails, the page says so. */
async function guard(does) {
  try {
    await does();
  } catch (error) {
    isRunning = false;
    setText(ui.status, text.failed(error.message));
  }
  schedule();
}

// --- Frames: none while nothing moves ---

/** Draws the page in the next frame. */
function schedule() {
  isStale = true;
  wake();
}

function wake() { frame ||= requestAnimationFrame(draw); }

function beat() { [pulse, isPulsing] = calm.matches ? [-Infinity, false] : [performance.now(), true]; }

function draw(now) {
  frame = 0;
  if (!isReady) return;
  if (isRunning && !pair.isBusy) goOn(now);
  const share = isRunning ? 1 : (now - pulse) / PULSE_MS;
  // Screens have more frames than the workers answers.
  if (isStale || isPulsing) {
    isStale = false;
    isPulsing = share < 1;
    show(share < 1 ? Math.max(0, share) : null);
  }
  if (isRunning && now - saidAt > SAY_EVERY_MS) say();
  if (isRunning || isPulsing) wake();
}

/** Takes the steps that are due; the page is drawn meanwhile. */
function goOn(now) {
  const due = pace.stepsAt(now, pair.steps);
  // As the laboratory does, if nobody wants more.
  const left = goesOn ? Infinity : NUM_STEPS - pair.steps;
  if (left <= 0) {
    isRunning = false;
    setText(ui.status, text.pausedAt(pair.steps - 1));
    guard(settle);
    return;
  }
  if (due > 0) {
    guard(async () => {
      if (await pair.advance(Math.min(left, due))) await askUnits();
    });
  }
}

/** Says for those who cannot see it what the page shows. */
function say() {
  saidAt = performance.now();
  if (isReady) setText(ui.said, inWords());
}

const inWords = () => SIDES.map((name) => {
  const {records, layers} = pair.trainings[name];
  return `${text.sides[name]}: ${arrival(recordAt(records, shownStep()), layers, records)}`;
}).join(' ');

const shownStep = () => look ?? Math.max(...pair.each(({records}) => records.at(-1).step));

function show(pulsed) {
  drawn++;
  const step = shownStep();
  const flows = pair.each(({flow}) => flow);
  const isWritten = !isRunning || drawn % WRITTEN_TURN === 0;
  if (isWritten) scale = scaleOf(flows);
  const last = Math.max(...flows.map((flow) => flow.step.at(-1)));
  const axis = new Axis(0, 10 ** Math.ceil(Math.log10(Math.max(LEAST_STEPS, last))), true);
  const costs = pair.each(({records}) => records[0].cost.median).filter(Number.isFinite);
  const most = Math.max(1, ...costs.map((cost) => 1.2 * cost));
  for (const name of SIDES) {
    updateSide(sides[name], {
      ...pair.trainings[name], step, axis, scale, most, theme, pulse: pulsed,
      replicas: pair.trainings[name].settings.replicas, frame: drawn,
      isRunning, isWritten, isPast: look !== null,
    });
  }
  showBar(step, last);
  if (isWritten) showProfile(flows, scale, step);
}

/** Returns the ends of the colours: whole decades, so that they do not flicker. */
function scaleOf(flows) {
  const scale = rangeOf(flows, NORM, {mode: 'auto'});
  const high = Math.min(HIGHEST, Math.max(LOWEST + LEAST_DECADES, Math.ceil(scale.high)));
  const low = Math.max(LOWEST, Math.min(Math.floor(scale.low), high - LEAST_DECADES));
  return {
    low, high, below: scale.below || scale.low < low, above: scale.above || scale.high > high,
  };
}

function showBar(step, last) {
  setText(ui.start, isRunning ? text.pause : text.start);
  setText(ui.steps, text.stepNow(last.toLocaleString(text.code)));
  const {records} = pair.trainings.left;
  ui.look.max = records.length - 1;
  const index = columnAt({step: records.map((one) => one.step), columns: records.length}, step);
  ui.look.value = index;
  const said = look === null ? text.latest : step.toLocaleString(text.code);
  setText(ui.looked, said);
  ui.look.setAttribute('aria-valuetext', said);
}

function showProfile(flows, scale, step) {
  const runs = SIDES.map((name, i) => ({name: text.sides[name], index: COLOURS[name], flow: flows[i]}));
  const width = ui.profile.parentNode.clientWidth > 700
    ? ui.profile.clientWidth : ui.profile.parentNode.clientWidth;
  // The band of networks whose gradient is exactly 0 goes on below the axis.
  const range = [scale.low, profileRange(scale, flows, NORM, {mode: 'auto'})[1]];
  const layout = layOut(runs, NORM, step, range, width, PROFILE_HEIGHT);
  const ends = {input: text.input, depth: text.depthWord, output: text.outputWord};
  drawProfile(prepare(ui.profile, width, PROFILE_HEIGHT), layout, NORM, theme, new Set(), ends);
  setText(ui.profileTitle, text.profileTitle(step));
  ui.profile.setAttribute('aria-label', `${ui.profileTitle.textContent}. ${inWords()}`);
  const room = ui.scale.clientWidth;
  const made = JSON.stringify([room, scale, theme]);
  if (ui.scale.dataset.made === made) return;
  ui.scale.dataset.made = made;
  drawScale(prepare(ui.scale, room, 34), room, NORM, scale, theme);
}
