"""How a request's body is written."""

from typing import Any

import orjson

from domain.model.errors import FieldViolation, InvalidRequest


def json_body(body: dict[str, Any]) -> bytes:
    """Return `body` as JSON: the same bytes for the same values.

    Raises:
        InvalidRequest: It holds what JSON cannot say.
    """
    try:
        # Options come out of a protobuf map, which has no order of its own.
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise InvalidRequest(
            FieldViolation("request", f"cannot be written as JSON: {error}")
        ) from None
