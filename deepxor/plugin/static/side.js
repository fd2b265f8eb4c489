// The column beside the cards: the profile, what the pointer finds in it, the ends.

import {choice, quantity, toggled} from './choice.js';
import {columnAt} from './drawing/cells.js';
import {dot, h, setDot, setText} from './drawing/dom.js';
import {prepare} from './drawing/draw.js';
import {drawProfile, layOut} from './drawing/profile.js';
import {nearest} from './nearest.js';
import {profileRange} from './drawing/range.js';
import {endsOf, recordOf, valueOf} from './describe.js';
import {drawOverview, paintBrush} from './zoom.js';

// A pointer that is farther from all lines, in pixels, means none.
const REACH = 30;

let layout = null;
let hovered = null; // {name, point}, of which the list of ends gives the name alone.

/** Returns the names of the runs that stand out: those picked and the one pointed at. */
export function litAmong(loaded) {
  const names = new Set(loaded.map(({name}) => name));
  return new Set([...choice.picked, hovered?.name].filter((name) => names.has(name)));
}

/** Lets the pointer find lines and pick them, and Escape release them. */
export function followPointer(ui, onChange) {
  const hover = (found) => {
    if (hovered === found) return;
    hovered = found;
    onChange();
  };
  const find = (event) => {
    const box = ui.profile.getBoundingClientRect();
    const found = layout && nearest(layout, event.clientX - box.left, event.clientY - box.top);
    return found && found.distance <= REACH ? {name: found.run.name, point: found.point} : null;
  };
  ui.profile.addEventListener('pointermove', (event) => hover(find(event)));
  ui.profile.addEventListener('pointerleave', () => hover(null));
  ui.profile.addEventListener('click', (event) => {
    const found = find(event);
    if (found) pick(found.name, onChange);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !choice.picked.length) return;
    choice.picked = [];
    onChange();
  });
  ui.ends.pick = (name) => pick(name, onChange);
  ui.ends.hover = (name) => hover(name === null ? null : {name});
}

function pick(name, onChange) {
  choice.picked = toggled(choice.picked, name);
  onChange();
}

/** Draws the profile and the strip of steps, and fills the list of ends. */
export function updateSide(ui, view, loaded) {
  const lit = litAmong(loaded);
  const width = ui.profile.clientWidth;
  // As tall as lets slider and list stay in sight while the cards scroll.
  const others = ui.side.offsetHeight - ui.profile.offsetHeight;
  const height = Math.max(220, Math.min(400, ui.main.clientHeight - 24 - others));
  const range = profileRange(view.scale, loaded.map(({flow}) => flow), quantity(), choice.range);
  layout = layOut(loaded, quantity(), view.step, range, width, height);
  drawProfile(prepare(ui.profile, width, height), layout, quantity(), view.theme, lit);
  const title = `${quantity().label} by layer at step ${view.step}`;
  setText(ui.profileTitle, title);
  setText(ui.profileReadout, readout(loaded, lit));
  const ends = loaded.map((run) => [run,
    [endsOf(run.flow, view.step, quantity()), recordOf(run.flow, view.step)].filter(Boolean)]);
  listEnds(ui.ends, ends, lit);
  ui.profile.setAttribute('aria-label', `${title}: ` +
    ends.map(([run, texts]) => `${run.name}: ${texts.join(' ')}`).join('; '));
  updateSteps(ui, view);
}

function readout(loaded, lit) {
  const run = hovered && loaded.find(({name}) => name === hovered.name);
  if (!run) {
    return lit.size ? 'Click a run again, or press Escape, to release it.'
      : 'Point at a line for its value; click to make a run stand out.';
  }
  if (!hovered.point) return run.name;
  const {i, layer} = hovered.point;
  return [run.name, run.flow.layers[layer], valueOf(run.flow, quantity(), i)].join(' \u00b7 ');
}

function listEnds(list, ends, lit) {
  const names = ends.map(([run]) => run.name);
  if (list.dataset.key !== JSON.stringify(names)) {
    list.dataset.key = JSON.stringify(names);
    list.replaceChildren(...ends.map(([{name, index}]) => h('li', {}, h('button', {
      title: name, onclick: () => list.pick(name),
      onpointerenter: () => list.hover(name), onpointerleave: () => list.hover(null),
      onfocus: () => list.hover(name), onblur: () => list.hover(null),
    }, dot(index), h('span', {class: 'name'}, name), h('span', {class: 'text'})))));
  }
  ends.forEach(([{name, index}, texts], i) => {
    const button = list.children[i].firstChild;
    setDot(button.firstChild, index);
    setText(button.lastChild, texts.join(' '));
    button.setAttribute('aria-pressed', String(choice.picked.includes(name)));
    button.classList.toggle('dim', lit.size > 0 && !lit.has(name));
  });
}

function updateSteps(ui, view) {
  ui.slider.max = view.steps.length - 1;
  ui.slider.value = columnAt({step: view.steps, columns: view.steps.length}, view.step);
  ui.slider.setAttribute('aria-valuetext', `step ${view.step}`);
  ui.allSteps.disabled = !choice.zoom;
  const width = ui.overview.clientWidth;
  const context = prepare(ui.overview, width, 36);
  ui.overview.box = drawOverview(context, width, view.all, view.axis, view.step, view.theme);
  paintBrush(context, ui.overview, ui.overview.box, 2, 16);
}
