"""What a run goes on from: a file, what is checked of it, and who writes it."""
