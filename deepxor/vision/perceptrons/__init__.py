"""Fully connected networks that learn digits, many of them side by side."""
