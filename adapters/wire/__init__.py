"""Sans-I/O pieces of provider protocols: bytes in, values out."""
