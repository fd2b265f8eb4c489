// What is nearest to the pointer in a profile.

import {isJoined} from './drawing/profile.js';

/** Returns {run, point, distance} of the line that is nearest to a position, or null. */
export function nearest(layout, x, y) {
  let best = null;
  for (const {run, points} of layout.lines) {
    points.forEach((point, i) => {
      let distance = Math.hypot(x - point.x, y - point.y);
      const next = points[i + 1];
      if (next && isJoined(point, next)) {
        const share = (x - point.x) / (next.x - point.x);
        if (share > 0 && share < 1) {
          const slope = (next.y - point.y) / (next.x - point.x);
          const apart = Math.abs(y - point.y - share * (next.y - point.y)) / Math.hypot(1, slope);
          distance = Math.min(distance, apart);
          if (share > 0.5) point = next;
        }
      }
      if (!best || distance < best.distance) best = {run, point, distance};
    });
  }
  return best;
}
