// The kernel initializers of replicas, by the names of deepxor.nn.initializers.

import {Random} from './random.js';

// Each function returns a kernel [inputs, units] of one replica.

function fill(inputs, units, draw) {
  const kernel = new Float64Array(inputs * units);
  for (let k = 0; k < kernel.length; k++) kernel[k] = draw();
  return kernel;
}

function uniformWithin(random, inputs, units, limit) {
  return fill(inputs, units, () => random.uniform(-limit, limit));
}

function normalOf(random, inputs, units, deviation) {
  return fill(inputs, units, () => random.normal() * deviation);
}

function orthogonal(random, inputs, units) {
  const rows = Math.max(inputs, units), columns = Math.min(inputs, units);
  const q = fill(rows, columns, () => random.normal());
  for (let column = 0; column < columns; column++) {
    // A second round takes out what rounding has left (Giraud et al. 2005). As every
    // column keeps its direction, the diagonal of R is positive.
    for (let round = 0; round < 2; round++) {
      for (let other = 0; other < column; other++) {
        removePart(q, rows, columns, column, other);
      }
    }
    normalize(q, rows, columns, column);
  }
  if (inputs >= units) return q;
  return q.map((_, k) => q[(k % units) * columns + Math.floor(k / units)]);
}

function removePart(q, rows, columns, column, other) {
  let product = 0;
  for (let k = 0; k < rows * columns; k += columns) {
    product += q[k + column] * q[k + other];
  }
  for (let k = 0; k < rows * columns; k += columns) {
    q[k + column] -= product * q[k + other];
  }
}

function normalize(q, rows, columns, column) {
  let square = 0;
  for (let k = column; k < rows * columns; k += columns) square += q[k] * q[k];
  const norm = Math.sqrt(square);
  for (let k = column; k < rows * columns; k += columns) q[k] /= norm;
}

export const INITIALIZERS = {
  uniform: (random, inputs, units) => uniformWithin(random, inputs, units, 1),
  normal: (random, inputs, units) => normalOf(random, inputs, units, 1),
  glorot: (random, inputs, units) =>
    uniformWithin(random, inputs, units, Math.sqrt(6 / (inputs + units))),
  he: (random, inputs, units) => normalOf(random, inputs, units, Math.sqrt(2 / inputs)),
  lecun: (random, inputs, units) =>
    normalOf(random, inputs, units, Math.sqrt(1 / inputs)),
  orthogonal,
};

/**
 * Fills the kernels of layers, each `{kernel, fanIn, columns, pieces}`, for every
 * replica from its own generator. Each piece of a maxout layer is drawn like the kernel
 * of a layer of its own; the pieces of a unit lie side by side.
 */
export function drawKernels(layers, initializer, seed, replicas) {
  const draw = INITIALIZERS[initializer];
  for (let replica = 0; replica < replicas; replica++) {
    const random = new Random([seed, replica]);
    for (const {kernel, fanIn, columns, pieces} of layers) {
      const units = columns / pieces;
      for (let piece = 0; piece < pieces; piece++) {
        const part = draw(random, fanIn, units);
        for (let k = 0; k < part.length; k++) {
          kernel[(k * pieces + piece) * replicas + replica] = part[k];
        }
      }
    }
  }
}
