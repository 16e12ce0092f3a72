"""Scripts: what a scripted model says, when, and how it fails. Values only.

A script is a list of steps, each a table with one key, as TOML writes it: ``[{say = "Hello"}, {wait_s =
0.1}, {chunks = {count = 50, every_s = 0.01, text = "x "}}, {fail = {reason =
"PROVIDER_OVERLOADED"}}]``.

Laws: a script that runs out has finished its answer; `cut` ends it without `Finished`. No two kinds of
step share a key, so that cattrs can tell them apart with no help.
"""

from typing import TypeAlias

import attrs
from attrs.validators import ge, in_, le, optional

from domain.model.errors import ErrorReason
from domain.model.events import FinishReason

FAILURES = tuple(
    name
    for name in ErrorReason.__members__
    if name.startswith(("PROVIDER_", "SERVICE_")) or name == "CALLER_MODEL_UNKNOWN"
)
"""Names of the reasons for which a provider can fail."""


def _only_true(instance: object, attribute: "attrs.Attribute[bool]", value: bool) -> None:
    if value is not True:
        raise ValueError(f"{attribute.name} can only be true")


@attrs.frozen
class Say:
    """Say some text, in one delta."""

    say: str


@attrs.frozen
class Think:
    """Show a thought, in one delta."""

    think: str


@attrs.frozen
class Echo:
    """Say the text of the last message back, word by word."""

    echo: bool = attrs.field(validator=_only_true)


@attrs.frozen(kw_only=True)
class Paced:
    """Equal pieces of text.

    Attributes:
        count: How many deltas.
        every_s: Pause before each of them, in seconds.
        text: What each of them says.
    """

    count: int = attrs.field(validator=ge(0))
    every_s: float = attrs.field(default=0.0, validator=ge(0))
    text: str = "x "


@attrs.frozen
class Chunks:
    """Say many pieces, at a pace."""

    chunks: Paced


@attrs.frozen(kw_only=True)
class Called:
    """A tool call, given as its opening and its arguments.

    Attributes:
        id: Empty: made from the call's position.
    """

    name: str
    arguments_json: str = "{}"
    id: str = ""


@attrs.frozen
class CallTool:
    """Ask for a tool to be run."""

    call_tool: Called


_COUNT = optional([ge(0), le(10**9)])
"""As of providers: what nobody can have counted is none."""


@attrs.frozen(kw_only=True)
class Counts:
    """Token counts that replace the ones the player makes by counting words."""

    input_tokens: int | None = attrs.field(default=None, validator=_COUNT)
    output_tokens: int | None = attrs.field(default=None, validator=_COUNT)
    cache_read_tokens: int | None = attrs.field(default=None, validator=_COUNT)
    cache_write_tokens: int | None = attrs.field(default=None, validator=_COUNT)
    reasoning_tokens: int | None = attrs.field(default=None, validator=_COUNT)


@attrs.frozen
class Report:
    """Report usage so far, in the middle of the answer."""

    usage: Counts


@attrs.frozen
class Wait:
    """Be silent for a while, in seconds."""

    wait_s: float = attrs.field(validator=ge(0))


@attrs.frozen
class Stall:
    """Be silent for ever."""

    stall: bool = attrs.field(validator=_only_true)


@attrs.frozen(kw_only=True)
class Failure:
    """An error.

    Attributes:
        reason: One of `FAILURES`.
        retry_after_s: When to come back, in seconds.
        status: The HTTP status it pretends to have.
    """

    reason: str = attrs.field(validator=in_(FAILURES))
    message: str = "scripted failure"
    retry_after_s: float | None = attrs.field(default=None, validator=optional(ge(0)))
    status: int | None = None


@attrs.frozen
class Fail:
    """End in an error."""

    fail: Failure


@attrs.frozen
class Cut:
    """End without `Finished`, as a connection that breaks off."""

    cut: bool = attrs.field(validator=_only_true)


@attrs.frozen
class Finish:
    """Finish for this reason; what follows is not played."""

    finish: FinishReason


MOST_DIMENSIONS = 4_096


@attrs.frozen(kw_only=True)
class Vectors:
    """How a model embeds.

    Attributes:
        dimensions: Length of its vectors where none is asked for.
        max_inputs: Most inputs of one attempt.
    """

    dimensions: int = attrs.field(default=8, validator=[ge(1), le(MOST_DIMENSIONS)])
    max_inputs: int = attrs.field(default=2_048, validator=ge(1))


@attrs.frozen
class Embed:
    """Make vectors like this; what else stands in the script happens before they are given."""

    embed: Vectors


EmbeddingStep: TypeAlias = Embed | Wait | Stall | Fail
EmbeddingScript: TypeAlias = tuple[EmbeddingStep, ...]
Step: TypeAlias = (
    Say | Think | Echo | Chunks | CallTool | Report | Wait | Stall | Fail | Cut | Finish
)
Script: TypeAlias = tuple[Step, ...]
