// What the reader has chosen, kept by the browser from one visit to the next.

import {QUANTITIES} from './tables.js';

const STORAGE_KEY = 'deepxor.gradient_flow';

export const choice = {filter: '', ticks: {}, quantity: 'norm_log10', log: false};

/** Returns the quantity that is shown. */
export const quantity = () => QUANTITIES.find(({id}) => id === choice.quantity);

/** Takes up what was chosen before. */
export function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORAGE_KEY)) || {};
    if (typeof kept.filter === 'string') choice.filter = kept.filter;
    if (kept.ticks && typeof kept.ticks === 'object') Object.assign(choice.ticks, kept.ticks);
    if (QUANTITIES.some(({id}) => id === kept.quantity)) choice.quantity = kept.quantity;
    choice.log = kept.log === true;
  } catch {
    // A notebook's frame may have no storage.
  }
}

/** Keeps what is chosen now. */
export function keep() {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(choice));
  } catch {
    // As above.
  }
}
