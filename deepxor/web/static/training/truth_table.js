// The truth table of XOR over a number of bits (parity), in counting order.

/** Returns the inputs [samples, bits], the first bit the highest, and the targets. */
export function truthTable(bits) {
  const samples = 2 ** bits;
  const x = new Float64Array(samples * bits);
  const y = new Float64Array(samples);
  for (let s = 0; s < samples; s++) {
    for (let i = 0; i < bits; i++) {
      x[s * bits + i] = s >> bits - 1 - i & 1;
      y[s] ^= x[s * bits + i];
    }
  }
  return {x, y, samples};
}
