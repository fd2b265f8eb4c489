"""The gradient monitor for Keras models: measures and records the gradients of fits."""
