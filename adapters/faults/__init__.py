"""Scripted providers that fail: what each fault looks like on the wire, in each provider's format."""
