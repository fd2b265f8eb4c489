// The records of several runs together, and the way of a cursor through them.

/** Tells whether any cell of any of the flows has a value of the quantity. */
export function isMeasured(flows, quantity) {
  return flows.some((flow) => flow[quantity.id].some((value) => !Number.isNaN(value)));
}

/** Returns the sorted steps of all records of some flows. */
export function stepsOf(flows) {
  return [...new Set(flows.flatMap(({step}) => [...step]))].sort((a, b) => a - b);
}

/** Returns the cell that a key moves the cursor to, as [column, layer]; null for none. */
export function movedBy(key, flow, column, layer) {
  const last = flow.columns - 1;
  switch (key) {
    case 'ArrowLeft': column--; break;
    case 'ArrowRight': column++; break;
    case 'PageDown': column -= 10; break;
    case 'PageUp': column += 10; break;
    case 'Home': column = 0; break;
    case 'End': column = last; break;
    case 'ArrowUp': layer++; break;
    case 'ArrowDown': layer--; break;
    default: return null;
  }
  const inside = (value, most) => Math.min(most, Math.max(0, value));
  return [inside(column, last), inside(layer, flow.layers.length - 1)];
}
