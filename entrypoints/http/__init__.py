"""The HTTP side: metrics, health, and whatever looks on."""
