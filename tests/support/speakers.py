"""The providers of the scenarios."""

from collections.abc import Mapping

from tests.support.speaker import SIGNATURE, THOUGHT, Speaker
from tests.support.speaking_anthropic import ANTHROPIC
from tests.support.speaking_chat import chat_speaker
from tests.support.speaking_gemini import GEMINI

_DETAILS = [
    {
        "type": "reasoning.text",
        "text": THOUGHT,
        "signature": SIGNATURE,
        "format": "anthropic-claude-v1",
        "index": 0,
    }
]

SPEAKERS: Mapping[str, Speaker] = {
    "openai": chat_speaker(
        "openai", "gpt-4o", "/v1", names={"max_tokens": "max_completion_tokens"}
    ),
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "openrouter": chat_speaker(
        "openrouter",
        "anthropic/claude-x",
        "/api/v1",
        names={"max_tokens": "max_completion_tokens"},
        thought={"reasoning": THOUGHT, "reasoning_details": _DETAILS},
        kept={"reasoning_details": _DETAILS},
    ),
    "compatible": chat_speaker("compatible", "m", "/v1", thought={"reasoning_content": THOUGHT}),
    "mistral": chat_speaker(
        "mistral", "mistral-small-latest", "/v1", names={"seed": "random_seed"}
    ),
    "deepseek": chat_speaker(
        "deepseek",
        "deepseek-v4-flash",
        "",
        thought={"reasoning_content": THOUGHT},
        kept={"reasoning_content": THOUGHT},
        lacks=frozenset({"seed", "json_schema"}),
    ),
    "groq": chat_speaker(
        "groq",
        "openai/gpt-oss-20b",
        "/openai/v1",
        names={"max_tokens": "max_completion_tokens"},
        thought={"reasoning": THOUGHT},
    ),
}
