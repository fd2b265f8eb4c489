// The points at which a decision surface is sampled, as deepxor.xor.decision_surface.

export const GRID = 17;

/**
 * Returns the points [GRID * GRID, bits] of the unit square. The second input falls
 * from row to row, so that the origin is at the bottom left; inputs after it are 0.
 */
export function grid(bits) {
  const points = new Float64Array(GRID * GRID * bits);
  for (let row = 0; row < GRID; row++) {
    for (let column = 0; column < GRID; column++) {
      const at = (row * GRID + column) * bits;
      points[at] = column / (GRID - 1);
      points[at + 1] = 1 - row / (GRID - 1);
    }
  }
  return points;
}
