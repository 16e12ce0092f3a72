"""Values: requests, events, responses, usage, errors. Plain data, no I/O, no time."""
