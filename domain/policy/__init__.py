"""Pure decisions. Time, where it matters, is an argument."""
