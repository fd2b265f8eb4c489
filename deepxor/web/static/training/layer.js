// The loops of a layer over samples, units and replicas.
//
// Arrays have the replicas last: kernels are [inputs, columns, R], biases [columns, R],
// inputs and outputs [samples, units, R]. Four samples are taken at a time, so that
// each weight is read once for the four of them. There is a multiple of four.

/** Writes pre-activations: the inputs times the kernel, plus the bias. */
export function preActivate(inputs, kernel, bias, result, shape) {
  const {samples, fanIn, columns, replicas} = shape;
  const sample = fanIn * replicas, row = columns * replicas;
  for (let s = 0; s < samples; s += 4) {
    for (let c = 0; c < row; c += replicas) {
      const to = s * row + c;
      for (let r = 0; r < replicas; r++) {
        let at = s * sample + r, place = c + r;
        const start = bias[place];
        let z0 = start, z1 = start, z2 = start, z3 = start;
        for (let i = 0; i < fanIn; i++) {
          const weight = kernel[place];
          z0 += inputs[at] * weight;
          z1 += inputs[at + sample] * weight;
          z2 += inputs[at + 2 * sample] * weight;
          z3 += inputs[at + 3 * sample] * weight;
          at += replicas;
          place += row;
        }
        result[to + r] = z0;
        result[to + row + r] = z1;
        result[to + 2 * row + r] = z2;
        result[to + 3 * row + r] = z3;
      }
    }
  }
}

/**
 * Writes the gradient at the inputs of a layer: that at its pre-activations, back
 * through the kernel, plus that on the shortcut of a residual layer (null for none).
 */
export function backpropagate(atPre, kernel, shortcut, result, shape) {
  const {samples, fanIn, columns, replicas} = shape;
  const sample = fanIn * replicas, row = columns * replicas;
  for (let s = 0; s < samples; s += 4) {
    for (let i = 0; i < fanIn; i++) {
      const to = s * sample + i * replicas;
      for (let r = 0; r < replicas; r++) {
        let at = s * row + r, place = i * row + r;
        let p0 = 0, p1 = 0, p2 = 0, p3 = 0;
        for (let c = 0; c < columns; c++) {
          const weight = kernel[place];
          p0 += atPre[at] * weight;
          p1 += atPre[at + row] * weight;
          p2 += atPre[at + 2 * row] * weight;
          p3 += atPre[at + 3 * row] * weight;
          at += replicas;
          place += replicas;
        }
        result[to + r] = p0;
        result[to + sample + r] = p1;
        result[to + 2 * sample + r] = p2;
        result[to + 3 * sample + r] = p3;
      }
    }
  }
  if (shortcut === null) return;
  for (let k = 0; k < samples * sample; k++) result[k] += shortcut[k];
}

/**
 * Takes a step of gradient descent, and adds the squares of the gradient to `squares`
 * [R].
 */
export function descend(inputs, atPre, kernel, bias, squares, rate, shape) {
  const {samples, fanIn, columns, replicas} = shape;
  if (samples === 4) {
    descendFour(inputs, atPre, kernel, squares, rate, shape);
  } else {
    descendMany(inputs, atPre, kernel, squares, rate, shape);
  }
  const row = columns * replicas;
  for (let c = 0; c < row; c += replicas) {
    for (let r = 0; r < replicas; r++) {
      let gradient = 0;
      for (let s = 0; s < samples; s++) gradient += atPre[s * row + c + r];
      bias[c + r] -= rate * gradient;
      squares[r] += gradient * gradient;
    }
  }
}

function descendFour(inputs, atPre, kernel, squares, rate, shape) {
  const {fanIn, columns, replicas} = shape;
  const sample = fanIn * replicas, row = columns * replicas;
  for (let i = 0; i < fanIn; i++) {
    for (let r = 0; r < replicas; r++) {
      const from = i * replicas + r;
      const h0 = inputs[from], h1 = inputs[from + sample];
      const h2 = inputs[from + 2 * sample], h3 = inputs[from + 3 * sample];
      let at = r, place = i * row + r, sum = 0;
      for (let c = 0; c < columns; c++) {
        const gradient = h0 * atPre[at] + h1 * atPre[at + row] +
          h2 * atPre[at + 2 * row] + h3 * atPre[at + 3 * row];
        kernel[place] -= rate * gradient;
        sum += gradient * gradient;
        at += replicas;
        place += replicas;
      }
      squares[r] += sum;
    }
  }
}

function descendMany(inputs, atPre, kernel, squares, rate, shape) {
  const {samples, fanIn, columns, replicas} = shape;
  const sample = fanIn * replicas, row = columns * replicas;
  for (let i = 0; i < fanIn; i++) {
    for (let c = 0; c < columns; c++) {
      for (let r = 0; r < replicas; r++) {
        let from = i * replicas + r, at = c * replicas + r, gradient = 0;
        for (let s = 0; s < samples; s++) {
          gradient += inputs[from] * atPre[at];
          from += sample;
          at += row;
        }
        kernel[i * row + c * replicas + r] -= rate * gradient;
        squares[r] += gradient * gradient;
      }
    }
  }
}

/**
 * Returns the norm of the gradient of one replica's kernel and bias without the squares
 * of its entries, which underflow below 1e-162 and overflow above 1e154.
 */
export function scaledNorm(inputs, atPre, replica, shape) {
  const {samples, columns, replicas} = shape;
  let isZero = true;
  for (let k = replica; k < samples * columns * replicas; k += replicas) {
    if (atPre[k] !== 0) isZero = false;
  }
  if (isZero) return 0;
  const gradients = gradientsOf(inputs, atPre, replica, shape);
  let largest = 0;
  for (const gradient of gradients) largest = Math.max(largest, Math.abs(gradient));
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  let sum = 0;
  for (const gradient of gradients) sum += (gradient / largest) ** 2;
  return largest * Math.sqrt(sum);
}

function gradientsOf(inputs, atPre, replica, shape) {
  const {samples, fanIn, columns, replicas} = shape;
  const result = new Float64Array((fanIn + 1) * columns);
  for (let i = 0; i <= fanIn; i++) {
    for (let c = 0; c < columns; c++) {
      for (let s = 0; s < samples; s++) {
        const input = i < fanIn ? inputs[(s * fanIn + i) * replicas + replica] : 1;
        const gradient = atPre[(s * columns + c) * replicas + replica];
        result[i * columns + c] += input * gradient;
      }
    }
  }
  return result;
}
