"""What is wrong with a request for embeddings, and how it is cut to what a provider takes at once.

Facts are in the model's info; what is right here may still be refused by a provider.
"""

from collections.abc import Iterator, Sequence

import attrs

from domain.model.embedding import EmbeddingModelInfo, EmbeddingRequest, EmbeddingResponse
from domain.model.errors import FieldViolation
from domain.model.usage import Usage
from domain.policy.validation import model_violations

MAX_INPUTS = 2_048
"""Of one call; what one request to a provider takes may be less."""
MAX_BYTES = 4 * 1024 * 1024
"""Of one call's inputs together, in UTF-8."""


def violations(request: EmbeddingRequest) -> list[FieldViolation]:
    """Return all that is wrong with `request`, whatever its model; empty if nothing is."""
    return [*model_violations(request.model), *_inputs(request.inputs), *_dimensions(request)]


def _inputs(inputs: Sequence[str]) -> Iterator[FieldViolation]:
    if not inputs:
        yield FieldViolation("inputs", "is empty: send at least one text")
    if len(inputs) > MAX_INPUTS:
        yield FieldViolation(
            "inputs", f"has {len(inputs)} texts; one call takes at most {MAX_INPUTS}: make several"
        )
    size = sum(map(_size, inputs))
    if size > MAX_BYTES:
        yield FieldViolation(
            "inputs", f"has {size} bytes; one call takes at most {MAX_BYTES}: make several"
        )


def _dimensions(request: EmbeddingRequest) -> Iterator[FieldViolation]:
    if request.dimensions is not None and request.dimensions < 1:
        yield FieldViolation("dimensions", f"must be at least 1, not {request.dimensions}")


def unfit(request: EmbeddingRequest, info: EmbeddingModelInfo) -> list[FieldViolation]:
    """Return what the model of `info` does not take of `request`; empty if it takes it all."""
    found: list[FieldViolation] = []
    if not info.empty_inputs:
        found += (
            FieldViolation(f"inputs[{index}]", f"is empty, which {info.model} does not take")
            for index, text in enumerate(request.inputs)
            if not text
        )
    wanted = request.dimensions
    if wanted is None or wanted == info.dimensions:
        return found
    if info.lengths is None:
        fixed = "" if info.dimensions is None else f", which is {info.dimensions}"
        found.append(
            FieldViolation("dimensions", f"cannot be chosen for {info.model}{fixed}: leave it out")
        )
    elif not info.lengths[0] <= wanted <= info.lengths[1]:
        low, high = info.lengths
        found.append(
            FieldViolation("dimensions", f"of {info.model} must be {low} to {high}, not {wanted}")
        )
    return found


def batches(inputs: Sequence[str], info: EmbeddingModelInfo) -> list[tuple[str, ...]]:
    """Return `inputs` cut, in their order, to what the provider takes in one request."""
    found: list[tuple[str, ...]] = []
    batch: list[str] = []
    batch_bytes = 0
    for text in inputs:
        size = _size(text)
        too_long = info.max_bytes is not None and batch_bytes + size > info.max_bytes
        if batch and (len(batch) == info.max_inputs or too_long):
            found.append(tuple(batch))
            batch, batch_bytes = [], 0
        batch.append(text)
        batch_bytes += size
    return [*found, tuple(batch)]


def joined(parts: Sequence[EmbeddingResponse]) -> EmbeddingResponse:
    """Return the answers to all batches as one; `parts` is not empty, and in order.

    The id, the status and the attempts are the last one's, whose attempts are all of the call's. Tokens and
    costs are added up where every part has them.
    """
    last = parts[-1]
    if len(parts) == 1:
        return last
    usages = [part.usage for part in parts]
    return attrs.evolve(
        last,
        embeddings=tuple(vector for part in parts for vector in part.embeddings),
        usage=Usage(
            input_tokens=_sum([each.input_tokens for each in usages]),
            source=last.usage.source,
            cost_nano_usd=_sum([each.cost_nano_usd for each in usages]),
            price_version=last.usage.price_version,
        ),
    )


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
