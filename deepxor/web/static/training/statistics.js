// Percentiles as deepxor.statistics and NumPy have them.

/** Returns the finite ones of `count` values from `start` on, in rising order. */
export function sortedFinite(values, start, count) {
  return values.slice(start, start + count).filter(Number.isFinite).sort();
}

/** Returns a percentile of values in rising order, linear between two; NaN of none. */
export function percentile(sorted, percent) {
  if (sorted.length === 0) return NaN;
  const position = percent / 100 * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below], high = sorted[Math.min(below + 1, sorted.length - 1)];
  const part = position - below;
  // As NumPy does it, from the nearer end.
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

/** Returns the median of the finite ones of `count` values from `start` on. */
export function median(values, start, count) {
  return percentile(sortedFinite(values, start, count), 50);
}

/** Returns a ratio of norms; NaN where one is not finite or the divisor is 0. */
export function ratio(above, below) {
  const isDefined = Number.isFinite(above) && Number.isFinite(below) && below > 0;
  return isDefined ? above / below : NaN;
}
