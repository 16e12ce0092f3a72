"""OpenRouter's list of models, which anyone may read, and the address that only a good key is answered at.

Source: https://openrouter.ai/docs/api-reference/list-available-models,
.../api-reference/api-keys/get-current-key, .../guides/routing/model-variants
"""

import attrs

from adapters.providers.chat_completions.listing import LISTING as PLAIN

LISTING = attrs.evolve(
    PLAIN,
    key_path="/key",
    variants=frozenset({"exacto", "extended", "floor", "nitro", "online", "thinking"}),
)
