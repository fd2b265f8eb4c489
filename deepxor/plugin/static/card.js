// A run's card: its heading, its verdict and what to do, its heat map.

import {dot, h, setText} from './dom.js';
import {VERDICTS} from './tables.js';

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
export function updateBadge(card, diagnosis, width) {
  const verdict = diagnosis?.verdict || 'training';
  if (card.badge.textContent !== verdict) {
    setText(card.badge, verdict);
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
