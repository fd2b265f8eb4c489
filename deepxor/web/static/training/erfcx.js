// The tail of the normal distribution, scaled so that it does not underflow.

// The polynomial in t = (x - 5) / (x + 5) that interpolates (1 + x) times the function
// at Chebyshev's nodes, computed with 60 digits. The form is that of Shepherd and
// Laframboise 1981, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x".
const COEFFICIENTS = Float64Array.of(
  0.46151582985003775,
  -0.09155228183400904,
  0.03103036842596287,
  0.010002352385229773,
  -0.02640104296626822,
  0.024536963243668563,
  -0.01517041540326365,
  0.006522000667904394,
  -0.0016760723373300678,
  7.791596609337356e-06,
  0.00018233410399828392,
  -5.36075778684158e-05,
  -9.89594942418457e-06,
  9.059816217438934e-06,
  -7.069866488800462e-08,
  -1.3074341333225053e-06,
  1.284360766674355e-07,
  1.9626196902558151e-07,
  -2.686974680450927e-08,
  -3.094072368373558e-08,
  4.014450963422496e-09,
  4.396651284991787e-09,
  -4.296994064448403e-10,
  -3.807990191869197e-10,
  2.458700103653154e-11,
);

// Beyond it exp(-x * x / 2) is 0, so that the value no longer matters.
const LARGEST = 50;

/**
 * Returns exp(x * x / 2) times the probability that a standard normal number is above
 * x, for an x that is not negative: half of the scaled complementary error function at
 * x / sqrt(2).
 */
export function halfErfcx(x) {
  const within = Math.min(x, LARGEST);
  const t = (within - 5) / (within + 5);
  let sum = 0;
  for (let i = COEFFICIENTS.length - 1; i >= 0; i--) sum = sum * t + COEFFICIENTS[i];
  return sum / (1 + within);
}
