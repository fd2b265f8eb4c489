"""What is trained: networks on XOR, many replicas side by side."""
