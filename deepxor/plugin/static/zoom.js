// The range of steps that is shown: dragging over a map, the strip of all steps, keys.

import {doubleStroke, drawStepAxis, line} from './drawing/draw.js';

// A press that moves less, in pixels, is no drag.
const SLOP = 6;

/** Lets a canvas be pointed at, and dragged over from one step to another.
 *
 * `boxOf` returns {axis, left, width} of what is drawn on it, or null. A drag under way
 * is `canvas.brush`, two positions in CSS pixels.
 */
export function makeBrush(canvas, {boxOf, onPoint, onBrush, onRange, onReset}) {
  let start = null;
  const xOf = (event) => event.clientX - canvas.getBoundingClientRect().left;
  const end = () => {
    start = canvas.brush = null;
    onBrush();
  };
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button || !boxOf()) return;
    start = xOf(event);
    canvas.setPointerCapture(event.pointerId);
    onPoint(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (start !== null && (canvas.brush || Math.abs(xOf(event) - start) > SLOP)) {
      canvas.brush = [start, xOf(event)];
      onBrush();
    } else if (event.pointerType !== 'touch' || start !== null) {
      onPoint(event);
    }
  });
  canvas.addEventListener('pointerup', () => {
    const {brush} = canvas, box = boxOf();
    end();
    if (brush && box) onRange(...brush.map((x) => stepAt(box, x)).sort((a, b) => a - b));
  });
  canvas.addEventListener('pointercancel', end);
  canvas.addEventListener('dblclick', onReset);
}

/** Returns the step at a position, inside the axis. */
export function stepAt({axis, left, width}, x) {
  return axis.step(Math.min(0.99999, Math.max(0, (x - left) / width)));
}

/** Draws a drag that is under way on a canvas. */
export function paintBrush(context, canvas, {left, width}, top, bottom) {
  if (!canvas.brush) return;
  const [from, to] = canvas.brush.map((x) => Math.min(left + width, Math.max(left, x)));
  drawBrush(context, from, to, top, bottom);
}

/** Returns the indices of the first and the last of the steps in a range. */
export function indicesOf(steps, zoom) {
  if (!zoom) return [0, steps.length - 1];
  let first = steps.findLastIndex((step) => step <= zoom[0]);
  let last = steps.findIndex((step) => step >= zoom[1]);
  if (last < 0) last = steps.length - 1;
  first = Math.min(Math.max(0, first), Math.max(0, steps.length - 2));
  return [first, Math.max(last, Math.min(first + 1, steps.length - 1))];
}

/** Returns the range from one of the steps to another, or null if that is all of them. */
export function rangeBetween(steps, first, last) {
  const isAll = first <= 0 && last >= steps.length - 1;
  return isAll || steps.length < 3 ? null : [steps[Math.max(0, first)], steps[last]];
}

/** Returns the range that a key leads to; undefined if the key is another. */
export function rangeAfter(key, steps, zoom, cursor) {
  if (key === '0') return null;
  if (!['+', '=', '-'].includes(key)) return undefined;
  const [first, last] = indicesOf(steps, zoom);
  const count = last - first + 1;
  const wanted = key === '-' ? 2 * count : Math.max(2, Math.ceil(count / 2));
  if (wanted >= steps.length) return null;
  // The cursor stays where it is on the screen.
  const share = Math.min(1, Math.max(0, (cursor - first) / Math.max(1, count - 1)));
  const from = Math.round(cursor - share * (wanted - 1));
  const inside = Math.min(steps.length - wanted, Math.max(0, from));
  return rangeBetween(steps, inside, inside + wanted - 1);
}

/** Draws the strip of all steps, with the part that is shown. */
export function drawOverview(context, width, all, shown, step, theme) {
  const box = {axis: all, left: 8, width: width - 16};
  const xOf = (at) => box.left + Math.min(1, Math.max(0, all.position(at))) * box.width;
  context.fillStyle = theme.empty;
  context.fillRect(box.left, 2, box.width, 14);
  context.fillStyle = theme.text;
  context.globalAlpha = 0.45;
  context.fillRect(xOf(shown.low), 2, Math.max(2, xOf(shown.high) - xOf(shown.low)), 14);
  context.globalAlpha = 1;
  context.strokeStyle = theme.strong;
  context.lineWidth = 2;
  line(context, xOf(step), 0, xOf(step), 18);
  drawStepAxis(context, all, box.left, 16, box.width, theme);
  return box;
}

/** Draws a range that is being dragged, between two positions in CSS pixels. */
function drawBrush(context, from, to, top, bottom) {
  context.fillStyle = '#8888';
  context.fillRect(Math.min(from, to), top, Math.abs(to - from), bottom - top);
  doubleStroke(context, () =>
    context.strokeRect(Math.min(from, to), top, Math.abs(to - from), bottom - top));
}
