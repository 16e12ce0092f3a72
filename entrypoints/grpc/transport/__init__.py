"""HTTP/2 and gRPC under purerpc's services: strict cancellation, one exit per call.

The only folder that touches the internals of purerpc or of an HTTP/2 engine.
"""
