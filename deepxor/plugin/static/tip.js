// A button that explains a word.

import {h} from './drawing/dom.js';

let tips = 0;

/** Returns a button "?" that shows and hides a sentence, and the element of that. */
export function makeTip(label, text = '') {
  const id = `tip-${++tips}`;
  const tip = h('span', {class: 'tip', id, hidden: true}, text);
  const show = (shown) => {
    tip.hidden = !shown;
    button.setAttribute('aria-expanded', String(shown));
  };
  const button = h('button', {
    class: 'ask', 'aria-label': label, 'aria-expanded': 'false', 'aria-describedby': id,
    onclick: () => show(tip.hidden), onblur: () => show(false),
    onkeydown: (event) => {
      if (event.key !== 'Escape' || tip.hidden) return;
      show(false);
      // It releases no run as well.
      event.stopPropagation();
    },
  }, '?');
  return {tip, root: h('span', {class: 'asked'}, button, tip)};
}
