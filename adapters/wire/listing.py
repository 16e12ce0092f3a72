"""Which models a provider has, as it says itself: the request and its answer, sans I/O."""

from collections.abc import Callable, Mapping, Sequence

import attrs

from domain.model.json_value import Json


@attrs.frozen(kw_only=True)
class LiveModel:
    """A model that a provider lists.

    Attributes:
        name: As calls name it.
        context_tokens: Prompt and answer together; ``None`` if it does not say.
        max_output_tokens: Longest answer; ``None`` if it does not say.
    """

    name: str
    context_tokens: int | None = None
    max_output_tokens: int | None = None


@attrs.frozen
class Page:
    """Part of a list.

    Attributes:
        next_path: Where the next part is; empty: this is the last.
    """

    models: Sequence[LiveModel]
    next_path: str = ""


@attrs.frozen(kw_only=True)
class Listing:
    """How a provider is asked for its models.

    Attributes:
        path: Of the first page, below the base address.
        read: Makes a page of the answer's JSON; None: it is no list.
        headers: Beyond those of every request; names in lower case.
        key_path: Asked first, where the list is given to anyone: only a good key is answered there. Empty:
            the list itself tells.
        variants: What calls may put behind a listed name, after a colon.
    """

    path: str
    read: Callable[[Json], Page | None]
    headers: Mapping[str, str] = attrs.field(factory=dict)
    key_path: str = ""
    variants: frozenset[str] = frozenset()
