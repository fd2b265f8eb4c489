// Which steps of a training are records: those of deepxor.record_steps whatever `every`
// is. They are dense at first, when a gradient changes most.

// Every step up to this one is a record.
const DENSE = 32;

// After that there are so many records each time that the number of the step doubles.
const PER_DOUBLING = 4;

// The last one is below 2 ** 31.
const DOUBLINGS = 26;

export const EARLY_STEPS = [
  ...Array.from({length: DENSE}, (_, step) => step),
  ...Array.from({length: PER_DOUBLING * DOUBLINGS}, (_, k) =>
    Math.round(DENSE * 2 ** (k / PER_DOUBLING))),
];

const EARLY = new Set(EARLY_STEPS);

/** Returns whether a step, from 0, is a record. */
export function isRecord(step) {
  return EARLY.has(step);
}
