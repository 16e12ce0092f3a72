"""The embedded model, in process: real tokens with no key and no network.

Its answers are toy quality: 135 million parameters hold grammar, not knowledge. It is here so that the first
command works, and so that tests meet an upstream that nobody here wrote. Any other GGUF file can be named.
"""
