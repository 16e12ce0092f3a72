"""The one HTTP driver: plays any codec over any httpx transport."""
