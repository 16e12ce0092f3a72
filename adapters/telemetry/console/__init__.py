"""What the console shows of calls: those in flight, the last ones, and figures over time."""
