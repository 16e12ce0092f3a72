"""The onion: thin async shells over ports, each with the one shape."""
