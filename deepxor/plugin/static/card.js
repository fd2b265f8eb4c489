// A run's card: its heading, its verdict, its heat map.

import {dot, h, setText} from './dom.js';
import {VERDICTS} from './tables.js';

/** Returns the elements of a run's card; what the reader does in it is handed on. */
export function makeCard(name, {onPoint, onPress, onFocus}) {
  const card = {
    dot: dot(0),
    badge: h('span', {class: 'badge'}),
    evidence: h('span', {class: 'evidence'}),
    advice: h('p', {class: 'advice'}),
    note: h('p', {class: 'note'}),
    canvas: h('canvas', {
      class: 'map', tabindex: 0, role: 'application',
      onpointermove: (event) => onPoint(name, event),
      onpointerdown: (event) => onPoint(name, event),
      onkeydown: (event) => onPress(name, event),
      onfocus: () => onFocus(name),
    }),
    readout: h('p', {class: 'readout'}),
  };
  card.details = h('details', {}, h('summary', {}, card.badge, card.evidence), card.advice);
  card.root = h('article', {class: 'card', 'data-run': name, 'aria-label': name},
    h('h2', {title: name}, card.dot, h('span', {class: 'name'}, name)),
    card.details, card.note, card.canvas, card.readout);
  return card;
}

/** Shows a verdict, its evidence and its causes or, without any, its advice. */
export function updateBadge(card, diagnosis) {
  const verdict = diagnosis?.verdict || 'training';
  if (card.badge.textContent !== verdict) {
    setText(card.badge, verdict);
    card.badge.style.background = Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict] : '';
  }
  const evidence = diagnosis?.evidence || '';
  setText(card.evidence, evidence || 'no diagnosis yet');
  card.details.title = evidence;
  const advice = diagnosis?.causes || diagnosis?.advice;
  setText(card.advice, advice || 'A diagnosis comes at the end of the run.');
}
