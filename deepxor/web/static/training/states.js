// What a network of many has come to.

export const LEARNING = 0, SOLVED = 1, DEAD = 2, DIVERGED = 3;

/** Returns the state of each network at the latest step, of those above. */
export function statesOf({steps, costs, accuracies, norms, replicas, layers}) {
  return Uint8Array.from({length: replicas}, (_, r) => {
    if (steps === 0) return LEARNING;
    if (!Number.isFinite(costs[r])) return DIVERGED;
    if (accuracies[r] === 1) return SOLVED;
    return layers.length > 1 && norms[r] === 0 ? DEAD : LEARNING;
  });
}
