"""The rules that turn recorded numbers into a verdict; NumPy only."""
