"""A request in llama.cpp's words: OpenAI's chat completions, as far as this model follows them.

Law: what the model cannot read is refused by its path; nothing of the conversation is silently lost, but for
another model's thoughts, which are not part of what was said. As the model runs in this process, it is asked
nothing that would be long, large and unstoppable.

Source: llama.cpp, tools/server/README.md, POST /v1/chat/completions
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from adapters.local.config import LocalConfig
from adapters.local.schema import parse_schema
from domain.model.chat import (
    ChatRequest,
    ContentPart,
    JsonObjectFormat,
    JsonSchemaFormat,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
)
from domain.model.errors import FieldViolation, InvalidRequest
from domain.model.json_value import Json, JsonObject

_ROLES: Mapping[Role, str] = {
    Role.SYSTEM: "system",
    # The model's template knows no such role.
    Role.DEVELOPER: "system",
    Role.USER: "user",
    Role.ASSISTANT: "assistant",
}
# 2**32 - 1 means "random" there.
_SEEDS = 2**32 - 1

_PARAMETERS: Sequence[tuple[str, Callable[[ChatRequest], Json]]] = (
    ("temperature", lambda r: r.temperature),
    ("top_p", lambda r: r.top_p),
    ("top_k", lambda r: r.top_k),
    ("seed", lambda r: None if r.seed is None else r.seed % _SEEDS),
    ("stop", lambda r: list(r.stop) or None),
    ("presence_penalty", lambda r: r.presence_penalty),
    ("frequency_penalty", lambda r: r.frequency_penalty),
)

OPTIONS = frozenset({"cache_prompt", "ignore_eos", "min_p", "repeat_penalty", "typical_p"})
"""What `provider_options` may set. Not all that the server knows: some of it would change how the answer is
read, and some would let one caller stop this process (`repeat_last_n` allocates what it is told: 5e8 took
2 GB, for good)."""

# The most that one token was seen to hold is 64 (spaces). A megabyte takes up to 2 s to cut into tokens, and
# nothing stops that, so it is not begun.
_MOST_CHARS_PER_TOKEN = 128


def encode(request: ChatRequest, config: LocalConfig) -> JsonObject:
    """Return the body for `request`.

    Raises:
        InvalidRequest: Names every part that this model does not read.
    """
    wrong: list[FieldViolation] = []
    body: dict[str, Json] = {
        "messages": _messages(request.messages, config, wrong),
        "max_tokens": min(request.max_tokens or config.max_tokens, config.slot_tokens),
        "stream": True,
        "stream_options": {"include_usage": True},
        # Chunks while the prompt is read: its length before the first batch, and a chance to stop.
        "return_progress": True,
    }
    if request.tools:
        wrong.append(FieldViolation("tools", "this model calls no tools"))
    given = ((name, value(request)) for name, value in _PARAMETERS)
    body.update({name: value for name, value in given if value is not None})
    body.update(_format(request, wrong))
    options = request.provider_options.get(config.name, {})
    wrong += (
        FieldViolation(
            f"provider_options.{config.name}.{key}",
            f"is no option of this model; there are: {', '.join(sorted(OPTIONS))}",
        )
        for key in sorted(options.keys() - OPTIONS)
    )
    if wrong:
        raise InvalidRequest(*wrong)
    return body | dict(options)


def _messages(
    messages: Sequence[Message], config: LocalConfig, wrong: list[FieldViolation]
) -> list[JsonObject]:
    said = [_message(message, f"messages[{i}]", wrong) for i, message in enumerate(messages)]
    chars = sum(len(str(each["content"])) for each in said)
    if chars > config.prompt_limit_tokens * _MOST_CHARS_PER_TOKEN:
        limit = f"{config.name}/{config.model} takes at most {config.prompt_limit_tokens} tokens"
        wrong.append(FieldViolation("messages", f"have {chars} characters; {limit}"))
    return said


def _message(message: Message, path: str, wrong: list[FieldViolation]) -> JsonObject:
    role = _ROLES.get(message.role)
    if role is None:
        wrong.append(FieldViolation(f"{path}.role", f"this model reads no {message.role.value!r}"))
    return {"role": role, "content": "".join(_texts(message.parts, path, wrong))}


def _texts(parts: Sequence[ContentPart], path: str, wrong: list[FieldViolation]) -> Iterator[str]:
    for index, part in enumerate(parts):
        if isinstance(part, Text | Refusal):
            yield part.text
        elif not isinstance(part, Reasoning):
            wrong.append(FieldViolation(f"{path}.parts[{index}]", "this model reads text only"))


def _format(request: ChatRequest, wrong: list[FieldViolation]) -> JsonObject:
    chosen = request.response_format
    if isinstance(chosen, JsonObjectFormat):
        return {"response_format": {"type": "json_object"}}
    if not isinstance(chosen, JsonSchemaFormat):
        return {}
    try:
        schema = parse_schema(chosen.schema)
    except ValueError as error:
        wrong.append(FieldViolation("response_format.json_schema.schema", str(error)))
        return {}
    named: JsonObject = {"name": chosen.name, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}
