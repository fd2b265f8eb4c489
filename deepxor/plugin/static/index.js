// The tab: its controls, its cards, and what happens when.
//
// Names of runs and layers come from whoever wrote the events: they only ever become
// text, by textContent and attributes, never markup.

import {makeCard, updateBadge} from './card.js';
import {choice, keep, quantity, restore} from './choice.js';
import * as data from './data.js';
import {dot, field, followTheme, h, setText, swatch} from './dom.js';
import {save, savePng} from './download.js';
import * as draw from './draw.js';
import {QUANTITIES} from './tables.js';

const POLL_MS = 2000;
const FIRST_RUNS = 8;

// What there is.
let runs = [];
const flows = new Map(); // Name -> {version, flow}.
const cards = new Map(); // Name -> elements.
const loading = new Set();
let trouble = '';
// Where the cursor is; a step of null is the last, also when there are new ones.
const cursor = {step: null, layer: null, run: null};
let isPlaced = false;
let steps = [];
let theme = {};
const ui = {};

/** Called by TensorBoard once, in a frame of its own. */
export async function render() {
  const style = h('link', {
    rel: 'stylesheet', href: new URL('./style.css', import.meta.url).href,
  });
  const styled = new Promise((done) => { style.onload = style.onerror = done; });
  document.head.append(style);
  document.documentElement.lang = 'en';
  restore();
  await styled;
  build();
  followTheme((found) => { theme = found; schedule(); });
  new ResizeObserver(() => schedule()).observe(ui.main);
  poll();
}

// --- The page ---

function build() {
  ui.filter = h('input', {
    type: 'search', id: 'filter', placeholder: 'regular expression', value: choice.filter,
    spellcheck: 'false', oninput: () => { choice.filter = ui.filter.value; changed(); },
  });
  ui.quantity = h('select', {
    id: 'quantity', onchange: () => { choice.quantity = ui.quantity.value; changed(); },
  }, ...QUANTITIES.map(({id, label}) =>
    h('option', {value: id, selected: id === choice.quantity}, label)));
  ui.axis = h('select', {
    id: 'axis', onchange: () => { choice.log = ui.axis.value === 'log'; changed(); },
  }, h('option', {value: 'linear'}, 'linear'),
  h('option', {value: 'log', selected: choice.log}, 'logarithmic'));
  ui.csv = h('button', {
    id: 'csv', onclick: saveCsv, title: 'Download the records of the runs shown as CSV',
  }, 'CSV');
  ui.scale = h('canvas', {id: 'scale', role: 'img'});
  ui.status = h('p', {id: 'status', role: 'status'});
  ui.list = h('div', {id: 'runs', role: 'group', 'aria-label': 'Runs'});
  ui.cards = h('div', {id: 'cards'});
  ui.profile = h('canvas', {id: 'profile', role: 'img'});
  ui.profileTitle = h('h2', {id: 'profile-title'});
  ui.slider = h('input', {
    type: 'range', id: 'step', min: 0, max: 0, value: 0, 'aria-label': 'Step',
    oninput: () => moveTo(+ui.slider.value),
  });
  ui.ends = h('ul', {id: 'ends'});
  ui.empty = h('p', {id: 'empty'});
  ui.side = h('section', {id: 'side'},
    ui.profileTitle, ui.profile, ui.slider, ui.ends);
  ui.main = h('main', {}, ui.empty, ui.cards, ui.side);
  document.body.append(
    h('header', {},
      field('Quantity', ui.quantity), field('Step axis', ui.axis),
      h('div', {id: 'legend'}, ui.scale,
        swatch(data.ZERO, 'exactly zero'), swatch(data.NON_FINITE, 'not finite'),
        h('span', {class: 'key'}, h('i', {class: 'missing'}), 'not measured')),
      h('div', {class: 'buttons'},
        h('button', {id: 'png', onclick: downloadPng, title: 'Download as PNG'}, 'PNG'), ui.csv)),
    h('div', {id: 'body'},
      h('nav', {'aria-label': 'Choice of runs'}, field('Runs', ui.filter),
        h('div', {class: 'buttons'},
          h('button', {id: 'all', onclick: () => tickAll(true)}, 'All'),
          h('button', {id: 'none', onclick: () => tickAll(false)}, 'None'),
          h('button', {id: 'reset', onclick: () => tickAll()}, `First ${FIRST_RUNS}`)),
        ui.status, ui.list),
      ui.main));
}

// --- Which runs ---

function matching() {
  let expression = null;
  try {
    expression = new RegExp(choice.filter, 'i');
    ui.filter.removeAttribute('aria-invalid');
  } catch {
    ui.filter.setAttribute('aria-invalid', 'true');
    return [];
  }
  return runs.filter(({name}) => expression.test(name));
}

const isTicked = (run, position) =>
  Object.hasOwn(choice.ticks, run.name) ? choice.ticks[run.name] : position < FIRST_RUNS;

const shownRuns = () => matching().filter(isTicked);

const shownFlows = () => shownRuns()
  .map((run) => ({...run, flow: flows.get(run.name)?.flow}))
  .filter(({flow}) => flow && !flow.error);

/** Ticks all runs that match, or none of them, or forgets what was ticked. */
function tickAll(ticked) {
  for (const {name} of matching()) {
    if (ticked === undefined) delete choice.ticks[name];
    else choice.ticks[name] = ticked;
  }
  changed();
}

function changed() {
  keep();
  listRuns();
  load();
  schedule();
}

function listRuns() {
  // A list that is rebuilt would lose the focus.
  const key = JSON.stringify([runs.map(({name, step, layers}) => [name, step, layers]), choice]);
  if (ui.list.dataset.key === key) return;
  const focused = ui.list.contains(document.activeElement)
    ? document.activeElement.dataset.run : null;
  ui.list.dataset.key = key;
  ui.list.replaceChildren(...matching().map((run, position) => {
    const box = h('input', {type: 'checkbox', 'data-run': run.name,
      checked: isTicked(run, position),
      onchange: () => { choice.ticks[run.name] = box.checked; changed(); }});
    const label = h('label', {class: 'run', title: run.name}, box, dot(run.index),
      h('span', {class: 'name'}, run.name));
    return label;
  }));
  for (const box of ui.list.querySelectorAll('input')) {
    if (focused !== null && box.dataset.run === focused) box.focus();
  }
}

// --- Fetching ---

async function poll() {
  // TensorBoard hides a tab by taking its height; the document stays "visible".
  if (!document.hidden && window.innerHeight > 0) {
    try {
      const found = await data.fetchRuns();
      runs = found.map((run, index) => ({...run, index}));
      const names = new Set(runs.map(({name}) => name));
      for (const name of flows.keys()) if (!names.has(name)) flows.delete(name);
      listRuns();
      ui.empty.textContent = runs.length ? '' : 'No run has gradient flow yet.';
      trouble = '';
      await load();
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
  await data.fetchFlows(waiting, (run, flow) => {
    loading.delete(run.name);
    // An answer of "not now" must not stand for as long as the run stays the same.
    flows.set(run.name, {version: flow.error ? null : run.version, flow});
    schedule();
  });
}

// --- The cursor ---

function moveTo(index) {
  cursor.step = index >= steps.length - 1 ? null : steps[index];
  schedule();
}

const currentStep = () => cursor.step ?? steps[steps.length - 1] ?? null;

function point(run, event) {
  const {flow, axis, width, height} = cards.get(run).shown || {};
  if (!flow) return;
  const box = event.currentTarget.getBoundingClientRect();
  const {left, right, top, bottom} = draw.MARGIN;
  const x = (event.clientX - box.left - left) / (width - left - right);
  const y = (event.clientY - box.top - top) / (height - top - bottom);
  const inside = (value) => Math.min(0.99999, Math.max(0, value));
  const column = Math.max(0, data.columnAt(flow, axis.step(inside(x))));
  const layer = flow.layers.length - 1 - Math.floor(inside(y) * flow.layers.length);
  Object.assign(cursor, {step: flow.step[column], layer, run});
  schedule();
}

function focus(run) {
  cursor.run = run;
  cursor.layer ??= 0;
  schedule();
}

function press(run, event) {
  const flow = cards.get(run).shown?.flow;
  if (!flow) return;
  const at = [Math.max(0, data.columnAt(flow, currentStep())),
    Math.min(cursor.layer ?? 0, flow.layers.length - 1)];
  const moved = data.movedBy(event.key, flow, ...at);
  if (!moved) return;
  event.preventDefault();
  const [column, layer] = moved;
  Object.assign(cursor, {step: flow.step[column], layer, run});
  schedule();
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
  steps = [...new Set(loaded.flatMap(({flow}) => [...flow.step]))].sort((a, b) => a - b);
  const isExpression = !ui.filter.hasAttribute('aria-invalid');
  setText(ui.status, isExpression ? trouble : 'This is not a regular expression.');
  placeCursor(shown, loaded);
  arrangeCards(shown);
  const view = viewOf(loaded);
  for (const run of shown) updateCard(run, view);
  updateLegend(view, loaded);
  updateProfile(view, loaded);
}

/** Puts the cursor where the story is: the start of runs that have ended. */
function placeCursor(shown, loaded) {
  if (isPlaced || !loaded.length || loading.size) return;
  isPlaced = true;
  if (cursor.step === null && loaded.every(({flow}) => flow.diagnosis)) [cursor.step] = steps;
}

/** Returns what all cards share: one step axis, one colour scale. */
function viewOf(loaded) {
  const all = loaded.map(({flow}) => flow);
  const low = Math.min(...all.map((flow) => flow.step[0]));
  const high = Math.max(...all.map(data.endOf));
  return {
    axis: new draw.Axis(loaded.length ? low : 0, loaded.length ? high : 1, choice.log),
    scale: data.scaleOf(all, quantity()),
    step: currentStep(),
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
    if (!cards.has(name)) cards.set(name, makeCard(name, {onPoint: point, onPress: press, onFocus: focus}));
    const card = cards.get(name);
    card.dot.style.background = draw.runColour(index);
    if (ui.cards.children[position] !== card.root) {
      ui.cards.insertBefore(card.root, ui.cards.children[position] || null);
    }
  });
}

function updateCard(run, view) {
  const card = cards.get(run.name);
  const {flow, version} = flows.get(run.name) || {};
  const usable = flow && !flow.error;
  card.root.setAttribute('aria-busy', String(!flow));
  setText(card.note, !flow ? 'Loading \u2026'
    : flow.error ? `Cannot be shown: ${flow.error}` : flow.note || '');
  card.note.hidden = !card.note.textContent;
  for (const part of [card.canvas, card.readout, card.details]) part.hidden = !usable;
  card.shown = null;
  if (!usable) return;
  updateBadge(card, flow.diagnosis);
  const width = card.root.clientWidth - 20;
  const height = draw.mapHeight(flow.layers.length);
  const inner = [width - draw.MARGIN.left - draw.MARGIN.right,
    height - draw.MARGIN.top - draw.MARGIN.bottom];
  if (inner[0] < 1) return;
  const ratio = window.devicePixelRatio || 1;
  const {axis, scale} = view;
  const key = JSON.stringify(
    [version, choice.quantity, scale, axis, inner, ratio, flow.columns]);
  if (card.key !== key) {
    card.picture = data.columnAt(flow, axis.high) < 0 ? null : draw.renderCells(
      flow, quantity(), scale, axis, ...inner.map((size) => Math.round(size * ratio)));
    card.key = key;
  }
  card.shown = {flow, axis, width, height};
  const column = view.step === null ? -1 : data.columnAt(flow, view.step);
  draw.drawMap(draw.prepare(card.canvas, width, height), width, height, flow,
    card.picture, axis, theme, {step: view.step, layer: cursor.layer});
  card.canvas.setAttribute('aria-label', `${quantity().label} of ${run.name}, ` +
    `${flow.layers.length} layers, ${flow.columns} records shown. Arrow keys move the cursor.`);
  // Only the card in use speaks to a screen reader.
  card.readout.setAttribute('aria-live', cursor.run === run.name ? 'polite' : 'off');
  setText(card.readout, readoutOf(flow, column));
}

function readoutOf(flow, column) {
  if (cursor.layer === null) return 'Point at a cell, or use the arrow keys.';
  if (column < 0) return 'No record yet at this step.';
  if (cursor.layer >= flow.layers.length) return 'No such layer.';
  return data.describe(flow, quantity(), column, cursor.layer);
}

function updateLegend(view, loaded) {
  const width = ui.scale.clientWidth;
  const context = draw.prepare(ui.scale, width, 34);
  draw.drawScale(context, width, quantity(), view.scale, theme);
  const [low, high] = view.scale.map((end) => data.format(quantity(), end));
  ui.scale.setAttribute('aria-label', `Colour scale: ${quantity().label}, ${low} to ${high}`);
  ui.main.classList.toggle('nothing', !loaded.length);
}

function updateProfile(view, loaded) {
  if (!loaded.length) return;
  const ends = loaded.map((run) => [run, data.endsOf(run.flow, view.step, quantity())]);
  listEnds(ends);
  const width = ui.profile.clientWidth;
  // As tall as lets slider and list stay in sight while the cards scroll.
  const others = ui.side.offsetHeight - ui.profile.offsetHeight;
  const height = Math.max(220, Math.min(400, ui.main.clientHeight - 24 - others));
  draw.drawProfile(draw.prepare(ui.profile, width, height), width, height, loaded,
    quantity(), view.step, data.profileRange(view, loaded, quantity()), theme);
  setText(ui.profileTitle, `${quantity().label} by layer at step ${view.step}`);
  ui.slider.max = steps.length - 1;
  ui.slider.value = data.columnAt({step: steps, columns: steps.length}, view.step);
  ui.slider.setAttribute('aria-valuetext', `step ${view.step}`);
  ui.profile.setAttribute('aria-label', `${quantity().label} by layer at step ${view.step}: ` +
    ends.map(([run, text]) => `${run.name}: ${text}`).join('; '));
}

function listEnds(ends) {
  const key = JSON.stringify(ends.map(([run, text]) => [run.name, run.index, text]));
  if (ui.ends.dataset.key === key) return;
  ui.ends.dataset.key = key;
  ui.ends.replaceChildren(...ends.map(([run, text]) => h('li', {}, dot(run.index),
    h('span', {class: 'name', title: run.name}, run.name), h('span', {class: 'text'}, text))));
}

// --- Downloads ---

async function saveCsv() {
  ui.csv.disabled = true;
  try {
    const parts = [];
    for (const {name} of shownFlows()) {
      const text = await data.fetchCsv(name);
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
  if (loaded.length) savePng(loaded, viewOf(loaded), quantity(), theme);
}
