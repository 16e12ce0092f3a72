"""Settings of idempotency keys, section ``[idempotency]``: calls that come again are not made again."""

import attrs
from attrs.validators import ge, gt


@attrs.frozen(kw_only=True)
class IdempotencySettings:
    """How long keys are known to this server, and how much is kept for them.

    Attributes:
        keep_s: How long an outcome is replayed, in seconds.
        max_keys: Outcomes that are kept at once; the oldest go first.
        max_bytes: Of memory for all of them.
        max_answer_bytes: For each, and for each answer in flight; of longer ones nothing is kept.
        resume_window_s: How long an answer goes on whose caller has lost its connection, in seconds, so that
            it can come back with ``x-resume-from``; 0: it is cancelled.
        max_held: Answers that go on like this at once.
    """

    keep_s: float = attrs.field(default=86_400.0, validator=gt(0))
    max_keys: int = attrs.field(default=10_000, validator=ge(0))
    max_bytes: int = attrs.field(default=67_108_864, validator=ge(0))
    max_answer_bytes: int = attrs.field(default=1_048_576, validator=ge(0))
    resume_window_s: float = attrs.field(default=0.0, validator=ge(0))
    max_held: int = attrs.field(default=100, validator=ge(0))
