// Answers over the unit square, as a picture: the decision surface, or one unit's.

import {ANSWERS} from '../tables.js';

/** Draws values [size * size] between two ends; corners are the samples of XOR, if any. */
export function drawSurface(canvas, values, low, high, corners) {
  const size = Math.sqrt(values.length);
  const image = new ImageData(size, size);
  values.forEach((value, i) => image.data.set([...shade((value - low) / (high - low)), 255], 4 * i));
  const small = scratch(size);
  small.getContext('2d').putImageData(image, 0, 0);
  const {width, height} = canvas;
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = 'high';
  // The samples at the edges are in the middle of the outermost pixels.
  const half = 0.5;
  context.drawImage(small, half, half, size - 1, size - 1, 0, 0, width, height);
  if (corners) drawCorners(context, width);
}

/** Returns the colour of a share from 0 to 1; grey if it is not finite. */
function shade(share) {
  if (!Number.isFinite(share)) return [128, 128, 128];
  const position = 2 * Math.min(1, Math.max(0, share));
  const i = position < 1 ? 0 : 1;
  return ANSWERS[i].map((from, c) => from + (ANSWERS[i + 1][c] - from) * (position - i));
}

function drawCorners(context, width) {
  const radius = Math.max(4, 0.06 * width);
  for (const [x, y] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
    context.beginPath();
    context.arc(x ? width - radius - 3 : radius + 3, y ? radius + 3 : width - radius - 3, radius, 0, 7);
    context.fillStyle = `rgb(${ANSWERS[x === y ? 0 : 2]})`;
    context.fill();
    context.lineWidth = Math.max(1.5, radius / 4);
    context.strokeStyle = '#000';
    context.stroke();
  }
}

const canvases = new Map();

function scratch(size) {
  if (!canvases.has(size)) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = size;
    canvases.set(size, canvas);
  }
  return canvases.get(size);
}
