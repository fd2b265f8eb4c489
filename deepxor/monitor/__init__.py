"""What is measured: the gradients that train a Keras model."""
