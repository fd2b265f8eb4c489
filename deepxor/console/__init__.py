"""What a person at a terminal sees: flags, errors of one line, progress, tables."""
