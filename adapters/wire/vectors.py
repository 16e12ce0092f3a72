"""Vectors as providers send them: numbers in JSON, or 32-bit floats in base64, in a quarter of the bytes.

Law: what is given is whole: finite numbers, as many in each vector as in the others, and as many as were
asked for. A vector of another length than its caller keeps would spoil what they search in.
"""

import math
import sys
from array import array
from binascii import a2b_base64
from collections.abc import Sequence

import attrs
import orjson

from adapters.wire.codec import WireRequest
from adapters.wire.failures import protocol_error
from domain.model.embedding import EmbeddingRequest, FailedAtCost
from domain.model.errors import ChatError, FieldViolation, InvalidRequest
from domain.model.json_value import JsonObject
from domain.model.usage import NO_USAGE, Usage, UsageSource


def vector_of(value: object) -> "array[float]":
    """Return the vector that `value`, a list of numbers or base64 of little-endian floats, holds.

    Raises:
        ValueError: It holds none.
    """
    vector = array("f")
    try:
        if isinstance(value, str):
            vector.frombytes(a2b_base64(value, strict_mode=True))
            if sys.byteorder == "big":  # pragma: no cover
                vector.byteswap()
        elif isinstance(value, list):
            vector.extend(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError("it is neither numbers nor base64 of floats") from None
    # One pass in C: what is not finite stays so in a sum, and finite 32-bit floats cannot overflow it.
    if not vector or not math.isfinite(sum(vector)):
        raise ValueError("it is empty, or holds what is no number")
    return vector


def vectors_of(
    request: EmbeddingRequest, values: Sequence[object], status: int
) -> tuple["array[float]", ...]:
    """Return the vectors that `values`, one for each input of `request` and in that order, hold.

    Raises:
        ProviderFailure: They are too few or too many, or one of them is not right.
    """
    if len(values) != len(request.inputs):
        raise protocol_error(
            f"it holds {len(values)} vectors for {len(request.inputs)} inputs",
            upstream_status=status,
        )
    found: list[array[float]] = []
    for index, value in enumerate(values):
        try:
            found.append(vector_of(value))
        except ValueError as error:
            raise protocol_error(f"vector {index}: {error}", upstream_status=status) from None
    wanted = request.dimensions or len(found[0])
    for index, vector in enumerate(found):
        if len(vector) != wanted:
            raise protocol_error(
                f"vector {index} has {len(vector)} dimensions, not {wanted}", upstream_status=status
            )
    return tuple(found)


def failed_at(usage: Usage, failure: ChatError) -> ChatError:
    """Return `failure`, of an answer that says that it cost `usage`."""
    if usage is NO_USAGE:
        return failure
    return FailedAtCost(failure, attrs.evolve(usage, source=UsageSource.PROVIDER_PARTIAL))


def wire_request(path: str, body: JsonObject) -> WireRequest:
    """Return `body`, which holds texts of the caller's, as a request.

    Raises:
        InvalidRequest: A text is no Unicode.
    """
    try:
        return WireRequest(path=path, body=orjson.dumps(body))
    except TypeError as error:
        raise InvalidRequest(
            FieldViolation("inputs", f"cannot be written as JSON: {error}")
        ) from None
