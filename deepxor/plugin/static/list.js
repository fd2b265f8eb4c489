// The list of runs: which there are, which match, which are shown.

import {choice, indexed} from './choice.js';
import {dot, h} from './drawing/dom.js';

export const FIRST_RUNS = 8;

/** Returns the runs whose names the filter finds; null if it is no expression. */
export function matching(runs) {
  try {
    const expression = new RegExp(choice.filter, 'i');
    return runs.filter(({name}) => expression.test(name));
  } catch {
    return null;
  }
}

export const isTicked = (run, position) =>
  choice.ticks.get(run.name) ?? (!choice.isList && position < FIRST_RUNS);

/** Returns the runs that are shown. */
export const shownOf = (runs) => (matching(runs) || []).filter(isTicked);

/** Returns what the server lists, with their colours; one that is new is shown, too. */
export function listed(found, before) {
  const runs = indexed(found);
  if (!choice.isList || !before) return runs;
  const known = new Set(before.map(({name}) => name));
  for (const {name} of runs) {
    const isNew = !known.has(name) && !choice.ticks.has(name);
    if (isNew && shownOf(runs).length < FIRST_RUNS) choice.ticks.set(name, true);
  }
  return runs;
}

/** Ticks all runs that match, or none of them, or forgets what was ticked. */
export function tickAll(runs, ticked) {
  if (ticked === undefined) choice.isList = false;
  for (const {name} of matching(runs) || []) {
    if (ticked === undefined) choice.ticks.delete(name);
    else choice.ticks.set(name, ticked);
  }
}

/** Shows the runs that match, with what is ticked. */
export function fillList(list, runs, onTick) {
  const found = matching(runs) || [];
  const key = JSON.stringify(found.map((run, i) => [run.name, run.index, isTicked(run, i)]));
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  // A list that is rebuilt would lose the focus.
  const focused = list.contains(document.activeElement)
    ? document.activeElement.dataset.run : null;
  list.replaceChildren(...found.map((run, position) => {
    const box = h('input', {
      type: 'checkbox', 'data-run': run.name, checked: isTicked(run, position),
      onchange: () => { choice.ticks.set(run.name, box.checked); onTick(); },
    });
    return h('label', {class: 'run', title: run.name}, box, dot(run.index),
      h('span', {class: 'name'}, run.name));
  }));
  for (const box of list.querySelectorAll('input')) {
    if (focused !== null && box.dataset.run === focused) box.focus();
  }
}

/** Says why nothing is shown: {text, fix}, where the fix may be "filter" or "first". */
export function emptiness(runs) {
  if (!runs) return {text: 'Loading \u2026'};
  if (!runs.length) {
    return {text: 'No run has gradient flow yet. As soon as deepxor.train or ' +
      'GradientMonitor(log_dir=...) has written a record into the logdir, it is shown here.'};
  }
  const found = matching(runs);
  if (!found) {
    return {text: `\u201c${choice.filter}\u201d is not a regular expression.`, fix: 'filter'};
  }
  if (!found.length) return {text: `No run matches \u201c${choice.filter}\u201d.`, fix: 'filter'};
  return found.some(isTicked) ? null : {text: 'None of these runs is ticked.', fix: 'first'};
}
