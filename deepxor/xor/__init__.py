"""The XOR laboratory: networks on XOR, many replicas side by side."""
