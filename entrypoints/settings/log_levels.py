"""The levels of the log, from the least to the worst; alone here, for those that start fast."""

LEVELS = ("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL")
