"""The "Gradient flow" tab of TensorBoard. Neither TensorFlow nor training code here."""
