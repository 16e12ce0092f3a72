"""The formats that there are."""

from collections.abc import Mapping

from adapters.faults.anthropic import ANTHROPIC_FORMAT
from adapters.faults.chat import COMPATIBLE_FORMAT, OPENAI_FORMAT, OPENROUTER_FORMAT
from adapters.faults.format import Format
from adapters.faults.gemini import GEMINI_FORMAT

FORMATS: Mapping[str, Format] = {
    each.kind: each
    for each in (
        OPENAI_FORMAT,
        ANTHROPIC_FORMAT,
        GEMINI_FORMAT,
        OPENROUTER_FORMAT,
        COMPATIBLE_FORMAT,
    )
}
