"""The causes of a fault: what it is that keeps a model from learning."""
