"""Settings of the embedded model, section ``[local]``."""

import attrs
from attrs.validators import ge, in_, le, min_len


@attrs.frozen(kw_only=True)
class LocalSettings:
    """The embedded model, provider ``local``.

    Attributes:
        enabled: Whether it is offered.
        model: Its public name.
        model_path: A GGUF file; empty: the small model that comes with the extra ``local``.
        context_tokens: Prompt and answer together, shared by the slots.
        load: ``lazy``: at the first call, which everything else then waits for, for half a second;
            ``eager``: before the server is ready.
        slots: Answers at once.
        max_prompt_tokens: Longest prompt taken; reading it cannot be interrupted quickly.
        max_tokens: Bound on an answer that asks for none.
    """

    enabled: bool = True
    model: str = attrs.field(default="smollm2-135m-instruct", validator=min_len(1))
    model_path: str = ""
    context_tokens: int = attrs.field(default=4096, validator=ge(256))
    load: str = attrs.field(default="lazy", validator=in_(("lazy", "eager")))
    slots: int = attrs.field(default=2, validator=[ge(1), le(64)])
    max_prompt_tokens: int = attrs.field(default=1536, validator=ge(1))
    max_tokens: int = attrs.field(default=512, validator=ge(1))
