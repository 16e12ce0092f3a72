"""How many tokens a request has, as far as one can tell without the model's tokenizer.

The rule: a token for every 4 characters of ASCII, for every 3 bytes of UTF-8 in a text that is not, 4 for
every message and part, and a flat sum for every picture or file. It errs upwards, because limits are kept by
it; what the provider reports takes its place in the end.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain.model.chat import (
    ChatRequest,
    Media,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)

PER_PIECE = 4
PER_MEDIA = 1_024
"""Between a small picture and a large one; providers' own rules differ by more than that."""


def input_tokens(request: ChatRequest) -> int:
    """Return about how many input tokens `request` has, rather more than fewer."""
    total = PER_PIECE
    for message in request.messages:
        total += PER_PIECE
        for part in message.parts:
            # Most are, and each call asks.
            if type(part) is Text:
                text = part.text
                # As `text_tokens`.
                total += PER_PIECE - (-(len(text) if text.isascii() else quarters(text)) // 4)
            else:
                total += PER_PIECE + _RULES[type(part)](part)
    for tool in request.tools:
        total += PER_PIECE + text_tokens(tool.name + tool.description + tool.parameters_json_schema)
    return total


def text_tokens(text: str) -> int:
    """Return about how many tokens `text` has, rounded up."""
    return -(-(len(text) if text.isascii() else quarters(text)) // 4)


def texts_tokens(texts: Sequence[str]) -> int:
    """Return about how many tokens `texts` have, each a piece of its own."""
    return sum(PER_PIECE + text_tokens(text) for text in texts)


def quarters(text: str) -> int:
    """Return about how many tokens a text beyond ASCII has, in quarters, so that pieces can be added up."""
    return -(-len(text.encode(errors="replace")) * 4 // 3)


def _of_result(part: ToolResult) -> int:
    return text_tokens(part.name) + sum(
        PER_PIECE + _RULES[type(inner)](inner) for inner in part.content
    )


# The keys decide the argument's type, which the type system cannot follow.
_RULES: Mapping[type, Callable[[Any], int]] = {
    Text: lambda part: text_tokens(part.text),
    Refusal: lambda part: text_tokens(part.text),
    Reasoning: lambda part: text_tokens(part.text) + len(part.signature) // 4,
    ToolCall: lambda part: text_tokens(part.name + part.arguments_json),
    ToolResult: _of_result,
    Media: lambda part: PER_MEDIA,
}
