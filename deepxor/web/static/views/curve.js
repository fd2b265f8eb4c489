// The cost by step: the median of the networks and, behind it, from p10 to p90.

import {drawStepAxis, line} from '../drawing/draw.js';

export const HEIGHT = 130;
const AREA = {left: 34, right: 8, top: 6, bottom: 22};
const CHANCE = Math.LN2;

/**
 * Draws the curves {median, p10, p90}, each {step, value}, up to a most cost. The look
 * is {colour, theme, chance}, the last of which is the name of the cost of a guess.
 */
export function drawCurve(context, width, curves, axis, most, step, {colour, theme, chance}) {
  const w = width - AREA.left - AREA.right, h = HEIGHT - AREA.top - AREA.bottom;
  const xOf = (at) => AREA.left + axis.position(at) * w;
  const yOf = (value) => AREA.top + (1 - Math.min(1, value / most)) * h;
  context.fillStyle = theme.empty;
  context.fillRect(AREA.left, AREA.top, w, h);
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  context.fillStyle = theme.text;
  context.fillText('0', AREA.left - 4, AREA.top + h);
  context.strokeStyle = theme.text;
  context.setLineDash([3, 3]);
  context.lineWidth = 1;
  line(context, AREA.left, yOf(CHANCE), AREA.left + w, yOf(CHANCE));
  context.setLineDash([]);
  context.fillText(chance, AREA.left - 4, yOf(CHANCE));
  const [low, high, median] = ['p10', 'p90', 'median'].map((name) =>
    curves[name].step.map((at, i) => [xOf(at), curves[name].value[i]])
      .filter(([, value]) => value !== null).map(([x, value]) => [x, yOf(value)]));
  context.fillStyle = context.strokeStyle = colour;
  context.globalAlpha = 0.25;
  trace(context, [...low, ...high.reverse()]);
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 2.5;
  trace(context, median);
  context.stroke();
  context.lineWidth = 1;
  context.strokeStyle = theme.strong;
  line(context, xOf(step), AREA.top, xOf(step), AREA.top + h);
  drawStepAxis(context, axis, AREA.left, AREA.top + h, w, theme);
}

function trace(context, points) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
}
