"""Settings of an endpoint that speaks OpenAI's protocol, ``[providers.NAME] kind = "compatible"``."""

from collections.abc import Mapping

import attrs
from attrs.validators import ge, in_

from adapters.wire.overrides import Override
from domain.model.json_value import JsonObject
from domain.model.model_info import Feature
from entrypoints.base_url import check_base_url
from entrypoints.settings.drain import check_policy
from entrypoints.settings.headers import Header


@attrs.frozen(kw_only=True)
class CompatibleSettings:
    """An OpenAI-compatible endpoint.

    Attributes:
        base_url: Up to and including the version, e.g. ``https://host/v1``.
        api_key_env: Variable that holds the key (``NAME_FILE`` may name a file
            instead); empty: the endpoint wants none.
        models: What `ListModels` shows, and what is known of it: a list of names, or tables by name or glob.
            Any other name is still passed on.
        embedding_models: The names that `ListModels` shows of what embeds.
        max_embedding_inputs: Most texts that the endpoint embeds in one request; more are sent in several.
        only_listed: Pass on no other name.
        takes: Features that requests may ask for; empty: all that the protocol has but prompt caching and
            thinking budgets.
        refuses: Features taken away from these.
        headers: Sent with every request.
        options: Fields of the body that are sent unless a call says otherwise.
        allow_plain_http: Accept ``http://`` for an address that is not loopback.
        max_tokens_field: What the endpoint calls the bound on the answer.
        developer_role: Whether it knows this role; where not, such a message goes out as the system's.
        fetches: Beginnings of the addresses of pictures that it fetches by itself, e.g. ``https://``; others
            are fetched for it, if ``[media]`` says so.
        stream_usage: Whether it can be asked to tell the usage of a stream.
        on_disconnect: What becomes of an answer whose caller leaves before its end: ``cancel``; ``drain``
            reads it on, within the bounds of ``[drain]``, so that its cost is known.
    """

    base_url: str
    api_key_env: str = ""
    models: tuple[Override, ...] = ()
    embedding_models: tuple[str, ...] = ()
    max_embedding_inputs: int = attrs.field(default=2_048, validator=ge(1))
    only_listed: bool = False
    takes: frozenset[Feature] = frozenset()
    refuses: frozenset[Feature] = frozenset()
    headers: Mapping[str, Header] = attrs.field(factory=dict)
    options: JsonObject = attrs.field(factory=dict)
    allow_plain_http: bool = False
    max_tokens_field: str = attrs.field(
        default="max_tokens", validator=in_(("max_tokens", "max_completion_tokens"))
    )
    developer_role: bool = False
    stream_usage: bool = True
    fetches: tuple[str, ...] = ()
    on_disconnect: str = attrs.field(default="cancel", validator=check_policy)

    def __attrs_post_init__(self) -> None:
        """Refuse an address that is none, or where others could read the key on its way.

        Raises:
            ValueError: See `check_base_url`.
        """
        check_base_url(self.base_url, allow_plain_http=self.allow_plain_http)
