"""The fault kit: the whole service against providers that fail, and what must come of it."""
