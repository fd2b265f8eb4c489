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
  const norms = (values) => values.map((norm) => (norm === 0 ? FLOOR : Math.log10(norm)));
  return complete(Object.assign(flow, {
    norm_log10: rows(({norm}) => norms(norm.median)),
    norm_log10_p10: rows(({norm}) => norms(norm.p10)),
    norm_log10_p90: rows(({norm}) => norms(norm.p90)),
    zero_replicas: rows(({zero}) => zero),
    non_finite_replicas: rows(({nonFinite}) => nonFinite),
    // How many numbers they are is not counted.
    non_finite: rows(({nonFinite}) => nonFinite.map((share) => (share > 0 ? 1 : 0))),
    slope_factor_log10: rows(({factors}) => factors.slope.map(Math.log10)),
    weight_factor_log10: rows(({factors}) => factors.weight.map(Math.log10)),
  }));
}

/** Returns the curve of the cost's "median", "p10" or "p90": {step, value}. */
export const costOf = (records, which) => ({
  step: records.map(({step}) => step),
  value: records.map(({cost}) => (Number.isFinite(cost[which]) ? cost[which] : null)),
});
