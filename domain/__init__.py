"""The core: what a chat call is, what is decided about it, and the onion of services around a model."""
