// All networks of a side as dots: which have solved the problem, which are dead.

import {doubleStroke} from '../drawing/draw.js';
import {LEARNING, SOLVED, DEAD, DIVERGED} from '../training/states.js';

const PITCH = 13, RADIUS = 4.5;

export const layOutDots = (count, width) => {
  const columns = Math.max(1, Math.min(20, Math.floor(width / PITCH)));
  return {columns, count, height: Math.ceil(count / columns) * PITCH + 2};
};

/** Returns the network at a position, or null. */
export function dotAt({columns, count}, x, y) {
  const column = Math.floor(x / PITCH), index = Math.floor(y / PITCH) * columns + column;
  return column >= 0 && column < columns && index >= 0 && index < count ? index : null;
}

/** Draws the dots by state, each also in a shape of its own, with a ring for the shown. */
export function drawDots(context, {columns, count}, states, shown, theme) {
  for (let index = 0; index < count; index++) {
    const x = (index % columns + 0.5) * PITCH, y = (Math.floor(index / columns) + 0.5) * PITCH;
    drawState(context, states?.[index] ?? LEARNING, x, y, theme);
    if (index === shown) {
      doubleStroke(context, () => context.strokeRect(x - 6, y - 6, 12, 12));
    }
  }
}

/** Draws one state: a disc, a ring, a bar or a cross. */
export function drawState(context, state, x, y, theme) {
  context.fillStyle = context.strokeStyle = theme.text;
  context.lineWidth = 2;
  context.beginPath();
  if (state === SOLVED) {
    context.fillStyle = '#188c50';
    context.arc(x, y, RADIUS, 0, 7);
    context.fill();
  } else if (state === DEAD) {
    context.fillRect(x - RADIUS, y - 1.5, 2 * RADIUS, 3);
  } else if (state === DIVERGED) {
    context.strokeStyle = '#dc1428';
    context.moveTo(x - 3.5, y - 3.5);
    context.lineTo(x + 3.5, y + 3.5);
    context.moveTo(x + 3.5, y - 3.5);
    context.lineTo(x - 3.5, y + 3.5);
    context.stroke();
  } else {
    context.lineWidth = 1.2;
    context.arc(x, y, RADIUS - 1, 0, 7);
    context.stroke();
  }
}
