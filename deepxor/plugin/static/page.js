// The elements of the page around the cards.

import {choice, quantity} from './choice.js';
import {NON_FINITE, ZERO} from './drawing/cells.js';
import {field, h, setText, swatch} from './drawing/dom.js';
import {drawScale, prepare} from './drawing/draw.js';
import {FIRST_RUNS} from './list.js';
import {QUANTITIES} from './drawing/tables.js';
import {format} from './describe.js';
import {DOCS} from './docs.js';
import {makeTip} from './tip.js';

const DECADES = 'A decade is a factor of ten: how many powers of ten lie between the values ' +
  'of the first and the last layer. Below zero, the value falls from the first to the last.';

/** Puts the page together; what the reader does is handed on. Returns its elements. */
export function build(on) {
  const ui = {
    filter: h('input', {
      type: 'search', id: 'filter', placeholder: 'regular expression', spellcheck: 'false',
      oninput: on.filter,
    }),
    quantity: h('select', {id: 'quantity', onchange: on.quantity},
      ...QUANTITIES.map(({id, label}) => h('option', {value: id}, label))),
    quantityTip: makeTip('What this quantity is'),
    axis: select('axis', on.axis, {linear: 'linear', log: 'logarithmic'}),
    range: select('range', on.range, {auto: 'auto', full: 'full', fixed: 'fixed'}),
    low: h('input', {type: 'number', id: 'range-low', step: 'any', onchange: on.ends}),
    high: h('input', {type: 'number', id: 'range-high', step: 'any', onchange: on.ends}),
    ends: h('ul', {id: 'ends'}),
    stage: h('button', {
      id: 'on-stage', onclick: on.stage, title: 'The runs step by step, in large letters (s)',
    }, 'Stage'),
    csv: h('button', {
      id: 'csv', onclick: on.csv, title: 'Download the records of the runs shown as CSV',
    }, 'CSV'),
    scale: h('canvas', {id: 'scale', role: 'img'}),
    status: h('p', {id: 'status', role: 'status'}),
    list: h('div', {id: 'runs', role: 'group', 'aria-label': 'Runs'}),
    count: h('summary', {}, 'Runs'),
    cards: h('div', {id: 'cards'}),
    profile: h('canvas', {id: 'profile', role: 'img'}),
    profileTitle: h('h2', {id: 'profile-title'}),
    profileReadout: h('p', {id: 'profile-readout', role: 'status'}),
    slider: h('input', {
      type: 'range', id: 'step', min: 0, max: 0, value: 0, 'aria-label': 'Step',
      oninput: on.slide, onkeydown: on.zoomKey,
    }),
    overview: h('canvas', {id: 'overview', role: 'img',
      'aria-label': 'All steps; drag to choose some'}),
    allSteps: h('button', {id: 'all-steps', onclick: on.allSteps}, 'All steps'),
    emptyText: h('span'),
    emptyFix: h('button', {onclick: on.fix}),
  };
  ui.unit = h('span', {class: 'key'});
  ui.fixed = h('span', {id: 'range-ends'}, ui.low, ' \u2026 ', ui.high, ' ', ui.unit);
  ui.empty = h('p', {id: 'empty'}, ui.emptyText, ui.emptyFix);
  ui.side = h('section', {id: 'side'}, ui.profileTitle, ui.profile, ui.profileReadout,
    ui.slider, ui.overview,
    h('div', {class: 'buttons'}, ui.allSteps),
    h('p', {class: 'head'}, 'First layer \u2192 last layer (decades apart)',
      makeTip('What a decade is', DECADES).root),
    ui.ends);
  ui.main = h('main', {}, ui.empty, ui.cards, ui.side);
  ui.choose = h('details', {id: 'choose', open: true}, ui.count,
    field('Runs', ui.filter),
    h('div', {class: 'buttons'},
      h('button', {id: 'all', onclick: () => on.tickAll(true)}, 'All'),
      h('button', {id: 'none', onclick: () => on.tickAll(false)}, 'None'),
      h('button', {id: 'reset', onclick: () => on.tickAll()}, `First ${FIRST_RUNS}`)),
    ui.status, ui.list);
  document.body.append(
    h('header', {},
      h('div', {class: 'pair'}, field('Quantity', ui.quantity), ui.quantityTip.root),
      field('Step axis', ui.axis),
      h('div', {class: 'pair'}, field('Colours', ui.range), ui.fixed),
      h('div', {id: 'legend'}, ui.scale,
        swatch(ZERO, 'exactly zero'), swatch(NON_FINITE, 'not finite'),
        h('span', {class: 'key'}, h('i', {class: 'missing'}), 'not measured')),
      h('div', {class: 'buttons'}, ui.stage,
        h('button', {id: 'png', onclick: on.png, title: 'Download as PNG'}, 'PNG'), ui.csv)),
    h('div', {id: 'body'}, h('nav', {'aria-label': 'Choice of runs'}, ui.choose), ui.main));
  foldWhereNarrow(ui.choose);
  return ui;
}

function select(id, onchange, options) {
  return h('select', {id, onchange},
    ...Object.entries(options).map(([value, label]) => h('option', {value}, label)));
}

/** Keeps the list of runs open where it has a column of its own. */
function foldWhereNarrow(details) {
  const narrow = window.matchMedia('(max-width: 899px)');
  const adapt = () => { details.open = !narrow.matches; };
  narrow.addEventListener('change', adapt);
  adapt();
}

/** Returns by how much a number of the range's inputs is larger: shares are in percent. */
export const unit = () => (quantity().fraction ? 100 : 1);

/** Shows what is chosen, and the colour scale; tells which quantities nobody recorded. */
export function updateHeader(ui, {scale, theme}, missing) {
  const width = ui.scale.clientWidth;
  drawScale(prepare(ui.scale, width, 34), width, quantity(), scale, theme);
  const [low, high] = [scale.low, scale.high].map((end) => format(quantity(), end));
  ui.scale.setAttribute('aria-label', `Colour scale: ${quantity().label}, ` +
    `${scale.below ? '\u2264 ' : ''}${low} to ${scale.above ? '\u2265 ' : ''}${high}`);
  QUANTITIES.forEach(({label}, i) => {
    const option = ui.quantity.options[i];
    option.disabled = missing[i];
    setText(option, missing[i] ? `${label} (not recorded)` : label);
  });
  ui.quantity.value = choice.quantity;
  ui.axis.value = choice.axis;
  ui.range.value = choice.range.mode;
  setText(ui.quantityTip.tip, DOCS[quantity().id].replaceAll('`', ''));
  updateEnds(ui);
}

/** Shows the ends of a fixed range, but not while the reader types one. */
function updateEnds(ui) {
  const isFixed = choice.range.mode === 'fixed';
  ui.fixed.hidden = !isFixed;
  if (!isFixed || ui.fixed.contains(document.activeElement)) return;
  const what = quantity().log ? 'power of ten' : quantity().fraction ? 'percent' : 'value';
  setText(ui.unit, quantity().log ? 'powers of ten' : quantity().fraction ? '%' : '');
  for (const [input, end] of [[ui.low, 'low'], [ui.high, 'high']]) {
    input.value = +(choice.range[end] * unit()).toPrecision(6);
    input.title = `${end === 'low' ? 'Lowest' : 'Highest'} ${what}`;
    input.setAttribute('aria-label', input.title);
  }
}
