// The tab: its controls, its cards, and what happens when.
//
// Names of runs and layers come from whoever wrote the events: they only ever become
// text, by textContent and attributes, never markup.

import * as data from './data.js';
import * as draw from './draw.js';
import {QUANTITIES, VERDICTS} from './tables.js';

const POLL_MS = 2000;
const FIRST_RUNS = 8;
const STORAGE_KEY = 'deepxor.gradient_flow';
const PARALLEL_FETCHES = 4;

// What the reader has chosen: kept.
const choice = {filter: '', ticks: {}, quantity: 'norm_log10', log: false};
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

const quantity = () => QUANTITIES.find(({id}) => id === choice.quantity);

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

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
  followTheme();
  new ResizeObserver(() => schedule()).observe(ui.main);
  poll();
}

// --- What is kept ---

function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORAGE_KEY)) || {};
    if (typeof kept.filter === 'string') choice.filter = kept.filter;
    if (kept.ticks && typeof kept.ticks === 'object') Object.assign(choice.ticks, kept.ticks);
    if (QUANTITIES.some(({id}) => id === kept.quantity)) choice.quantity = kept.quantity;
    choice.log = kept.log === true;
  } catch {
    // A notebook's frame may have no storage.
  }
}

function keep() {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(choice));
  } catch {
    // As above.
  }
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
        h('button', {id: 'png', onclick: savePng, title: 'Download as PNG'}, 'PNG'), ui.csv)),
    h('div', {id: 'body'},
      h('nav', {'aria-label': 'Choice of runs'}, field('Runs', ui.filter),
        h('div', {class: 'buttons'},
          h('button', {id: 'all', onclick: () => tickAll(true)}, 'All'),
          h('button', {id: 'none', onclick: () => tickAll(false)}, 'None'),
          h('button', {id: 'reset', onclick: () => tickAll()}, `First ${FIRST_RUNS}`)),
        ui.status, ui.list),
      ui.main));
}

function field(label, input) {
  return h('label', {class: 'field'}, h('span', {}, label), input);
}

function swatch(cell, text) {
  const canvas = h('canvas', {'aria-hidden': 'true'});
  draw.drawSwatch(canvas, cell);
  return h('span', {class: 'key'}, canvas, text);
}

/** TensorBoard switches without reloading this frame. */
function followTheme() {
  let body = null;
  try {
    body = window.parent.document.body;
    new MutationObserver(applyTheme).observe(body, {attributeFilter: ['class']});
  } catch {
    // A parent of another origin: a notebook.
  }
  function applyTheme() {
    const dark = Boolean(body && body !== document.body && body.classList.contains('dark-mode'));
    document.documentElement.classList.toggle('dark', dark);
    theme = themeOf(document.documentElement);
    schedule();
  }
  applyTheme();
}

function themeOf(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: read('text-soft'), strong: read('text'), grid: read('line'), empty: read('empty'),
    background: read('card'), cursor: read('cursor'), cursorEdge: read('cursor-edge'),
  };
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

function dot(index) {
  const element = h('i', {class: 'dot', 'aria-hidden': 'true'});
  element.style.background = draw.runColour(index);
  return element;
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
  const work = async () => {
    for (let run = waiting.shift(); run; run = waiting.shift()) {
      const flow = await data.fetchFlow(run.name);
      loading.delete(run.name);
      // An answer of "not now" must not stand for as long as the run stays the same.
      flows.set(run.name, {version: flow.error ? null : run.version, flow});
      schedule();
    }
  };
  await Promise.all(Array.from({length: PARALLEL_FETCHES}, work));
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

function press(run, event) {
  const flow = cards.get(run).shown?.flow;
  if (!flow) return;
  const last = flow.columns - 1;
  let column = Math.max(0, data.columnAt(flow, currentStep()));
  let layer = Math.min(cursor.layer ?? 0, flow.layers.length - 1);
  switch (event.key) {
    case 'ArrowLeft': column--; break;
    case 'ArrowRight': column++; break;
    case 'PageDown': column -= 10; break;
    case 'PageUp': column += 10; break;
    case 'Home': column = 0; break;
    case 'End': column = last; break;
    case 'ArrowUp': layer++; break;
    case 'ArrowDown': layer--; break;
    default: return;
  }
  event.preventDefault();
  column = Math.min(last, Math.max(0, column));
  layer = Math.min(flow.layers.length - 1, Math.max(0, layer));
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
    if (!cards.has(name)) cards.set(name, makeCard(name));
    const card = cards.get(name);
    card.dot.style.background = draw.runColour(index);
    if (ui.cards.children[position] !== card.root) {
      ui.cards.insertBefore(card.root, ui.cards.children[position] || null);
    }
  });
}

function makeCard(name) {
  const card = {
    dot: dot(0),
    badge: h('span', {class: 'badge'}),
    evidence: h('span', {class: 'evidence'}),
    advice: h('p', {class: 'advice'}),
    note: h('p', {class: 'note'}),
    canvas: h('canvas', {
      class: 'map', tabindex: 0, role: 'application',
      onpointermove: (event) => point(name, event),
      onpointerdown: (event) => point(name, event),
      onkeydown: (event) => press(name, event),
      onfocus: () => { cursor.run = name; cursor.layer ??= 0; schedule(); },
    }),
    readout: h('p', {class: 'readout'}),
  };
  card.details = h('details', {}, h('summary', {}, card.badge, card.evidence), card.advice);
  card.root = h('article', {class: 'card', 'data-run': name, 'aria-label': name},
    h('h2', {title: name}, card.dot, h('span', {class: 'name'}, name)),
    card.details, card.note, card.canvas, card.readout);
  return card;
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
  updateReadout(card, run, flow, column);
}

function updateBadge(card, diagnosis) {
  const verdict = diagnosis?.verdict || 'training';
  if (card.badge.textContent !== verdict) {
    setText(card.badge, verdict);
    card.badge.style.background = Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict] : '';
  }
  const evidence = diagnosis?.evidence || '';
  setText(card.evidence, evidence || 'no diagnosis yet');
  card.details.title = evidence;
  setText(card.advice, diagnosis?.advice || 'A diagnosis comes at the end of the run.');
}

function updateReadout(card, run, flow, column) {
  // Only the card in use speaks to a screen reader.
  card.readout.setAttribute('aria-live', cursor.run === run.name ? 'polite' : 'off');
  let text = 'Point at a cell, or use the arrow keys.';
  if (cursor.layer !== null) {
    text = column < 0 ? 'No record yet at this step.'
      : cursor.layer >= flow.layers.length ? 'No such layer.'
        : data.describe(flow, quantity(), column, cursor.layer);
  }
  setText(card.readout, text);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function updateLegend(view, loaded) {
  const width = ui.scale.clientWidth;
  const context = draw.prepare(ui.scale, width, 34);
  draw.drawScale(context, width, quantity(), view.scale, theme);
  const [low, high] = view.scale.map((end) => data.format(quantity(), end));
  ui.scale.setAttribute('aria-label', `Colour scale: ${quantity().label}, ${low} to ${high}`);
  ui.main.classList.toggle('nothing', !loaded.length);
}

function profileRange(view, loaded) {
  let [low, high] = view.scale;
  if (quantity().band) {
    for (const {flow} of loaded) {
      for (const end of ['p10', 'p90']) {
        flow[`${quantity().id}_${end}`].forEach((value, i) => {
          if (data.kind(flow, quantity(), i) !== data.FINITE) return;
          if (value < low && value > -Infinity) low = value;
          if (value > high && value < Infinity) high = value;
        });
      }
    }
  }
  return [low, high];
}

function updateProfile(view, loaded) {
  if (!loaded.length) return;
  const ends = loaded.map((run) => [run, endsOf(run.flow, view.step)]);
  listEnds(ends);
  const width = ui.profile.clientWidth;
  // As tall as lets slider and list stay in sight while the cards scroll.
  const others = ui.side.offsetHeight - ui.profile.offsetHeight;
  const height = Math.max(220, Math.min(400, ui.main.clientHeight - 24 - others));
  draw.drawProfile(draw.prepare(ui.profile, width, height), width, height, loaded,
    quantity(), view.step, profileRange(view, loaded), theme);
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

/** Says what the first and the last layer get, and how far apart that is. */
function endsOf(flow, step) {
  const column = data.columnAt(flow, step);
  if (column < 0) return 'no record yet';
  const first = column * flow.layers.length, last = first + flow.layers.length - 1;
  const texts = [first, last].map((i) => {
    const cell = data.kind(flow, quantity(), i);
    if (cell === data.NON_FINITE) return 'not finite';
    return cell === data.ZERO ? '0' : data.format(quantity(), flow[quantity().id][i]);
  });
  let text = `${texts[0]} \u2192 ${texts[1]}`;
  const decades = flow[quantity().id][last] - flow[quantity().id][first];
  const finite = [first, last].every((i) => data.kind(flow, quantity(), i) === data.FINITE);
  if (quantity().log && finite) text += ` (${decades.toFixed(1)} decades)`;
  return text;
}

// --- Downloads ---

function save(blob, name) {
  const link = h('a', {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

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

function savePng() {
  const loaded = shownFlows();
  if (!loaded.length) return;
  const [width, gap, title] = [560, 16, 26];
  const view = viewOf(loaded);
  const perRow = Math.min(2, loaded.length);
  const height = title + Math.max(...loaded.map(({flow}) => draw.mapHeight(flow.layers.length)));
  const rows = Math.ceil(loaded.length / perRow);
  const profile = 380;
  const total = [gap + (width + gap) * perRow,
    50 + (height + gap) * rows + title + profile + gap];
  const canvas = document.createElement('canvas');
  // As fine as a browser's largest canvas lets it be.
  const ratio = Math.min(2, 30000 / total[1]);
  const context = draw.prepare(canvas, ...total, ratio);
  context.fillStyle = theme.background;
  context.fillRect(0, 0, ...total);
  const at = (x, y, paint) => {
    context.save();
    context.translate(x, y);
    paint();
    context.restore();
  };
  const heading = (text, x, y) => {
    context.fillStyle = theme.strong;
    context.textAlign = 'left';
    context.textBaseline = 'top';
    context.fillText(text, x, y);
  };
  heading(quantity().label, gap, 14);
  at(200, 8, () => draw.drawScale(context, Math.min(340, total[0] - 216), quantity(), view.scale, theme));
  loaded.forEach((run, i) => at(gap + (width + gap) * (i % perRow),
    50 + (height + gap) * Math.floor(i / perRow), () => {
      context.fillStyle = draw.runColour(run.index);
      context.fillRect(0, 2, 10, 10);
      heading(`${run.name}: ${run.flow.diagnosis?.verdict || 'training'}`, 16, 2);
      context.translate(0, title);
      const inner = [width - draw.MARGIN.left - draw.MARGIN.right,
        draw.mapHeight(run.flow.layers.length) - draw.MARGIN.top - draw.MARGIN.bottom];
      const picture = draw.renderCells(run.flow, quantity(), view.scale, view.axis,
        ...inner.map((size) => Math.round(size * ratio)));
      draw.drawMap(context, width, draw.mapHeight(run.flow.layers.length), run.flow, picture,
        view.axis, theme, {step: view.step, layer: null});
    }));
  const y = 50 + (height + gap) * rows;
  heading(`${quantity().label} by layer at step ${view.step}`, gap, y);
  at(gap, y + title, () => draw.drawProfile(context, total[0] - 2 * gap, profile, loaded,
    quantity(), view.step, profileRange(view, loaded), theme));
  canvas.toBlob((blob) => save(blob, 'gradient-flow.png'));
}
