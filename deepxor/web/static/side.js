// One side of the page: a network's settings, and all that is seen of its training.

import {FINITE, NORM, ZERO, cellsAt, columnAt} from './drawing/cells.js';
import {colourKey, dot, h, setText} from './drawing/dom.js';
import {MARGIN, drawMap, mapHeight, prepare, renderCells, runColour} from './drawing/draw.js';
import {STAIRS_HEIGHT, drawStairs, wayBack} from './drawing/stairs.js';
import {FACTORS} from './drawing/tables.js';
import {power} from './drawing/words.js';
import {makeOwnFields} from './controls.js';
import {costOf} from './flow.js';
import {arrival, reason, recordAt} from './sentence.js';
import {text} from './text/language.js';
import {DEAD, DIVERGED, SOLVED} from './training/states.js';
import * as curve from './views/curve.js';
import {dotAt, drawDots, layOutDots} from './views/dots.js';
import * as layers from './views/layers.js';
import {drawSurface} from './views/surface.js';

const SURFACE = 130, UNIT = 110;
// While a training runs, these are drawn in one of so many frames.
const SURFACE_TURN = 3, THREADS_TURN = 8, CURVE_TURN = 5;

/**
 * Makes one side. `index` is that of its colour. The handlers: `onSettings` hears changed
 * settings, `onLook` a step of the map, `onReplica` the network to show, and `onUnit` the
 * {layer, unit} under the pointer, or null.
 */
export function makeSide(name, index, handlers) {
  const fields = makeOwnFields(name, handlers.onSettings);
  const canvas = (attributes) => h('canvas', {role: 'img', ...attributes});
  const ui = {
    sentence: h('p', {class: 'sentence'}), now: h('p', {class: 'now'}), of: h('p', {class: 'of'}),
    // Arrow keys are its own, also where a screen reader is on.
    layers: canvas({class: 'layers', tabindex: 0, role: 'application'}),
    map: canvas({class: 'map'}), surface: canvas({class: 'surface'}),
    curve: canvas({class: 'curve'}), dots: canvas({class: 'dots', title: text.dotsTitle}),
    cost: h('span', {}), answers: h('figcaption', {}), shown: h('span', {class: 'shown'}), count: h('p', {class: 'count'}),
    tip: h('div', {class: 'unit', hidden: true}), unit: canvas({}), unitText: h('span', {}),
    why: h('section', {class: 'why', hidden: true, 'aria-label': text.why}),
    because: h('p', {class: 'because'}), stairs: canvas({class: 'stairs'}), factors: h('ol', {}),
  };
  [ui.surface.width, ui.surface.height] = [2 * SURFACE, 2 * SURFACE];
  [ui.unit.width, ui.unit.height] = [2 * UNIT, 2 * UNIT];
  ui.tip.append(ui.unit, ui.unitText);
  const side = {
    name, index, fields, ui, chosen: null, isWhy: false, layout: null, dots: null,
    threads: h('canvas', {}), drawn: new Map(),
  };

  const turn = (by) => handlers.onReplica((side.view.replica + by + side.view.replicas) % side.view.replicas);
  const closeWhy = () => {
    side.isWhy = false;
    ui.layers.focus();
    handlers.onChange();
  };
  ui.why.append(
    h('div', {class: 'head'}, text.why, colourKey(FACTORS.slope, text.slope),
      colourKey(FACTORS.weight, text.weight),
      h('button', {class: 'close', onclick: closeWhy, 'aria-label': text.close}, '\u00d7')),
    ui.because, ui.stairs, h('details', {}, h('summary', {}, text.numbers), ui.factors));
  side.root = h('section', {class: 'side', 'aria-label': text.sides[name], 'data-side': name},
    h('h2', {}, dot(index), text.sides[name]), fields.root, ui.sentence, ui.now, ui.of,
    h('div', {class: 'network', title: text.layersTitle}, ui.layers, ui.tip), ui.why, ui.map,
    h('div', {class: 'bottom'},
      h('figure', {}, ui.answers, ui.surface,
        h('div', {class: 'pair'},
          h('button', {onclick: () => turn(-1), 'aria-label': text.before}, '\u2039'), ui.shown,
          h('button', {onclick: () => turn(1), 'aria-label': text.next}, '\u203a'))),
      h('figure', {class: 'wide'}, h('figcaption', {}, ui.cost), ui.curve),
      h('figure', {}, ui.count, ui.dots)));
  followLayers(side, handlers);
  ui.map.addEventListener('click', (event) => pickStep(side, event, handlers));
  ui.dots.addEventListener('click', (event) => {
    const found = dotAt(side.dots, event.offsetX, event.offsetY);
    if (found !== null) handlers.onReplica(found);
  });
  return side;
}

/** Lets pointer and keyboard choose a layer or a unit. */
function followLayers(side, handlers) {
  const {ui} = side;
  const choose = (found) => {
    side.chosen = found;
    handlers.onUnit(found?.unit == null ? null : found);
    if (!found) ui.tip.hidden = true;
  };
  ui.layers.addEventListener('pointermove', ({offsetX, offsetY}) => {
    const found = layers.layerAt(side.layout, offsetX, offsetY);
    if (JSON.stringify(found) !== JSON.stringify(side.chosen) && (found || !side.isWhy)) choose(found);
  });
  ui.layers.addEventListener('pointerleave', () => { if (!side.isWhy) choose(null); });
  ui.layers.addEventListener('click', ({offsetX, offsetY}) => {
    const found = layers.layerAt(side.layout, offsetX, offsetY);
    if (!found) return;
    side.isWhy = true;
    choose(found);
  });
  ui.layers.addEventListener('focus', () => {
    if (!side.chosen && ui.layers.matches(':focus-visible')) choose({layer: 0, unit: null});
  });
  ui.layers.addEventListener('blur', () => { if (!side.isWhy) choose(null); });
  ui.layers.addEventListener('keydown', (event) => {
    const found = movedBy(event.key, side);
    if (found === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    choose(found);
    if (found) handlers.onSay(labelOf(side));
  });
}

/** Returns what a key chooses; undefined if it is none of these keys. */
function movedBy(pressed, side) {
  const {layer, unit} = side.chosen || {layer: 0, unit: null};
  const {columns} = side.layout;
  const inside = (value) => Math.min(columns.length - 2, Math.max(0, value));
  const count = columns[layer + 1].nodes.length;
  switch (pressed) {
    case 'ArrowLeft': return {layer: inside(layer - 1), unit: null};
    case 'ArrowRight': return {layer: inside(layer + 1), unit: null};
    case 'ArrowDown': return {layer, unit: unit === null ? 0 : Math.min(count - 1, unit + 1)};
    case 'ArrowUp': return {layer, unit: unit ? unit - 1 : null};
    case 'Enter': side.isWhy = !side.isWhy; return {layer, unit};
    case 'Escape': side.isWhy = false; return null;
    default: return undefined;
  }
}

function pickStep({ui, view}, event, {onLook}) {
  const width = ui.map.clientWidth - MARGIN.left - MARGIN.right;
  const share = (event.offsetX - MARGIN.left) / width;
  if (share >= 0 && share <= 1) onLook(view.axis.step(share));
}

/**
 * Tells whether a part is to be drawn: it has changed since it was drawn and, while a
 * training runs, it is its turn. Drawing all in each frame would leave no time to train.
 */
function isDue(side, part, changing, turn = 0) {
  const {built, theme, frame, isRunning} = side.view;
  if (isRunning && turn && (frame + side.index) % turn) return false;
  const made = JSON.stringify([changing, built, theme, side.root.clientWidth, window.devicePixelRatio]);
  if (side.drawn.get(part) === made) return false;
  side.drawn.set(part, made);
  return true;
}

/**
 * Shows a side. The view: `flow` and `records`; the `weights`, `surface` and `states` of
 * the latest step; `settings`; `layers`, their names; the `step` to look at, and `axis`,
 * `scale`, `most` cost, `theme`, `pulse`; the `replica` shown of `replicas`; and the
 * numbers of the `frame` and of the scene `built`; whether the training `isRunning`,
 * whether the step is not the latest, `isPast`, and whether texts are written.
 */
export function updateSide(side, view) {
  side.view = view;
  const {ui} = side;
  const record = recordAt(view.records, view.step);
  if (view.isWritten) write(side, record);
  showLayers(side, view);
  showMap(side, view);
  showWhy(side, view);
  if (isDue(side, 'surface', [view.flow.step.at(-1), view.replica], SURFACE_TURN)) {
    drawSurface(ui.surface, view.surface, 0, 1, true);
    ui.surface.setAttribute('aria-label', text.surfaceTitle);
  }
  showCost(side, view);
  showDots(side, view);
}

/** Writes what a side says. Texts that change make the browser lay out the page anew. */
function write({ui, view}, record) {
  const {records, replicas, replica, states, isPast, layers: names} = view;
  setText(ui.sentence, arrival(records[0], names, records));
  setText(ui.now, record === records[0] ? '\u00a0' : arrival(record, names, records));
  const zeros = Math.round(record.zero[0] * replicas);
  const among = zeros && replicas > 1 ? [text.zeros(zeros)] : [];
  setText(ui.of, [text.median(replicas), ...among].join(' \u00b7 '));
  setText(ui.shown, text.network(replica, replicas));
  setText(ui.answers, isPast ? `${text.surface} \u00b7 ${text.latest}` : text.surface);
  const {median} = record.cost;
  setText(ui.cost, text.costTitle(Number.isFinite(median) ? power(Math.log10(median)) : '\u2013'));
  const count = (wanted) => states.reduce((all, state) => all + (state === wanted), 0);
  const parts = [text.solved(count(SOLVED), replicas)];
  if (count(DEAD)) parts.push(text.dead(count(DEAD)));
  if (count(DIVERGED)) parts.push(text.diverged(count(DIVERGED)));
  if (isPast) parts.push(text.latest);
  setText(ui.count, parts.join(' \u00b7 '));
}

function showLayers(side, {flow, settings, weights, scale, theme, step, pulse, replica, layers: names}) {
  const {ui, threads} = side;
  const width = ui.layers.parentNode.clientWidth;
  const units = [settings.bits, ...settings.units, 1];
  side.layout = layers.layOutLayers(units, width);
  forgetLost(side);
  if (isDue(side, 'threads', [flow.step.at(-1), units, replica, settings], THREADS_TURN)) {
    layers.drawThreads(prepare(threads, width, layers.HEIGHT), side.layout, weights);
  }
  const cells = cellsAt(flow, step);
  const state = {cells, threads, scale, pulse, chosen: side.chosen, names: [text.input, ...names]};
  layers.drawLayers(prepare(ui.layers, width, layers.HEIGHT), side.layout, state, theme);
  ui.layers.setAttribute('aria-label', `${labelOf(side)}. ${text.layersHelp}`);
}

/** Says in words which layer is chosen, and what it gets. */
function labelOf({chosen, view: {flow, step, layers: names}}) {
  if (!chosen) return text.layersTitle;
  const {kind, norm} = cellsAt(flow, step)[chosen.layer];
  const gets = kind === ZERO ? text.legend.zero : kind === FINITE ? power(norm) : text.legend.notFinite;
  const unit = chosen.unit === null ? '' : `, ${text.unit(names[chosen.layer], chosen.unit)}`;
  return `${names[chosen.layer]}: ${gets}${unit}`;
}

/** Gives up a chosen layer or unit that the network no longer has. */
function forgetLost(side) {
  const {chosen, layout, ui} = side;
  const column = chosen && layout.columns[chosen.layer + 1];
  if (!chosen || (column && (chosen.unit === null || column.nodes[chosen.unit]))) return;
  side.chosen = null;
  side.isWhy = false;
  ui.tip.hidden = true;
}

function showMap(side, {flow, axis, scale, theme, step, isRunning, layers: names}) {
  const {map} = side.ui;
  const width = side.layout.width, height = mapHeight(names.length);
  const inner = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
  const ratio = window.devicePixelRatio || 1;
  // The last column moves less than a pixel in most frames.
  const pixel = Math.round(axis.position(flow.step.at(-1)) * inner[0]);
  const exact = isRunning ? null : flow.step.at(-1);
  const picture = [flow.columns, pixel, exact, flow.norm_log10[0], scale, axis, names.length];
  if (isDue(side, 'picture', picture)) {
    side.picture = renderCells(flow, NORM, scale, axis, ...inner.map((size) => Math.round(size * ratio)));
  }
  const cursor = [Math.round(axis.position(step) * inner[0]), side.chosen?.layer];
  if (!isDue(side, 'map', [picture, cursor])) return;
  drawMap(prepare(map, width, height), width, height, flow, side.picture, axis, theme,
    {step, layer: side.chosen?.layer ?? null});
  map.setAttribute('aria-label', text.mapTitle);
}

function showWhy(side, {flow, step, theme, settings, layers: names}) {
  const {ui} = side;
  ui.why.hidden = !side.isWhy || !side.chosen;
  if (ui.why.hidden) return;
  const layer = Math.min(side.chosen.layer, names.length - 1);
  const way = wayBack(flow, Math.max(0, columnAt(flow, step)), layer);
  setText(ui.because, reason(names, layer, way, settings.residual));
  const steps = way || [];
  ui.stairs.hidden = ui.factors.parentNode.hidden = !steps.length;
  if (!steps.length) return;
  ui.stairs.setAttribute('aria-label', ui.because.textContent);
  const width = ui.why.clientWidth;
  drawStairs(prepare(ui.stairs, width, STAIRS_HEIGHT), width, steps, theme);
  const shown = steps.map(({name, slope, weight, product}) =>
    text.factor(name, power(slope), power(weight), power(product), settings.residual));
  if (ui.factors.dataset.shown === shown.join()) return;
  ui.factors.dataset.shown = shown.join();
  ui.factors.replaceChildren(...shown.map((line) => h('li', {}, line)));
}

function showCost(side, {records, axis, most, theme, step}) {
  const {ui} = side;
  if (!isDue(side, 'curve', [records.at(-1).step, step, axis, most], CURVE_TURN)) return;
  const width = ui.curve.parentNode.clientWidth;
  const curves = Object.fromEntries(['median', 'p10', 'p90'].map((name) => [name, costOf(records, name)]));
  curve.drawCurve(prepare(ui.curve, width, curve.HEIGHT), width, curves, axis, most, step,
    {colour: runColour(side.index), theme, chance: text.chance});
  ui.curve.setAttribute('aria-label', ui.cost.textContent);
}

function showDots(side, {states, replicas, replica, theme}) {
  const {ui} = side;
  if (!isDue(side, 'dots', [...states, replica])) return;
  const width = ui.dots.parentNode.clientWidth;
  side.dots = layOutDots(replicas, width);
  drawDots(prepare(ui.dots, width, side.dots.height), side.dots, states, replica, theme);
  ui.dots.setAttribute('aria-label', ui.count.textContent);
}

/** Shows what the chosen unit answers over the square, values [points]. */
export function showUnit(side, values) {
  const {ui, chosen, layout} = side;
  const node = chosen?.unit != null && layout.columns[chosen.layer + 1]?.nodes[chosen.unit];
  ui.tip.hidden = !node || !values;
  if (ui.tip.hidden) return;
  const finite = values.filter(Number.isFinite);
  const [low, high] = finite.length ? [Math.min(...finite), Math.max(...finite)] : [NaN, NaN];
  // White is 0, as a unit's answer has no ends of its own.
  const reach = Math.max(Math.abs(low), Math.abs(high)) || 1;
  drawSurface(ui.unit, values, -reach, reach, false);
  const name = text.unit(side.view.layers[chosen.layer], chosen.unit);
  const said = finite.length
    ? text.answers(...[low, high].map((value) => String(+value.toPrecision(3)))) : text.legend.notFinite;
  setText(ui.unitText, `${name} ${said}`);
  ui.unit.setAttribute('aria-label', ui.unitText.textContent);
  const left = Math.min(layout.width - UNIT - 16, Math.max(0, node.x + 14));
  ui.tip.style.left = `${node.x > layout.width / 2 ? Math.max(0, node.x - UNIT - 30) : left}px`;
}
