"""The folder of a run: its name, its lock and its JSON file, for any laboratory."""
