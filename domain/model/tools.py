"""Tools a model may call, and how freely it may choose among them."""

from enum import StrEnum

import attrs

from domain.model.caching import CacheControl


class ToolMode(StrEnum):
    """Whether the model calls tools."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


@attrs.frozen(kw_only=True)
class Tool:
    """A function the model may ask the caller to run.

    Attributes:
        name: What the model calls it by; unique in a request.
        description: What it does, for the model.
        parameters_json_schema: JSON Schema of the arguments, as JSON text; goes
            to the provider byte for byte. Empty: the function takes nothing.
        strict: Ask the provider to enforce the schema; ``None`` leaves it to
            the provider.
        cache_control: Breakpoint after this tool.
    """

    name: str
    description: str = ""
    parameters_json_schema: str = ""
    strict: bool | None = None
    cache_control: CacheControl | None = None


@attrs.frozen(kw_only=True)
class ToolChoice:
    """How the model chooses.

    Attributes:
        mode: Free, forbidden or forced.
        allowed_names: If not empty, only these tools may be called.
    """

    mode: ToolMode = ToolMode.AUTO
    allowed_names: tuple[str, ...] = ()
