// The tab: its controls, its cards, and what happens when.
//
// Names of runs and layers come from whoever wrote the events: they only ever become
// text, by textContent and attributes, never markup.

import {makeCard, updateCard} from './card.js';
import {choice, indexed, keep, quantity, restore} from './choice.js';
import {fetchCsv, fetchFlows, fetchRuns} from './data.js';
import {columnAt, endOf} from './drawing/cells.js';
import {isMeasured, movedBy, stepsOf} from './records.js';
import {setDot, setText} from './drawing/dom.js';
import {save, savePng} from './download.js';
import * as draw from './drawing/draw.js';
import * as list from './list.js';
import {build, unit, updateHeader} from './page.js';
import {fixedRange, rangeOf} from './drawing/range.js';
import {followPointer, litAmong, updateSide} from './side.js';
import {QUANTITIES} from './drawing/tables.js';
import {castOf, makeStage} from './stage/stage.js';
import {followTheme} from './theme.js';
import * as url from './url.js';
import {makeWhy, updateWhy} from './why.js';
import * as zoom from './zoom.js';

const POLL_MS = 2000;
const KEEP_MS = 300;

// What there is.
let runs = null;
const flows = new Map(); // Name -> {version, flow}.
const cards = new Map(); // Name -> elements.
const loading = new Set();
let trouble = '';
// Where the cursor is, but for its step; and the run whose way back is shown.
const cursor = {layer: null, run: null, why: null};
let isPlaced = false;
let isPlacedByItself = false;
let steps = []; // Those of all records of the runs shown, as far as they are not cut off.
let common = {key: null, steps: []}; // What holds until other records are shown.
let theme = {};
let ui = {};
let stage = null;

/** Called by TensorBoard once, in a frame of its own. */
export async function render() {
  const style = document.createElement('link');
  Object.assign(style, {rel: 'stylesheet', href: new URL('./style.css', import.meta.url).href});
  const styled = new Promise((done) => { style.onload = style.onerror = done; });
  document.head.append(style);
  document.documentElement.lang = 'en';
  await styled;
  ui = build(handlers);
  stage = makeStage({onStep: moveTo, onClose: () => setStage(false)});
  document.addEventListener('keydown', pressStage);
  takeUp();
  url.follow(() => { takeUp(); changed(); });
  followPointer(ui, () => { keepSoon(); schedule(); });
  zoom.makeBrush(ui.overview, {
    boxOf: () => ui.overview.box, onPoint: () => {}, onBrush: schedule,
    onRange: showRange, onReset: () => zoomTo(null),
  });
  followTheme((found) => { theme = found; schedule(); });
  new ResizeObserver(() => schedule()).observe(ui.main);
  poll();
}

// --- What the reader chooses ---

const handlers = {
  filter: () => { choice.filter = ui.filter.value; changed(); },
  quantity: () => {
    choice.quantity = ui.quantity.value;
    // Two numbers for one quantity mean nothing for another.
    if (choice.range.mode === 'fixed') choice.range = {mode: 'auto'};
    changed();
  },
  axis: () => { choice.axis = ui.axis.value; changed(); },
  range: () => {
    const {low, high} = viewOf(shownFlows()).scale;
    const round = (end) => +end.toPrecision(3);
    choice.range = ui.range.value === 'fixed'
      ? fixedRange(round(low), round(high)) || {mode: 'auto'} : {mode: ui.range.value};
    changed();
  },
  ends: () => {
    const found = fixedRange(...[ui.low, ui.high].map(({value}) =>
      (value.trim() ? Number(value) / unit() : NaN)));
    if (found) choice.range = found;
    for (const input of [ui.low, ui.high]) input.setAttribute('aria-invalid', String(!found));
    if (found) changed();
  },
  slide: () => moveTo(steps[+ui.slider.value]),
  zoomKey: (event) => pressZoom(event),
  allSteps: () => zoomTo(null),
  fix: () => {
    if (list.emptiness(runs)?.fix === 'filter') ui.filter.value = choice.filter = '';
    else list.tickAll(runs);
    changed();
  },
  tickAll: (ticked) => { list.tickAll(runs || [], ticked); changed(); },
  csv: saveCsv,
  png: downloadPng,
  stage: () => setStage(true),
};

const shownRuns = () => list.shownOf(runs || []);

const shownFlows = () => shownRuns()
  .map((run) => ({...run, ...flows.get(run.name)}))
  .filter(({flow}) => flow && !flow.error);

/** Takes up the view of the address or of the last visit. */
function takeUp() {
  isPlaced = restore();
  runs &&= indexed(runs);
  isPlacedByItself = false;
  ui.filter.value = choice.filter;
}

function changed() {
  keepNow();
  load();
  schedule();
}

let keeping = null;

/** Keeps the view when the reader pauses: browsers limit how often an address changes. */
function keepSoon() {
  clearTimeout(keeping);
  keeping = setTimeout(keepNow, KEEP_MS);
}

function keepNow() {
  if (runs && window.innerHeight > 0) keep(shownRuns(), isPlacedByItself);
}

// --- Fetching ---

async function poll() {
  // TensorBoard hides a tab by taking its height; the document stays "visible".
  if (!document.hidden && window.innerHeight > 0) {
    try {
      runs = list.listed(await fetchRuns(), runs);
      const names = new Set(runs.map(({name}) => name));
      for (const name of flows.keys()) if (!names.has(name)) flows.delete(name);
      trouble = '';
      await load();
      keepSoon();
    } catch (error) {
      trouble = `${error.message || error}. Trying again.`;
    }
    schedule();
  }
  setTimeout(poll, POLL_MS);
}

/** Fetches what is shown and has changed. */
async function load() {
  const waiting = shownRuns().filter((run) =>
    flows.get(run.name)?.version !== run.version && !loading.has(run.name));
  for (const run of waiting) loading.add(run.name);
  schedule();
  await fetchFlows(waiting, (run, flow) => {
    loading.delete(run.name);
    // A run that goes on is followed, unless the reader is looking elsewhere.
    if (isPlacedByItself && flow.step?.at(-1) > flows.get(run.name)?.flow.step?.at(-1)) {
      moveTo(undefined);
    }
    // An answer of "not now" must not stand for as long as the run stays the same.
    flows.set(run.name, {version: flow.error ? null : run.version, flow});
    schedule();
  });
}

// --- The cursor and the range of steps ---

/** Moves the cursor to a step; to the last one, also a later one, if it has none. */
function moveTo(step) {
  choice.step = step === undefined || step === steps.at(-1) && !choice.zoom ? null : step;
  isPlacedByItself = false;
  keepSoon();
  schedule();
}

const currentStep = () => {
  const last = steps.at(-1) ?? null;
  if (choice.step === null || !steps.length) return last;
  return Math.min(last, Math.max(steps[0], choice.step));
};

function zoomTo(range) {
  choice.zoom = range;
  keepSoon();
  schedule();
}

/** Shows the records between two steps, and those at both ends. */
function showRange(low, high) {
  zoomTo(zoom.rangeBetween(common.steps, ...zoom.indicesOf(common.steps, [low, high])));
}

/** Takes a key that zooms; tells whether it was one. */
function pressZoom(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const at = columnAt({step: common.steps, columns: common.steps.length}, currentStep());
  const range = zoom.rangeAfter(event.key, common.steps, choice.zoom, at);
  if (range === undefined) return false;
  event.preventDefault();
  zoomTo(range);
  return true;
}

function point(run, event) {
  const {flow, box, height} = cards.get(run)?.shown || {};
  if (!flow) return;
  const {left, top} = event.currentTarget.getBoundingClientRect();
  const y = (event.clientY - top - draw.MARGIN.top) /
    (height - draw.MARGIN.top - draw.MARGIN.bottom);
  const column = Math.max(0, columnAt(flow, zoom.stepAt(box, event.clientX - left)));
  const fromTop = Math.floor(Math.min(0.99999, Math.max(0, y)) * flow.layers.length);
  Object.assign(cursor, {layer: flow.layers.length - 1 - fromTop, run});
  moveTo(flow.step[column]);
}

/** Shows why the layer under the cursor gets what it gets, in the card of a run. */
function explain(run) {
  cursor.why = run;
  schedule();
}

function focus(run) {
  cursor.run = run;
  cursor.layer ??= 0;
  schedule();
}

function press(run, event) {
  const flow = cards.get(run).shown?.flow;
  if (!flow || pressZoom(event)) return;
  if (event.key === 'Enter') explain(cursor.why === run ? null : run);
  const at = [Math.max(0, columnAt(flow, currentStep())),
    Math.min(cursor.layer ?? 0, flow.layers.length - 1)];
  const moved = movedBy(event.key, flow, ...at);
  if (!moved) return;
  event.preventDefault();
  const [column, layer] = moved;
  Object.assign(cursor, {layer, run});
  moveTo(flow.step[column]);
}

// --- The stage ---

function setStage(open) {
  choice.stage = open;
  keepSoon();
  schedule();
}

/** Opens the stage by the key s, but where a letter may be meant for something else. */
function pressStage(event) {
  const {key, target} = event;
  if (key !== 's' || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!target.matches('input:not([type="checkbox"]), select, textarea')) setStage(true);
}

function updateStage(loaded) {
  const cast = choice.stage && castOf(loaded, choice.picked);
  stage.update(cast, choice.step ?? common.steps.at(-1), theme);
}

// --- Drawing ---

let scheduled = false;

function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    if (window.innerHeight > 0) update();
  });
}

function update() {
  const shown = shownRuns();
  const loaded = shownFlows();
  list.fillList(ui.list, runs || [], changed);
  updateEmptiness(shown);
  updateCommon(loaded);
  placeCursor(loaded);
  arrangeCards(shown);
  const view = viewOf(loaded);
  const lit = litAmong(loaded);
  for (const run of shown) {
    const card = cards.get(run.name);
    updateCard(card, run, flows.get(run.name), view, lit);
    card.why.root.hidden = cursor.why !== run.name || !card.shown;
    if (!card.why.root.hidden) updateWhy(card.why, card.shown.flow, view);
  }
  updateHeader(ui, view, common.missing);
  ui.main.classList.toggle('nothing', !loaded.length);
  if (loaded.length) updateSide(ui, view, loaded);
  updateStage(loaded);
}

function updateEmptiness(shown) {
  setText(ui.status, trouble);
  setText(ui.count, `Runs (${shown.length} of ${runs?.length ?? 0})`);
  ui.filter.toggleAttribute('aria-invalid', list.matching([]) === null);
  const empty = list.emptiness(runs);
  ui.empty.hidden = !empty;
  setText(ui.emptyText, empty?.text || '');
  ui.emptyFix.hidden = !empty?.fix;
  setText(ui.emptyFix, empty?.fix === 'filter' ? 'Clear the filter' :
    `Show the first ${list.FIRST_RUNS}`);
}

/** Takes what all cards have in common, anew only if other records are shown. */
function updateCommon(loaded) {
  const key = JSON.stringify(loaded.map(({name, version}) => [name, version]));
  if (common.key !== key) {
    const all = loaded.map(({flow}) => flow);
    common = {
      key, steps: stepsOf(all), end: Math.max(...all.map(endOf)),
      missing: QUANTITIES.map((one) => all.length > 0 && !isMeasured(all, one)),
    };
  }
  const [first, last] = zoom.indicesOf(common.steps, choice.zoom);
  steps = choice.zoom ? common.steps.slice(first, last + 1) : common.steps;
}

/** Puts the cursor where the story is: the start of runs that have ended. */
function placeCursor(loaded) {
  if (isPlaced || !loaded.length || loading.size) return;
  isPlaced = true;
  if (choice.step === null && loaded.every(({flow}) => flow.diagnosis)) {
    [choice.step] = steps;
    isPlacedByItself = true;
  }
}

/** Returns what all cards share: one step axis, one colour scale. */
function viewOf(loaded) {
  const isLog = choice.axis === 'log';
  const [low, high] = loaded.length ? [common.steps[0], common.end] : [0, 1];
  const after = common.steps[common.steps.indexOf(steps.at(-1)) + 1];
  const all = new draw.Axis(low, high, isLog);
  return {
    all, axis: choice.zoom && loaded.length ? new draw.Axis(steps[0], after ?? high, isLog) : all,
    scale: rangeOf(loaded.map(({flow}) => flow), quantity(), choice.range),
    step: currentStep(), steps, cursor, theme,
  };
}

function arrangeCards(shown) {
  const names = new Set(shown.map(({name}) => name));
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.root.remove();
    cards.delete(name);
  }
  shown.forEach(({name, index}, position) => {
    if (!cards.has(name)) cards.set(name, newCard(name));
    const card = cards.get(name);
    setDot(card.dot, index);
    if (ui.cards.children[position] !== card.root) {
      ui.cards.insertBefore(card.root, ui.cards.children[position] || null);
    }
  });
}

function newCard(name) {
  const onHide = () => { choice.ticks.set(name, false); changed(); };
  const card = makeCard(name, {onPress: press, onFocus: focus, onHide});
  card.why = makeWhy(() => explain(null));
  card.root.append(card.why.root);
  card.canvas.addEventListener('click', () => explain(name));
  zoom.makeBrush(card.canvas, {
    boxOf: () => card.shown?.box, onPoint: (event) => point(name, event),
    onBrush: schedule, onRange: showRange, onReset: () => zoomTo(null),
  });
  return card;
}

// --- Downloads ---

async function saveCsv() {
  ui.csv.disabled = true;
  try {
    const parts = [];
    for (const {name} of shownFlows()) {
      const text = await fetchCsv(name);
      // The line of headings once.
      parts.push(parts.length ? text.slice(text.indexOf('\n') + 1) : text);
    }
    if (parts.length) save(new Blob(parts, {type: 'text/csv'}), 'gradient-flow.csv');
  } catch (error) {
    trouble = `No CSV: ${error.message || error}.`;
    schedule();
  }
  ui.csv.disabled = false;
}

function downloadPng() {
  const loaded = shownFlows();
  if (loaded.length) savePng(loaded, viewOf(loaded), litAmong(loaded));
}
