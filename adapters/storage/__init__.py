"""Where what must be kept is kept."""
