"""What models cost: a kept price list, what providers report, and the settings."""
