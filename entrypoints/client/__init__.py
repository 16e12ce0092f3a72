"""The service as a Python program calls it: `entrypoints.client.client.connect` is the way in.

anyio throughout, so it runs on trio and on asyncio; HTTP/2 is the transport's engine in the client's role.
"""

from entrypoints.grpc.transport.shim import make_purerpc_importable

# Whoever imports anything of the client gets purerpc with it, which needs this first.
make_purerpc_importable()
