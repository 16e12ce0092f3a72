"""purerpc cannot be imported beside h2 4 before our package has made it so."""

import entrypoints.grpc  # noqa: F401
