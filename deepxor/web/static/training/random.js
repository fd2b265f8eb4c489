// NumPy's `default_rng((seed, replica))`: its seeds, its PCG64 and its distributions.
//
// A replica starts from the same weights here and in Python. The generator's 128 bits
// are four limbs of 32 bits, and products are exact in floating point: 48 bits each.

const WORD = 2 ** 32;
const HALF = 2 ** 16;

// SeedSequence: M. E. O'Neill, "Developing a seed_seq alternative", as NumPy has it.
const POOL = 4;
const INIT_A = 0x43b0d7e5, MULT_A = 0x931e8875;
const INIT_B = 0x8b51f9dd, MULT_B = 0x58f38ded;
const MIX_LEFT = 0xca01f9dd, MIX_RIGHT = 0x4973f715;

// PCG64's multiplier 0x2360ed051fc65da44385df649fccf645 in 16 bits each, lowest first.
const M0 = 0xf645, M1 = 0x9fcc, M2 = 0xdf64, M3 = 0x4385;
const M4 = 0x5da4, M5 = 0x1fc6, M6 = 0xed05, M7 = 0x2360;

/** Returns the words of the state that NumPy's SeedSequence generates, uint32. */
export function seedWords(entropy, count) {
  const words = entropy.flatMap(wordsOf);
  let constant = INIT_A;
  const hash = (value) => {
    let mixed = value ^ constant;
    constant = Math.imul(constant, MULT_A);
    mixed = Math.imul(mixed, constant);
    return mixed ^ mixed >>> 16;
  };
  const mix = (x, y) => {
    const mixed = Math.imul(MIX_LEFT, x) - Math.imul(MIX_RIGHT, y) | 0;
    return mixed ^ mixed >>> 16;
  };
  const pool = Array.from({length: POOL}, (_, i) => hash(words[i] ?? 0));
  for (let from = 0; from < POOL; from++) {
    for (let to = 0; to < POOL; to++) {
      if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
    }
  }
  for (const word of words.slice(POOL)) {
    for (let to = 0; to < POOL; to++) pool[to] = mix(pool[to], hash(word));
  }
  let state = INIT_B;
  return Uint32Array.from({length: count}, (_, i) => {
    let value = pool[i % POOL] ^ state;
    state = Math.imul(state, MULT_B);
    value = Math.imul(value, state);
    return value ^ value >>> 16;
  });
}

/** Returns a whole number below 2 ** 53 as words of 32 bits, the lowest first. */
function wordsOf(number) {
  const high = Math.floor(number / WORD);
  return high > 0 ? [number % WORD, high] : [number];
}

// The ziggurat of 256 layers (Marsaglia & Tsang 2000) with NumPy's 52 bits.
const LAYERS = 256;
const BITS = 2 ** 52;
const NOR_R = 3.6541528853610088;
const INV_R = 0.27366123732975828;
// The area of a layer: NOR_R * f(NOR_R) + the integral of f from NOR_R on.
const AREA = 0.00492867323397465552;

/** Returns the ziggurat's widths, the bounds of sure acceptance, and the density. */
function zigguratTables() {
  const width = new Float64Array(LAYERS);
  const bound = new Float64Array(LAYERS);
  const density = new Float64Array(LAYERS);
  const f = (x) => Math.exp(-0.5 * x * x);
  const last = LAYERS - 1;
  const base = AREA / f(NOR_R);
  bound[0] = Math.floor(NOR_R / base * BITS);
  width[0] = base / BITS;
  width[last] = NOR_R / BITS;
  density[0] = 1;
  density[last] = f(NOR_R);
  let x = NOR_R;
  for (let i = last - 1; i >= 1; i--) {
    const next = Math.sqrt(-2 * Math.log(AREA / x + f(x)));
    bound[i + 1] = Math.floor(next / x * BITS);
    width[i] = next / BITS;
    density[i] = f(next);
    x = next;
  }
  return {width, bound, density};
}

const {width: WIDTH, bound: BOUND, density: DENSITY} = zigguratTables();

/** A generator of random numbers, equal to `numpy.random.default_rng(entropy)`. */
export class Random {
  /** Takes the entropy, a list of whole numbers below 2 ** 53. */
  constructor(entropy) {
    const words = seedWords(entropy, 8);
    // 64 bits each, the lower word first: the state's upper and lower half, and those
    // of the sequence.
    const [s2, s3, s0, s1, i2, i3, i0, i1] = words;
    this.increment = [
      (i0 << 1 | 1) >>> 0, (i1 << 1 | i0 >>> 31) >>> 0,
      (i2 << 1 | i1 >>> 31) >>> 0, (i3 << 1 | i2 >>> 31) >>> 0,
    ];
    [this.a0, this.a1, this.a2, this.a3] = [0, 0, 0, 0];
    this.step();
    this.add(s0, s1, s2, s3);
    this.step();
    // The 64 bits of the latest output.
    this.high = 0;
    this.low = 0;
  }

  add(b0, b1, b2, b3) {
    let sum = this.a0 + b0;
    this.a0 = sum >>> 0;
    sum = this.a1 + b1 + (sum >= WORD ? 1 : 0);
    this.a1 = sum >>> 0;
    sum = this.a2 + b2 + (sum >= WORD ? 1 : 0);
    this.a2 = sum >>> 0;
    this.a3 = this.a3 + b3 + (sum >= WORD ? 1 : 0) >>> 0;
  }

  step() {
    const {a0, a1, a2, a3} = this;
    const [c0, c1, c2, c3] = this.increment;
    // The digits of the product in base 2 ** 16, each a sum of exact products.
    let sum = a0 * M0 + c0;
    let carry = Math.floor(sum / HALF);
    const d0 = sum - carry * HALF;
    sum = a0 * M1 + carry;
    carry = Math.floor(sum / HALF);
    this.a0 = d0 + (sum - carry * HALF) * HALF;
    sum = a0 * M2 + a1 * M0 + c1 + carry;
    carry = Math.floor(sum / HALF);
    const d2 = sum - carry * HALF;
    sum = a0 * M3 + a1 * M1 + carry;
    carry = Math.floor(sum / HALF);
    this.a1 = d2 + (sum - carry * HALF) * HALF;
    sum = a0 * M4 + a1 * M2 + a2 * M0 + c2 + carry;
    carry = Math.floor(sum / HALF);
    const d4 = sum - carry * HALF;
    sum = a0 * M5 + a1 * M3 + a2 * M1 + carry;
    carry = Math.floor(sum / HALF);
    this.a2 = d4 + (sum - carry * HALF) * HALF;
    sum = a0 * M6 + a1 * M4 + a2 * M2 + a3 * M0 + c3 + carry;
    carry = Math.floor(sum / HALF);
    const d6 = sum - carry * HALF;
    sum = a0 * M7 + a1 * M5 + a2 * M3 + a3 * M1 + carry;
    carry = Math.floor(sum / HALF);
    this.a3 = d6 + (sum - carry * HALF) * HALF;
  }

  /** Draws 64 bits into `high` and `low`: both halves of the state, xored, rotated. */
  next() {
    this.step();
    const high = this.a3 ^ this.a1, low = this.a2 ^ this.a0;
    const turn = this.a3 >>> 26;
    const [x, y] = turn & 32 ? [low, high] : [high, low];
    const right = turn & 31;
    if (right === 0) {
      this.high = x >>> 0;
      this.low = y >>> 0;
    } else {
      this.high = (x >>> right | y << 32 - right) >>> 0;
      this.low = (y >>> right | x << 32 - right) >>> 0;
    }
  }

  /** Returns a number from [0, 1). */
  random() {
    this.next();
    return (this.high * 2097152 + (this.low >>> 11)) / 9007199254740992;
  }

  /** Returns a number from [low, high). */
  uniform(low, high) {
    return low + (high - low) * this.random();
  }

  /** Returns a standard normal number. */
  normal() {
    for (;;) {
      this.next();
      const layer = this.low & 0xff;
      const isNegative = this.low >>> 8 & 1;
      const bits = this.high << 23 | this.low >>> 9;
      // Bits 9 to 60 of the 64.
      const size = (this.high >>> 9 & 0xfffff) * WORD + (bits >>> 0);
      const x = isNegative ? -size * WIDTH[layer] : size * WIDTH[layer];
      if (size < BOUND[layer]) return x;
      if (layer === 0) return this.tail(size);
      const height = DENSITY[layer - 1] - DENSITY[layer];
      if (height * this.random() + DENSITY[layer] < Math.exp(-0.5 * x * x)) return x;
    }
  }

  tail(size) {
    for (;;) {
      const x = -INV_R * Math.log1p(-this.random());
      const y = -Math.log1p(-this.random());
      if (y + y > x * x) {
        return Math.floor(size / 256) % 2 ? -(NOR_R + x) : NOR_R + x;
      }
    }
  }
}
