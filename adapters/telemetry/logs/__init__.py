"""The log: how a line looks, what it hides, and how it gets out without anybody waiting for it."""
