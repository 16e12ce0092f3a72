"""HTTP/1.1 to providers, behind httpx's transport interface: few layers, and no connection ever leaks."""
