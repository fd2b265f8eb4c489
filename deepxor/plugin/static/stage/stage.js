// The stage: two or three runs, step by step, in letters that a lecture hall can read.

import {arrivalAt, costAt, remedyAt, successAt} from './arrival.js';
import {boxesOf, drawCost, drawFlow, mostCost, renderBase} from './beam.js';
import {Clock} from './clock.js';
import {fetchCurves, pictureUrl} from '../data.js';
import {NORM, endOf} from '../drawing/cells.js';
import {stepsOf} from '../records.js';
import {dot, h, setDot, setText} from '../drawing/dom.js';
import {Axis} from '../drawing/draw.js';
import {rangeOf} from '../drawing/range.js';
import {VERDICTS} from '../drawing/tables.js';

const MOST_RUNS = 3;
const PULSE_MS = 600, PULSE_EVERY_MS = 1000, PULSE_PAUSED_MS = 2500;
// Of 1000 parts, as a slider has whole numbers.
const SLIDER = 1000;

const calm = window.matchMedia('(prefers-reduced-motion: reduce)');

/** Returns the runs for the stage: two or three that are picked, or else the first. */
export function castOf(loaded, picked) {
  const lit = loaded.filter(({name}) => picked.includes(name));
  const others = loaded.filter((run) => !lit.includes(run));
  const cast = (lit.length > 1 ? lit : [...lit, ...others]).slice(0, MOST_RUNS);
  return loaded.filter((run) => cast.includes(run));
}

/** Makes the stage, closed; `onStep` hears where it stands, `onClose` that it is left. */
export function makeStage({onStep, onClose}) {
  const clock = new Clock();
  let columns = [], theme = {}, axis = null, scale = null, most = 1;
  let taken = null; // The step of the page that was taken up last.
  let before = null; // What had the focus.
  let frame = 0, then = 0, timer = 0;
  let pulse = -Infinity, pulsed = null; // When it began, and at which record.

  const button = (label, title, onclick) =>
    h('button', {onclick, title, 'aria-label': title, 'data-do': title.split(' (')[0]}, label);
  const play = button('Play', 'Play (space)', () => act(() => clock.toggle()));
  const speed = h('output', {'aria-label': 'Speed'});
  const step = h('strong', {class: 'step'});
  const slider = h('input', {
    type: 'range', min: 0, max: SLIDER, 'aria-label': 'Step, from the first to the last record',
    oninput: () => act(() => { clock.isPlaying = false; clock.position = slider.value / SLIDER; }),
  });
  const move = (records) => act(() => { clock.isPlaying = false; clock.moveBy(records); });
  const bar = h('div', {class: 'bar'}, step, slider,
    button('Start', 'First record (Home)', () => move(-Infinity)),
    button('Back', 'Record before (left)', () => move(-1)), play,
    button('Next', 'Next record (right)', () => move(1)),
    button('End', 'Last record (End)', () => move(Infinity)),
    button('Slower', 'Slower (down)', () => act(() => clock.shift(-1))), speed,
    button('Faster', 'Faster (up)', () => act(() => clock.shift(1))),
    button('Close', 'Leave the stage (Escape)', onClose));
  const said = h('p', {class: 'said', 'aria-live': 'polite'});
  const stage = h('div', {class: 'columns'});
  const root = h('section', {
    id: 'stage', role: 'dialog', 'aria-modal': 'true', 'aria-label': 'On stage', tabindex: -1,
    hidden: true, onkeydown: press,
  }, bar, stage, said);
  document.body.append(root);
  document.head.append(
    h('link', {rel: 'stylesheet', href: new URL('./stage.css', import.meta.url).href}));
  new ResizeObserver(wake).observe(root);

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // A button that the keyboard has reached is pressed by the space bar.
    if (event.key === ' ' && event.target.matches('button:focus-visible')) return;
    const does = {
      Escape: onClose, ' ': () => act(() => clock.toggle()),
      ArrowLeft: () => move(-1), ArrowRight: () => move(1),
      Home: () => move(-Infinity), End: () => move(Infinity),
      ArrowUp: () => act(() => clock.shift(1)), ArrowDown: () => act(() => clock.shift(-1)),
    }[event.key];
    // No key is meant for the page behind.
    event.stopPropagation();
    if (!does) return;
    event.preventDefault();
    does();
  }

  /** Does what the reader wants of the clock, and shows it. */
  function act(change) {
    change();
    if (!clock.isPlaying) tell();
    wake();
  }

  /** Hands the step on, and says in words what is seen there. */
  function tell() {
    taken = clock.record;
    onStep(taken);
    columns.forEach(write);
    setText(said, [`Step ${taken}.`, ...columns.map(({run: {name}, texts}) => {
      const {number, unit, sentence, verdict, remedy} = texts;
      const parts = [number, unit].map(({textContent}) => textContent).join(' ').trim();
      const end = [sentence, verdict, remedy].map(({textContent}) => textContent).join(' ').trim();
      return `${name}: ${parts}. ${end}`;
    })].join(' '));
  }

  /** Shows runs, [{name, index, version, flow}], at a step of the page; null closes. */
  function update(cast, at, colours) {
    if (!cast?.length) return shut();
    theme = colours;
    const flows = cast.map(({flow}) => flow);
    const key = JSON.stringify(cast.map(({name, index, version}) => [name, index, version]));
    if (stage.dataset.key !== key) {
      stage.dataset.key = key;
      clock.setRecords(stepsOf(flows));
      axis = new Axis(clock.steps[0], Math.max(...flows.map(endOf)), true);
      scale = rangeOf(flows, NORM, {mode: 'auto'});
      const old = new Map(columns.map((column) => [column.run.name, column]));
      columns = cast.map((run) => Object.assign(old.get(run.name) || makeColumn(run), {run}));
      stage.replaceChildren(...columns.map((column) => column.root));
      columns.forEach(fetchOf);
    }
    if (at !== taken && !clock.isPlaying) {
      taken = at;
      clock.moveTo(at);
    }
    if (root.hidden) open();
    wake();
  }

  function open() {
    before = document.activeElement;
    for (const other of document.body.children) other.inert = other !== root;
    root.hidden = false;
    root.focus();
  }

  function shut() {
    if (root.hidden) return;
    clock.isPlaying = false;
    taken = null;
    root.hidden = true;
    for (const other of document.body.children) other.inert = false;
    before?.focus();
  }

  async function fetchOf(column) {
    const {curves, surfaces} = await fetchCurves(column.run.name);
    column.curves = curves;
    column.surfaces = surfaces.map(({step, blob}) => {
      const picture = column.pictures.get(blob) || new Image();
      column.pictures.set(blob, picture);
      picture.onload = wake;
      picture.src ||= pictureUrl(blob);
      return {step, picture};
    });
    most = mostCost(columns.map((one) => one.curves));
    stage.classList.toggle('bare', columns.every((one) => !one.curves.cost && !one.surfaces.length));
    wake();
  }

  // --- Frames: none while nothing moves, and none while the tab is hidden ---

  function wake() {
    if (!root.hidden && !frame) frame = requestAnimationFrame(draw);
  }

  function draw(now) {
    clearTimeout(timer);
    frame = 0;
    if (root.hidden || window.innerHeight === 0) { then = 0; return; }
    const wasPlaying = clock.isPlaying;
    clock.advance(then ? (now - then) / 1000 : 0);
    if (wasPlaying && !clock.isPlaying) tell();
    if (pulsed !== clock.record && now - pulse >= PULSE_EVERY_MS) beat(now);
    const share = calm.matches ? 1 : (now - pulse) / PULSE_MS;
    show(share < 1 ? share : null);
    const moves = clock.isPlaying || share < 1;
    then = moves ? now : 0;
    if (moves) wake();
    else if (!calm.matches) timer = setTimeout(() => { beat(performance.now()); wake(); }, PULSE_PAUSED_MS);
  }

  function beat(now) { [pulse, pulsed] = [now, clock.record]; }

  function show(share) {
    setText(step, `step ${clock.record.toLocaleString('en')}`);
    setText(play, clock.isPlaying ? 'Pause' : 'Play');
    setText(speed, `${clock.speed}\u00d7`);
    slider.value = SLIDER * clock.position;
    slider.setAttribute('aria-valuetext', `step ${clock.record}`);
    // All texts first, as they take room from the pictures.
    columns.forEach(write);
    const font = parseFloat(getComputedStyle(stage).fontSize);
    for (const column of columns) paint(column, font, share);
  }

  function write({run: {name, index, flow}, mark, texts, curves}) {
    const {isNoise, ...said} = arrivalAt(flow, clock.step);
    const remedy = remedyAt(flow, clock.step, columns.length < MOST_RUNS);
    const verdict = remedy && flow.diagnosis.verdict;
    const all = {
      ...said, name, verdict, remedy, cost: costAt(curves, clock.step),
      success: successAt(curves, flow.replicas, clock.step),
    };
    for (const [part, text] of Object.entries(all)) setText(texts[part], text);
    setDot(mark, index);
    texts.number.parentNode.classList.toggle('noise', isNoise);
    texts.verdict.style.background = Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict] : '';
    texts.verdict.parentNode.hidden = !remedy;
  }

  function paint(column, font, share) {
    const {run, canvas, cost, curves, surfaces} = column;
    const {clientWidth: width, clientHeight: height} = canvas.parentNode;
    const ends = [axis.low, axis.high, scale.low, scale.high];
    const key = JSON.stringify([width, height, font, run.version, devicePixelRatio, theme, ends]);
    if (column.key !== key) {
      column.key = key;
      column.boxes = boxesOf(width, height, font);
      column.base = renderBase(run.flow, scale, axis, column.boxes, theme);
    }
    const view = {flow: run.flow, index: run.index, scale, axis, curves, most, boxes: column.boxes};
    drawFlow(canvas, column.base, view, clock.step, share);
    canvas.setAttribute('aria-label', `Gradient norm by layer: ${arrivalAt(run.flow, clock.step).sentence}`);
    const room = cost.parentNode.clientHeight;
    if (!room) return;
    const {picture} = surfaces.findLast(({step: at}) => at <= clock.step) || {};
    const isThere = picture?.complete && picture.naturalWidth > 0;
    drawCost(cost, view, isThere ? picture : null, room, clock.step, theme);
  }

  return {update};
}

const PARTS = ['name', 'number', 'unit', 'sentence', 'cost', 'success', 'verdict', 'remedy'];

function makeColumn(run) {
  const texts = Object.fromEntries(PARTS.map((part) => [part, h('span', {class: part})]));
  const mark = dot(run.index);
  const canvas = h('canvas', {role: 'img'});
  const cost = h('canvas', {role: 'img', 'aria-label': 'Cost and decision surface'});
  return {
    run, texts, mark, canvas, cost, curves: {}, surfaces: [], pictures: new Map(),
    root: h('article', {'data-run': run.name},
      h('h2', {title: run.name}, mark, texts.name),
      h('p', {class: 'decades'}, texts.number, ' ', texts.unit),
      h('p', {}, texts.sentence),
      h('div', {class: 'flow'}, canvas),
      h('div', {class: 'curve'}, cost, texts.cost, texts.success),
      h('p', {class: 'end'}, texts.verdict, ' ', texts.remedy)),
  };
}
