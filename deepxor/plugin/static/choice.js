// What the reader has chosen: in TensorBoard's address, and kept by the browser.

import {QUANTITIES} from './drawing/tables.js';
import * as url from './url.js';

const STORAGE_KEY = 'deepxor.gradient_flow';

const defaults = () => ({
  filter: '', quantity: 'norm_log10', axis: 'log', range: {mode: 'auto'},
  ticks: new Map(), // Name -> whether the run is shown, where the reader said so.
  isList: false, // Whether only those are shown, as a link names all that it shows.
  pins: new Map(), // Name -> the place whose colour it keeps.
  picked: [], // Names of the runs that stand out.
  zoom: null, // The first and the last step shown; null for all.
  stage: false, // Whether the stage is open.
  step: null, // Where the cursor is; null is the last, also when there are new ones.
});

export const choice = defaults();

/** Returns the quantity that is shown. */
export const quantity = () => QUANTITIES.find(({id}) => id === choice.quantity);

/** Takes up a link's view or else what was chosen before; tells if it has a step. */
export function restore() {
  const linked = url.read();
  const {runs, ...found} = linked ? url.decode(linked) : stored();
  Object.assign(choice, defaults(), found);
  if (runs) {
    choice.isList = true;
    const free = new Map(runs.map(([index, name]) => [index, name]));
    for (const [index, name] of runs) {
      choice.ticks.set(name, true);
      if (free.get(index) === name) choice.pins.set(name, index);
    }
  }
  return 'step' in found;
}

function stored() {
  const found = {};
  try {
    const kept = JSON.parse(localStorage.getItem(STORAGE_KEY)) || {};
    if (typeof kept.filter === 'string') found.filter = kept.filter;
    if (QUANTITIES.some(({id}) => id === kept.quantity)) found.quantity = kept.quantity;
    if (['log', 'linear'].includes(kept.axis)) found.axis = kept.axis;
    if (Array.isArray(kept.ticks)) {
      found.ticks = new Map(kept.ticks.filter((tick) => Array.isArray(tick)));
    }
  } catch {
    // A notebook's frame may have no storage.
  }
  return found;
}

/** Keeps what is chosen now, and the colours of the runs that are shown.
 *
 * A cursor that nobody has moved is not part of the view.
 */
export function keep(shown, isPlacedByItself) {
  for (const {name, index} of shown) choice.pins.set(name, index);
  const {step, ...values} = url.encode(choice, shown);
  url.write(isPlacedByItself ? values : {...values, step});
  const {filter, quantity: id, axis, ticks} = choice;
  try {
    const kept = {filter, quantity: id, axis, ticks: [...ticks]};
    localStorage.setItem(STORAGE_KEY, JSON.stringify(kept));
  } catch {
    // As above.
  }
}

/** Gives each run its index, which is its place by name, but for those with a pin. */
export function indexed(runs) {
  const taken = new Set(runs.map(({name}) => choice.pins.get(name)));
  return runs.map((run, place) => {
    let index = choice.pins.get(run.name);
    if (index === undefined) for (index = place; taken.has(index);) index++;
    taken.add(index);
    return {...run, index};
  });
}

/** Takes a name into a list, or out of it. */
export function toggled(names, name) {
  return names.includes(name) ? names.filter((other) => other !== name) : [...names, name];
}
