"""The picture laboratory: convolutional networks by activation and initializer."""
