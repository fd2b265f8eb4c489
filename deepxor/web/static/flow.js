// The records of a training as the columns that the drawing modules take.

import {complete} from './drawing/cells.js';

// What stands for the logarithm of an exact zero, which the cells show as stripes.
const FLOOR = -12;

/** Returns the flow of some records, in the order of their steps. */
export function makeFlow(layers, records, replicas) {
  const flow = {
    layers, replicas, columns: records.length, fault_step: null, diagnosis: null,
    step: Float64Array.from(records, ({step}) => step),
  };
  const rows = (values) => {
    const found = new Float32Array(records.length * layers.length);
    records.forEach((record, column) => found.set(values(record), column * layers.length));
    return found;
  };
  return complete(Object.assign(flow, {
    norm_log10: rows((record) => logarithms(record).median),
    norm_log10_p10: rows((record) => logarithms(record).p10),
    norm_log10_p90: rows((record) => logarithms(record).p90),
    zero_replicas: rows(({zero}) => zero),
    non_finite_replicas: rows(({nonFinite}) => nonFinite),
    // How many numbers they are is not counted.
    non_finite: rows(({nonFinite}) => nonFinite.map((share) => (share > 0 ? 1 : 0))),
    slope_factor_log10: rows((record) => logarithms(record).slope),
    weight_factor_log10: rows((record) => logarithms(record).weight),
  }));
}

const known = new WeakMap();

/** Returns the logarithms of a record's norms and factors, which are computed once. */
function logarithms(record) {
  if (!known.has(record)) {
    const {norm, factors} = record;
    const floored = (value) => (value === 0 ? FLOOR : Math.log10(value));
    known.set(record, {
      median: norm.median.map(floored), p10: norm.p10.map(floored), p90: norm.p90.map(floored),
      slope: factors.slope.map(Math.log10), weight: factors.weight.map(Math.log10),
    });
  }
  return known.get(record);
}

/** Returns the curve of the cost's "median", "p10" or "p90": {step, value}. */
export const costOf = (records, which) => ({
  step: records.map(({step}) => step),
  value: records.map(({cost}) => (Number.isFinite(cost[which]) ? cost[which] : null)),
});
