// A run's card: its heading, its verdict and what to do, its heat map.

import {choice, quantity} from './choice.js';
import {columnAt} from './drawing/cells.js';
import {dot, h, setText} from './drawing/dom.js';
import * as draw from './drawing/draw.js';
import {VERDICTS} from './drawing/tables.js';
import {prefixOf} from './drawing/words.js';
import {describe} from './describe.js';
import {paintBrush} from './zoom.js';

/** Returns the elements of a run's card; what the reader does in it is handed on. */
export function makeCard(name, {onPress, onFocus, onHide}) {
  const card = {
    dot: dot(0),
    badge: h('span', {class: 'badge'}),
    evidence: h('span', {class: 'evidence'}),
    advice: h('p', {class: 'advice'}),
    more: h('button', {
      class: 'more', 'aria-expanded': 'false', onclick: () => toggle(card),
    }, 'more'),
    note: h('p', {class: 'note'}),
    hide: h('button', {class: 'hide', onclick: () => onHide(name)}, 'Leave this run out'),
    prefix: h('p', {class: 'prefix'}),
    canvas: h('canvas', {
      class: 'map', tabindex: 0, role: 'application',
      onkeydown: (event) => onPress(name, event), onfocus: () => onFocus(name),
    }),
    readout: h('p', {class: 'readout'}),
  };
  card.verdict = h('p', {class: 'verdict'}, card.badge, card.evidence);
  card.trouble = h('div', {class: 'trouble'}, card.note, card.hide);
  card.root = h('article', {class: 'card', 'data-run': name, 'aria-label': name},
    h('h2', {title: name}, card.dot, h('span', {class: 'name'}, name)),
    card.verdict, card.advice, card.more, card.trouble, card.prefix, card.canvas, card.readout);
  return card;
}

function toggle(card) {
  const open = card.root.classList.toggle('open');
  setText(card.more, open ? 'less' : 'more');
  card.more.setAttribute('aria-expanded', String(open));
}

/** Shows a verdict, its evidence and its causes or, without any, its advice. */
function updateBadge(card, diagnosis, width) {
  const verdict = diagnosis?.verdict || 'training';
  const shown = diagnosis?.is_running ? `${verdict} so far` : verdict;
  if (card.badge.textContent !== shown) {
    setText(card.badge, shown);
    card.badge.style.background = Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict] : '';
  }
  const evidence = diagnosis?.evidence || 'no diagnosis yet';
  const advice = diagnosis?.causes || diagnosis?.advice ||
    'A diagnosis comes in the course of the training.';
  const key = JSON.stringify([evidence, advice, width]);
  if (card.said === key || !width) return;
  card.said = key;
  setText(card.evidence, evidence);
  setText(card.advice, advice);
  // Only where something is cut off is there more.
  const isCut = ({scrollHeight, clientHeight}) => scrollHeight > clientHeight + 1;
  card.more.hidden = !card.root.classList.contains('open') &&
    !isCut(card.evidence) && !isCut(card.advice);
}

/** Shows a run: what has come of it, where the cursor is, whether it stands out. */
export function updateCard(card, run, {flow, version} = {}, view, lit) {
  const usable = Boolean(flow && !flow.error);
  card.root.setAttribute('aria-busy', String(!flow));
  card.root.classList.toggle('lit', lit.has(run.name));
  card.root.classList.toggle('dim', lit.size > 0 && !lit.has(run.name));
  setText(card.note, !flow ? 'Loading \u2026'
    : flow.error ? `Cannot be shown: ${flow.error}` : flow.note || '');
  card.trouble.hidden = !card.note.textContent;
  card.hide.hidden = !flow?.error;
  const prefix = usable ? prefixOf(flow.layers) : '';
  setText(card.prefix, prefix && `all: ${prefix}`);
  card.prefix.hidden = !prefix;
  for (const part of [card.canvas, card.readout, card.verdict, card.advice]) part.hidden = !usable;
  card.shown = null;
  if (!usable) {
    card.more.hidden = true;
    return;
  }
  const width = card.root.clientWidth - 20;
  updateBadge(card, flow.diagnosis, width);
  drawCard(card, flow, version, view, width);
  const fault = flow.fault_step === null ? '' : ` First faulty record at step ${flow.fault_step}.`;
  card.canvas.setAttribute('aria-label', `${quantity().label} of ${run.name}, ` +
    `${flow.layers.length} layers, ${flow.columns} records shown.${fault} ` +
    'Arrow keys move the cursor; plus, minus and 0 zoom.');
  // Only the card in use speaks to a screen reader.
  card.readout.setAttribute('aria-live', view.cursor.run === run.name ? 'polite' : 'off');
  setText(card.readout, readoutOf(flow, view) + fault);
}

/** Draws the map, of which the cells are rendered anew only if they have changed. */
function drawCard(card, flow, version, {axis, scale, step, theme, cursor}, width) {
  const height = draw.mapHeight(flow.layers.length);
  const {left, right, top, bottom} = draw.MARGIN;
  const inner = [width - left - right, height - top - bottom];
  if (inner[0] < 1) return;
  const ratio = window.devicePixelRatio || 1;
  const key = JSON.stringify(
    [version, choice.quantity, scale, axis, inner, ratio, flow.columns]);
  if (card.key !== key) {
    card.picture = columnAt(flow, axis.high) < 0 ? null : draw.renderCells(
      flow, quantity(), scale, axis, ...inner.map((size) => Math.round(size * ratio)));
    card.key = key;
  }
  const box = {axis, left, width: inner[0]};
  card.shown = {flow, box, height};
  const context = draw.prepare(card.canvas, width, height);
  draw.drawMap(context, width, height, flow, card.picture, axis, theme,
    {step, layer: cursor.layer});
  paintBrush(context, card.canvas, box, top, height - bottom);
}

function readoutOf(flow, {cursor, step, scale}) {
  const column = step === null ? -1 : columnAt(flow, step);
  if (cursor.layer === null) return 'Point at a cell, or use the arrow keys.';
  if (column < 0) return 'No record yet at this step.';
  if (cursor.layer >= flow.layers.length) return 'No such layer.';
  return describe(flow, quantity(), column, cursor.layer, scale);
}
