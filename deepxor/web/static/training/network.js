// Many independent networks side by side, which learn XOR by gradient descent.
//
// The axis of the replicas is the last one, as in deepxor.xor.network. All arrays of a
// step are made before the first one.

import {ACTIVATIONS} from './activations.js';
import {drawKernels} from './initializers.js';
import {backpropagate, descend, preActivate, scaledNorm} from './layer.js';
import {median, percentile, ratio, sortedFinite} from './statistics.js';
import {truthTable} from './truth_table.js';

// A network that has learned nothing ends within a few roundings of 0.5.
const ABOVE_A_HALF = 0.5 + 1e-6;

// Between these, a sum of squares has lost nothing to underflow or overflow.
const SMALLEST_SUM = 1e-280;
const LARGEST_SUM = 1e300;

/** Returns the names of the layers of a network with so many hidden ones. */
export function layerNames(hidden) {
  return [...Array.from({length: hidden}, (_, i) => `layer${i + 1}`), 'hypothesis'];
}

export class Network {
  /**
   * Draws the networks' weights. The settings: `units` of each hidden layer; `bits`;
   * `activation` and `initializer`, keys of the tables; `residual`, whether a hidden
   * layer with as many units as the one before adds its input to its output;
   * `learningRate`, which may change at any time; `replicas`; and `seed`.
   */
  constructor({
    units, bits = 2, activation, initializer, residual = false, learningRate, replicas,
    seed,
  }) {
    const table = truthTable(bits);
    Object.assign(this, {bits, replicas, learningRate, samples: table.samples});
    this.layerNames = layerNames(units.length);
    this.activation = ACTIVATIONS[activation];
    this.targets = table.y;
    this.x = new Float64Array(table.x.length * replicas);
    table.x.forEach((value, k) => this.x.fill(value, k * replicas, (k + 1) * replicas));
    this.layers = this.makeLayers(units, residual);
    drawKernels(this.layers, initializer, seed, replicas);
    // The number of steps taken.
    this.steps = 0;
    // Before the latest step; the norms are [layers, R].
    this.costs = new Float64Array(replicas);
    this.accuracies = new Float64Array(replicas);
    this.norms = new Float64Array(this.layers.length * replicas);
    this.squares = new Float64Array(replicas);
  }

  makeLayers(hidden, residual) {
    const {samples, replicas} = this;
    let fanIn = this.bits;
    return [...hidden, 1].map((units, number) => {
      const isHidden = number < hidden.length;
      const pieces = isHidden ? this.activation.pieces : 1;
      const columns = units * pieces;
      const floats = (count) => new Float64Array(count * replicas);
      const layer = {
        units, pieces, columns, fanIn, samples, replicas,
        isResidual: residual && isHidden && number > 0 && units === fanIn,
        kernel: floats(fanIn * columns),
        bias: floats(columns),
        pre: floats(samples * columns),
        slopes: floats(samples * columns),
        outputs: floats(samples * units),
        atPre: floats(samples * columns),
        atOutputs: floats(samples * units),
      };
      fanIn = units;
      return layer;
    });
  }

  /** Replaces the weights: for each layer its kernel [inputs, columns, R] and bias. */
  load(weights) {
    weights.forEach(({kernel, bias}, number) => {
      this.layers[number].kernel.set(kernel);
      this.layers[number].bias.set(bias);
    });
  }

  /**
   * Takes a step of gradient descent on the whole truth table. Afterwards `costs`,
   * `accuracies` and `norms`, those of the gradients, are those before the step.
   */
  step() {
    this.forward();
    this.measureLoss();
    this.backward();
    this.steps++;
  }

  forward() {
    const {layers, replicas, activation} = this;
    let inputs = this.x;
    for (let number = 0; number < layers.length; number++) {
      const layer = layers[number];
      preActivate(inputs, layer.kernel, layer.bias, layer.pre, layer);
      if (number === layers.length - 1) return;
      const {pre, outputs, slopes} = layer;
      activation.apply(pre, outputs, slopes, outputs.length, replicas);
      if (layer.isResidual) {
        for (let k = 0; k < outputs.length; k++) outputs[k] += inputs[k];
      }
      inputs = outputs;
    }
  }

  /** Computes costs, accuracies and the gradient at the logits. */
  measureLoss() {
    const {costs, accuracies, targets, samples, replicas} = this;
    const {pre, outputs, atPre} = this.layers.at(-1);
    costs.fill(0);
    accuracies.fill(0);
    for (let s = 0; s < samples; s++) {
      const y = targets[s];
      for (let r = 0; r < replicas; r++) {
        const k = s * replicas + r;
        const z = pre[k];
        const power = Math.exp(-Math.abs(z));
        const large = 1 / (1 + power), small = power * large;
        const probability = z < 0 ? small : large;
        outputs[k] = probability;
        costs[r] += (z > 0 ? z : 0) - z * y + Math.log1p(power);
        // p - y, without a difference of nearly equal numbers.
        atPre[k] = (y === 0 ? probability : z < 0 ? -large : -small) / samples;
        // NaN is never right.
        if (y === 1 ? probability > ABOVE_A_HALF : probability <= ABOVE_A_HALF) {
          accuracies[r] += 1;
        }
      }
    }
    for (let r = 0; r < replicas; r++) {
      costs[r] /= samples;
      accuracies[r] /= samples;
    }
    this.layers.at(-1).atOutputs.set(atPre);
  }

  backward() {
    const {layers, learningRate} = this;
    for (let number = layers.length - 1; number >= 0; number--) {
      const layer = layers[number];
      const {atPre, atOutputs, kernel, bias, isResidual} = layer;
      const inputs = number > 0 ? layers[number - 1].outputs : this.x;
      if (number > 0) {
        const before = layers[number - 1];
        const shortcut = isResidual ? atOutputs : null;
        backpropagate(atPre, kernel, shortcut, before.atOutputs, layer);
        throughActivation(before);
      }
      this.squares.fill(0);
      descend(inputs, atPre, kernel, bias, this.squares, learningRate, layer);
      this.keepNorms(number, inputs);
    }
  }

  keepNorms(number, inputs) {
    const {norms, squares, replicas} = this;
    const layer = this.layers[number];
    for (let r = 0; r < replicas; r++) {
      const sum = squares[r];
      const isExact = sum > SMALLEST_SUM && sum < LARGEST_SUM || Number.isNaN(sum);
      norms[number * replicas + r] =
        isExact ? Math.sqrt(sum) : scaledNorm(inputs, layer.atPre, r, layer);
    }
  }

  /** Returns one replica's weights, for each layer {kernel [inputs, columns], bias}. */
  weights(replica) {
    const {replicas} = this;
    const part = (values) => {
      const found = new Float64Array(values.length / replicas);
      for (let k = 0; k < found.length; k++) found[k] = values[k * replicas + replica];
      return found;
    };
    return this.layers.map(({kernel, bias}) =>
      ({kernel: part(kernel), bias: part(bias)}));
  }

  /**
   * Returns the outputs [points, units] of every layer of one replica at points
   * [points, bits]; those of the last layer are probabilities.
   */
  evaluate(replica, points) {
    const count = points.length / this.bits;
    // The loops take four samples at a time.
    const samples = 4 * Math.ceil(count / 4);
    let inputs = new Float64Array(samples * this.bits);
    inputs.set(points);
    const weights = this.weights(replica);
    return this.layers.map((layer, number) => {
      const {kernel, bias} = weights[number];
      const {units, columns, fanIn, isResidual} = layer;
      const pre = new Float64Array(samples * columns);
      preActivate(inputs, kernel, bias, pre, {samples, fanIn, columns, replicas: 1});
      const outputs = new Float64Array(samples * units);
      const isLast = number === this.layers.length - 1;
      const {apply} = isLast ? ACTIVATIONS.sigmoid : this.activation;
      apply(pre, outputs, new Float64Array(pre.length), outputs.length, 1);
      if (isResidual) inputs.forEach((value, k) => { outputs[k] += value; });
      inputs = outputs;
      return outputs.slice(0, count * units);
    });
  }

  /**
   * Returns by how much the medians of the gradients' norms change in the latest step,
   * for each layer: `slope` from its outputs to its pre-activations, and `weight` from
   * there to the outputs of the layer before. They are those of
   * deepxor.xor.monitor.measure.
   */
  factors() {
    const atOutputs = this.layers.map((layer) => this.medianNorm(layer.atOutputs));
    const atPre = this.layers.map((layer) => this.medianNorm(layer.atPre));
    return {
      slope: Float64Array.from(atPre, (norm, l) => ratio(norm, atOutputs[l])),
      weight: Float64Array.from(atPre, (norm, l) =>
        l > 0 ? ratio(atOutputs[l - 1], norm) : NaN),
    };
  }

  medianNorm(values) {
    const {replicas} = this;
    const sums = new Float64Array(replicas);
    for (let k = 0; k < values.length; k += replicas) {
      for (let r = 0; r < replicas; r++) sums[r] += values[k + r] * values[k + r];
    }
    return median(sums.map(Math.sqrt), 0, replicas);
  }

  /**
   * Returns what the latest step has shown: its number `step`, from 0; percentiles over
   * the replicas with finite values, of the `norm` of each layer and of the `cost`; the
   * shares of replicas whose norm is exactly `zero` or is `nonFinite`.
   */
  summary() {
    const {norms, costs, replicas, layers} = this;
    const share = (number, isCounted) =>
      count(norms.subarray(number * replicas, (number + 1) * replicas), isCounted) /
      replicas;
    const shares = (isCounted) =>
      Float64Array.from(layers, (_, number) => share(number, isCounted));
    const rows = layers.map((_, l) => sortedFinite(norms, l * replicas, replicas));
    const percentiles = (percent) =>
      Float64Array.from(rows, (row) => percentile(row, percent));
    const cost = sortedFinite(costs, 0, replicas);
    const isZero = (norm) => norm === 0;
    const isNonFinite = (value) => !Number.isFinite(value);
    return {
      step: this.steps - 1,
      norm: {median: percentiles(50), p10: percentiles(10), p90: percentiles(90)},
      zero: shares(isZero),
      nonFinite: shares(isNonFinite),
      cost: {
        median: percentile(cost, 50),
        p10: percentile(cost, 10),
        p90: percentile(cost, 90),
      },
    };
  }
}

function count(values, isCounted) {
  let found = 0;
  for (const value of values) if (isCounted(value)) found++;
  return found;
}

/** Writes the gradient at a layer's pre-activations from that at its outputs. */
function throughActivation({atOutputs, slopes, atPre, pieces, replicas}) {
  if (pieces === 1) {
    for (let k = 0; k < atPre.length; k++) atPre[k] = atOutputs[k] * slopes[k];
    return;
  }
  for (let row = 0; row < atOutputs.length; row += replicas) {
    for (let piece = 0; piece < pieces; piece++) {
      const at = row * pieces + piece * replicas;
      for (let r = 0; r < replicas; r++) {
        atPre[at + r] = atOutputs[row + r] * slopes[at + r];
      }
    }
  }
}
