// The activations of hidden layers with their slopes, by the names of
// deepxor.nn.activations.
//
// A function writes values and slopes in one pass. Both have full relative precision in
// both tails. At a kink they are what TensorFlow takes there: with biases of 0, the
// sample of zeros has pre-activations of exactly 0.

import {halfErfcx} from './erfcx.js';

const SELU_SCALE = 1.0507009873554804934;
const SELU_ALPHA = 1.6732632423543772848;
const ROOT_2_PI = Math.sqrt(2 * Math.PI);

// TensorFlow has two numbers as float32 in every precision: the slope of a leaky ReLU,
// which is an attribute of its operation, and the root of 1/2 in gelu.
const GELU_STRETCH = Math.fround(Math.SQRT1_2) / Math.SQRT1_2;

function sigmoid(z, values, slopes, count) {
  for (let k = 0; k < count; k++) {
    const small = Math.exp(-Math.abs(z[k]));
    const large = 1 / (1 + small);
    values[k] = z[k] < 0 ? small * large : large;
    slopes[k] = small * large * large;
  }
}

function tanh(z, values, slopes, count) {
  for (let k = 0; k < count; k++) {
    const size = Math.abs(z[k]);
    if (size < 0.35) {
      const part = Math.expm1(2 * z[k]);
      const value = part / (part + 2);
      values[k] = value;
      slopes[k] = 1 - value * value;
    } else {
      const small = Math.exp(-2 * size);
      const value = (1 - small) / (1 + small);
      values[k] = z[k] < 0 ? -value : value;
      slopes[k] = 4 * small / ((1 + small) * (1 + small));
    }
  }
}

function relu(z, values, slopes, count) {
  for (let k = 0; k < count; k++) {
    const x = z[k];
    // NaN stays NaN.
    values[k] = x <= 0 ? 0 : x;
    slopes[k] = x > 0 ? 1 : 0;
  }
}

function leaky(exactSlope) {
  const slope = Math.fround(exactSlope);
  return (z, values, slopes, count) => {
    for (let k = 0; k < count; k++) {
      const x = z[k];
      values[k] = x > 0 ? x : slope * x;
      slopes[k] = x > 0 ? 1 : slope;
    }
  };
}

function exponentialLinear(scale, alpha) {
  return (z, values, slopes, count) => {
    for (let k = 0; k < count; k++) {
      const x = z[k];
      if (!(x < 0)) {
        values[k] = scale * x;
        slopes[k] = scale;
      } else if (x > -0.5) {
        const part = Math.expm1(x);
        values[k] = scale * alpha * part;
        slopes[k] = scale * alpha * (1 + part);
      } else {
        const power = Math.exp(x);
        values[k] = scale * alpha * (power - 1);
        slopes[k] = scale * alpha * power;
      }
    }
  };
}

function maxout(z, values, slopes, count, replicas) {
  for (let row = 0; row < count; row += replicas) {
    const first = 2 * row, second = first + replicas;
    for (let r = 0; r < replicas; r++) {
      const a = z[first + r], b = z[second + r];
      if (a > b) {
        values[row + r] = a;
        slopes[first + r] = 1;
        slopes[second + r] = 0;
      } else if (a < b) {
        values[row + r] = b;
        slopes[first + r] = 0;
        slopes[second + r] = 1;
      } else {
        // The largest pieces have equal shares. Where one is NaN, so is everything.
        const share = a === b ? 0.5 : NaN;
        values[row + r] = a === b ? a : NaN;
        slopes[first + r] = slopes[second + r] = share;
      }
    }
  }
}

function gelu(z, values, slopes, count) {
  for (let k = 0; k < count; k++) {
    const x = z[k];
    const place = GELU_STRETCH * x;
    const power = Math.exp(-0.5 * place * place);
    const tail = power * halfErfcx(Math.abs(place));
    const share = x < 0 ? tail : 1 - tail;
    values[k] = x * share;
    slopes[k] = share + place * power / ROOT_2_PI;
  }
}

function silu(z, values, slopes, count) {
  for (let k = 0; k < count; k++) {
    const x = z[k];
    const power = Math.exp(-Math.abs(x));
    const large = 1 / (1 + power);
    const small = power * large;
    const value = x * (x < 0 ? small : large);
    values[k] = value;
    slopes[k] = (x < 0 ? small : large) + value * (x < 0 ? large : small);
  }
}

function softplus(z, values, slopes, count) {
  for (let k = 0; k < count; k++) {
    const x = z[k];
    const small = Math.exp(-Math.abs(x));
    const large = 1 / (1 + small);
    values[k] = x > 0 ? x + Math.log1p(small) : Math.log1p(small);
    slopes[k] = x < 0 ? small * large : large;
  }
}

function linear(z, values, slopes, count) {
  for (let k = 0; k < count; k++) {
    values[k] = z[k];
    slopes[k] = 1;
  }
}

/**
 * By name: `pieces`, the pre-activations of each unit; and
 * `apply(z, values, slopes, count, replicas)`, where `count` is that of the values.
 */
export const ACTIVATIONS = {
  sigmoid: {pieces: 1, apply: sigmoid},
  tanh: {pieces: 1, apply: tanh},
  relu: {pieces: 1, apply: relu},
  leaky_relu: {pieces: 1, apply: leaky(0.1)},
  very_leaky_relu: {pieces: 1, apply: leaky(1 / 3)},
  elu: {pieces: 1, apply: exponentialLinear(1, 1)},
  maxout: {pieces: 2, apply: maxout},
  selu: {pieces: 1, apply: exponentialLinear(SELU_SCALE, SELU_ALPHA)},
  gelu: {pieces: 1, apply: gelu},
  silu: {pieces: 1, apply: silu},
  softplus: {pieces: 1, apply: softplus},
  linear: {pieces: 1, apply: linear},
};
