// How many steps a frame takes: few at first, when a gradient changes most, and then ever
// more, so that each time the step doubles takes about as long.

// Steps a second at first, and the share of the steps so far that a second adds.
const FIRST = 6, GROWTH = 0.6;
// A frame that comes later stands for no more, in seconds: the page was not shown.
const MOST_LAPSE = 0.1;

export class Pace {
  constructor() { this.reset(); }

  reset() { Object.assign(this, {then: null, due: 0}); }

  /** Returns the steps to take at a time in milliseconds, after so many steps; may be 0. */
  stepsAt(now, steps) {
    const lapse = this.then === null ? 0 : Math.min(MOST_LAPSE, (now - this.then) / 1000);
    this.then = now;
    this.due += lapse * Math.max(FIRST, GROWTH * steps);
    const found = Math.floor(this.due);
    this.due -= found;
    return found;
  }
}
