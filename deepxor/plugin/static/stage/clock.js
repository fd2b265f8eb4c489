// The clock of the stage: which step is shown, and how fast steps go by.
//
// It is logarithmic, as gradients change in the first steps most: the position from 0 to
// 1 is that of the logarithmic axis between the first and the last record.

import {columnAt} from '../drawing/cells.js';
import {Axis} from '../drawing/draw.js';

// From the first record to the last one at speed 1.
const SECONDS = 20;
const SPEEDS = [0.25, 0.5, 1, 2, 4];
// A frame that comes later stands for no more, in seconds: the page was not shown.
const MOST_LAPSE = 0.1;

export class Clock {
  constructor() {
    Object.assign(this, {steps: [], axis: new Axis(0, 1, true), step: 0, speed: 1});
    this.isPlaying = false;
  }

  /** Takes the sorted steps of all records. */
  setRecords(steps) {
    this.steps = steps;
    this.axis = new Axis(steps[0], steps.at(-1), true);
    this.moveTo(this.step);
  }

  moveTo(step) {
    this.step = Math.min(this.steps.at(-1), Math.max(this.steps[0], step));
  }

  /** Returns the step of the last record that has been reached. */
  get record() { return this.steps[this.index]; }
  get index() { return Math.max(0, columnAt({step: this.steps, columns: this.steps.length}, this.step)); }
  get isAtEnd() { return this.step >= this.steps.at(-1); }
  get position() { return Math.min(1, this.axis.position(this.step)); }

  set position(position) {
    // Rounding must not leave the ends out.
    this.moveTo(position >= 1 ? Infinity : position <= 0 ? -Infinity : this.axis.step(position));
  }

  /** Moves by some records. */
  moveBy(records) {
    const index = Math.min(this.steps.length - 1, Math.max(0, this.index + records));
    this.step = this.steps[index];
  }

  /** Makes it faster (1) or slower (-1). */
  shift(by) {
    const place = SPEEDS.indexOf(this.speed) + by;
    this.speed = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, place))];
  }

  /** Plays or pauses; at the end, it plays from the start. */
  toggle() {
    this.isPlaying = !this.isPlaying;
    if (this.isPlaying && this.isAtEnd) this.position = 0;
  }

  /** Goes on by some seconds; it stops at the end. */
  advance(seconds) {
    if (!this.isPlaying) return;
    this.position += Math.min(MOST_LAPSE, seconds) * this.speed / SECONDS;
    if (this.isAtEnd) this.isPlaying = false;
  }
}
