"""purerpc cannot be imported beside h2 4 before our package has made it so."""

from entrypoints.grpc.transport.shim import make_purerpc_importable

make_purerpc_importable()
