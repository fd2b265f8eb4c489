// What is around the two sides: the bar, the profile, the legend, and what is said.

import {NON_FINITE, ZERO} from './drawing/cells.js';
import {colourKey, h, swatch} from './drawing/dom.js';
import {prepare} from './drawing/draw.js';
import {makeCommonFields} from './controls.js';
import {WEIGHTS} from './tables.js';
import {language, text} from './text/language.js';
import {DEAD, DIVERGED, LEARNING, SOLVED} from './training/states.js';
import {drawState} from './views/dots.js';

/** Makes the page around the sides; the handlers are those of its buttons. */
export function makeFrame(handlers, sides) {
  const button = (label, title, onclick, name) =>
    h('button', {onclick, title, 'data-do': name}, label);
  const ui = {
    start: h('button', {class: 'start', onclick: handlers.toggle, title: text.startTitle, 'data-do': 'start'}),
    steps: h('output', {class: 'steps'}),
    look: h('input', {type: 'range', min: 0, value: 0, 'aria-label': text.look, oninput: handlers.look}),
    looked: h('output', {}), status: h('p', {id: 'status', role: 'status'}),
    theme: button('', '', handlers.theme, 'theme'),
    said: h('p', {class: 'said', 'aria-live': 'polite'}),
    profile: h('canvas', {id: 'profile', role: 'img'}), profileTitle: h('h2', {}),
    scale: h('canvas', {id: 'scale', role: 'img', 'aria-label': text.mapTitle}),
    commands: h('div', {}),
    common: makeCommonFields(handlers.settings, handlers.scene),
  };
  const other = language === 'ko' ? ['en', 'English'] : ['ko', '한국어'];
  const link = h('a', {class: 'link', href: '', lang: other[0], hreflang: other[0]}, other[1]);
  ui.translate = () => {
    const search = new URLSearchParams(location.search);
    search.set('lang', other[0]);
    link.href = `?${search}${location.hash}`;
  };
  const head = h('header', {},
    h('div', {class: 'bar'}, h('h1', {}, text.title), h('p', {}, text.subtitle), ui.theme, link),
    h('div', {class: 'bar'}, ui.start,
      button(text.step, text.stepTitle, handlers.step, 'step'),
      button(text.again, text.againTitle, handlers.again, 'again'), ui.steps,
      h('label', {class: 'field lookback'}, h('span', {}, text.look), ui.look, ui.looked),
      h('button', {
        class: 'settings', 'aria-expanded': 'false',
        onclick: ({currentTarget}) =>
          currentTarget.setAttribute('aria-expanded', String(head.classList.toggle('open'))),
      }, `${text.scene} \u2026`),
      ui.common.root),
    ui.status);
  document.body.append(head,
    h('main', {}, ...sides,
      h('section', {class: 'both'}, ui.profileTitle,
        h('div', {class: 'profile-box'}, ui.profile, legend(ui))),
      h('section', {class: 'both'},
        h('details', {id: 'tensorboard'}, h('summary', {}, text.tensorboard),
          h('p', {}, text.tensorboardHelp), ui.commands),
        h('details', {id: 'about'}, h('summary', {}, text.about),
          ...text.aboutText.map((line) => h('p', {}, line))),
        h('div', {class: 'buttons'},
          button(text.link, text.linkTitle, ({currentTarget}) => copy(currentTarget, location.href, text.link), 'link')))),
    ui.said);
  return ui;
}

function legend({scale}) {
  const state = (state, label) => {
    const canvas = h('canvas', {'data-state': state, 'aria-hidden': 'true'});
    return h('span', {class: 'key states'}, canvas, label);
  };
  const {legend: names, states} = text;
  return h('div', {class: 'legend'}, scale, swatch(ZERO, names.zero), swatch(NON_FINITE, names.notFinite),
    colourKey(WEIGHTS[0], names.negative, 'line'), colourKey(WEIGHTS[1], names.positive, 'line'),
    state(LEARNING, states.learning), state(SOLVED, states.solved), state(DEAD, states.dead),
    state(DIVERGED, states.diverged));
}

/** Draws the states of the legend in the colours of the theme. */
export function drawLegend(theme) {
  for (const canvas of document.querySelectorAll('[data-state]')) {
    drawState(prepare(canvas, 14, 14), Number(canvas.dataset.state), 7, 7, theme);
  }
}

/** Shows commands, each with a button that copies it. */
export function showCommands(box, commands) {
  const key = commands.join();
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  box.replaceChildren(
    h('pre', {}, commands.join('\n')),
    h('button', {onclick: ({currentTarget}) => copy(currentTarget, commands.join('\n'), text.copy)}, text.copy));
}

/** Copies a text, and says so for a moment on the button with a label. */
async function copy(button, what, label) {
  try {
    await navigator.clipboard.writeText(what);
    button.textContent = text.copied;
  } catch {
    return; // Not allowed: what is to be copied can be seen.
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}
