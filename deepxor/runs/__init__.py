"""A folder a run: its name, its lock and its JSON file; knows no laboratory."""
