"""The Gradient flow tab of TensorBoard, without TensorFlow or training code."""
