"""A provider that plays a script, with delays and faults: for tests, demos and load."""
