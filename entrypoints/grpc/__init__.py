"""The gRPC front door."""

from entrypoints.grpc.transport.shim import make_purerpc_importable

# Whatever is imported from here imports purerpc sooner or later.
make_purerpc_importable()
