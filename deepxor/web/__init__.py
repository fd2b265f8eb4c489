"""The playground: a page that trains deep networks on XOR in the browser."""
