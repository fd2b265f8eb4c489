// One network learning XOR in plain C: what a training step costs without a framework.
//
// The lecture's network, 2-5-...-5-1, sigmoid in every layer, trained by gradient
// descent on the mean cross-entropy of the whole truth table, in float32. The gradient
// norm of every layer is recorded at every step.
//
// Usage: xor_loop SEED STEPS. Prints the microseconds a step took, the cost after the
// last step, and the last gradient norms of the first and of the last layer.
//
// Compile with -DHIDDEN=1 for 2-5-1, which, unlike the lecture's, does learn.

#define _POSIX_C_SOURCE 199309L  // for clock_gettime

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef HIDDEN
#define HIDDEN 10
#endif

enum { SAMPLES = 4, WIDTH = 5, LAYERS = HIDDEN + 1, RECORDED = 1000 };

static const float LEARNING_RATE = 0.1f;
static const float X[SAMPLES][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
static const float Y[SAMPLES] = {0, 1, 1, 0};

static int units[LAYERS + 1];                        // from the input to the output
static float kernel[LAYERS][WIDTH * WIDTH];          // [inputs][units], row after row
static float bias[LAYERS][WIDTH];
static float output[LAYERS + 1][SAMPLES][WIDTH];     // output[0] is the input
static float delta[SAMPLES][WIDTH];                  // d cost / d pre-activation
static float norms[RECORDED][LAYERS];                // of the last RECORDED steps

// Draws from U(-1, 1) by a 64-bit linear congruential generator (Knuth's MMIX).
static float draw(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (float)(*state >> 40) / (1 << 23) - 1.0f;
}

// Sets the network to its start: kernels from U(-1, 1), biases 0.
static void start(uint64_t seed) {
  units[0] = 2;
  for (int layer = 0; layer < HIDDEN; layer++) units[layer + 1] = WIDTH;
  units[LAYERS] = 1;
  for (int layer = 0; layer < LAYERS; layer++)
    for (int i = 0; i < units[layer] * units[layer + 1]; i++)
      kernel[layer][i] = draw(&seed);
  for (int s = 0; s < SAMPLES; s++)
    for (int i = 0; i < 2; i++) output[0][s][i] = X[s][i];
}

static void forward(void) {
  for (int layer = 0; layer < LAYERS; layer++) {
    const int inputs = units[layer], outputs = units[layer + 1];
    for (int s = 0; s < SAMPLES; s++)
      for (int o = 0; o < outputs; o++) {
        float z = bias[layer][o];
        for (int i = 0; i < inputs; i++)
          z += output[layer][s][i] * kernel[layer][i * outputs + o];
        output[layer + 1][s][o] = 1.0f / (1.0f + expf(-z));
      }
  }
}

// Goes back through the layers: passes delta on, then takes the layer's step. Stores
// the L2 norm of each layer's gradient, kernel and bias together.
static void backward(float *norm) {
  // A sigmoid output under cross-entropy: the derivatives cancel down to h - y.
  for (int s = 0; s < SAMPLES; s++)
    delta[s][0] = (output[LAYERS][s][0] - Y[s]) / SAMPLES;
  for (int layer = LAYERS - 1; layer >= 0; layer--) {
    const int inputs = units[layer], outputs = units[layer + 1];
    float before[SAMPLES][WIDTH];  // the delta of the layer before
    for (int s = 0; s < SAMPLES; s++)
      for (int i = 0; i < inputs; i++) {
        float sum = 0, h = output[layer][s][i];
        for (int o = 0; o < outputs; o++)
          sum += delta[s][o] * kernel[layer][i * outputs + o];
        before[s][i] = sum * h * (1 - h);
      }
    float squares = 0;
    for (int i = 0; i < inputs; i++)
      for (int o = 0; o < outputs; o++) {
        float gradient = 0;
        for (int s = 0; s < SAMPLES; s++) gradient += output[layer][s][i] * delta[s][o];
        squares += gradient * gradient;
        kernel[layer][i * outputs + o] -= LEARNING_RATE * gradient;
      }
    for (int o = 0; o < outputs; o++) {
      float gradient = 0;
      for (int s = 0; s < SAMPLES; s++) gradient += delta[s][o];
      squares += gradient * gradient;
      bias[layer][o] -= LEARNING_RATE * gradient;
    }
    norm[layer] = sqrtf(squares);
    for (int s = 0; s < SAMPLES; s++)
      for (int i = 0; i < inputs; i++) delta[s][i] = before[s][i];
  }
}

// Returns the mean cross-entropy of the last forward pass.
static float cost(void) {
  float sum = 0;
  for (int s = 0; s < SAMPLES; s++) {
    const float h = output[LAYERS][s][0];
    sum -= logf(Y[s] > 0.5f ? h : 1 - h);
  }
  return sum / SAMPLES;
}

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

int main(int argc, char **argv) {
  const long steps = argc == 3 ? atol(argv[2]) : 0;
  if (steps < 1) {
    fprintf(stderr, "usage: xor_loop SEED STEPS\n");
    return 2;
  }
  start(strtoull(argv[1], NULL, 10));
  const double begin = microseconds();
  for (long step = 0; step < steps; step++) {
    forward();
    backward(norms[step % RECORDED]);
  }
  const double end = microseconds();
  forward();
  const float *last = norms[(steps - 1) % RECORDED];
  printf("%.6f %.9g %.9g %.9g\n", (end - begin) / steps, cost(), last[0],
         last[LAYERS - 1]);
  return 0;
}
