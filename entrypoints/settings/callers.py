"""Settings of those who may call, sections ``[callers.NAME]``."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import attrs
import cattrs
from attrs.validators import ge, optional

from domain.policy.access import SCOPES
from entrypoints.settings.money import NanoUsd, nano_usd

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUBJECT = re.compile(r"([A-Za-z][A-Za-z0-9.]*=|(URI|DNS|EMAIL|IP):).")
_RESERVED = "anonymous"
FIT = f"use up to 64 letters, digits and _ . @ -, and not {_RESERVED}"


def _digest(value: str) -> str:
    return value.lower()


def _is_digest(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if value and not _DIGEST.fullmatch(value):
        raise ValueError(
            f"'{attribute.name}' must be the 64 hex digits of the token's SHA-256, which"
            " `printf %s TOKEN | sha256sum` prints"
        )


def _is_subject(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if value and not _SUBJECT.match(value):
        raise ValueError(
            f"'{attribute.name}' {value!r} must be what a certificate names, with its kind:"
            " CN=billing,O=Example or CN=billing or URI:spiffe://example.org/billing or"
            " DNS:billing.example.org or EMAIL:... or IP:..."
        )


def _are_scopes(
    _: object, attribute: "attrs.Attribute[tuple[str, ...]]", value: tuple[str, ...]
) -> None:
    for each in value:
        if each not in SCOPES:
            raise ValueError(
                f"'{attribute.name}' {each!r} is no scope: there are {', '.join(SCOPES)}"
            )


def _are_globs(
    _: object, attribute: "attrs.Attribute[tuple[str, ...]]", value: tuple[str, ...]
) -> None:
    for each in value:
        provider, slash, model = each.partition("/")
        if each != "*" and not (provider and slash and model):
            raise ValueError(
                f"'{attribute.name}' {each!r} must be provider/model, where * stands for anything:"
                " openai/*, */*-mini, local/smollm2-135m-instruct"
            )


@attrs.frozen(kw_only=True)
class CallerSettings:
    """Someone who may call: known by a token, by a TLS client certificate, or by either.

    Attributes:
        token_sha256: SHA-256 of the token, in hex. The token itself is written nowhere.
        client_subject: What the certificate names: its whole subject (RFC 4514: ``CN=billing,O=Example``),
            its ``CN=...`` alone, or one of its other names as ``DNS:...``, ``URI:...``, ``EMAIL:...`` or
            ``IP:...``.
        scopes: What the caller may do beside calling models, e.g. ``usage.read_all``.
        allow: Globs of ``provider/model`` that may be called; empty: all.
        requests_per_minute: Calls begun; ``None``, here and below: no limit.
        tokens_per_minute: Input and output together.
        parallel_calls: Calls in flight at once.
        budget_usd_per_day: Money a UTC day. Written in US dollars, kept in 1e-9 of them.
        budget_usd_per_month: The same for a UTC calendar month.
        expires: From when on the caller is refused; a date means its first moment, in UTC.
    """

    token_sha256: str = attrs.field(default="", converter=_digest, validator=_is_digest, repr=False)
    client_subject: str = attrs.field(default="", validator=_is_subject)
    scopes: tuple[str, ...] = attrs.field(default=(), validator=_are_scopes)
    allow: tuple[str, ...] = attrs.field(default=(), validator=_are_globs)
    requests_per_minute: int | None = attrs.field(default=None, validator=optional(ge(1)))
    tokens_per_minute: int | None = attrs.field(default=None, validator=optional(ge(1)))
    parallel_calls: int | None = attrs.field(default=None, validator=optional(ge(1)))
    budget_usd_per_day: NanoUsd | None = None
    budget_usd_per_month: NanoUsd | None = None
    expires: datetime | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse a caller that nothing could be known by.

        Raises:
            ValueError: Neither a token nor a certificate is named.
        """
        if not self.token_sha256 and not self.client_subject:
            raise ValueError("needs token_sha256 or client_subject, by which the caller is known")


def is_fit(name: str) -> bool:
    """Return whether a caller may be called `name`; `FIT` says what is."""
    return bool(_NAME.fullmatch(name)) and name != _RESERVED


def named_apart(
    _: object,
    attribute: "attrs.Attribute[Mapping[str, CallerSettings]]",
    callers: Mapping[str, CallerSettings],
) -> None:
    """Refuse names that are not fit, and callers that cannot be told apart.

    Raises:
        ValueError: Names the path.
    """
    for name in callers:
        if not is_fit(name):
            raise ValueError(f"'{attribute.name}' name {name!r} is not fit: {FIT}")
    for field, what in (("token_sha256", "token"), ("client_subject", "certificate")):
        seen: dict[str, str] = {}
        for name, shown in _shown(callers, field):
            if shown in seen:
                raise ValueError(
                    f"'{attribute.name}.{name}.{field}' is also that of {seen[shown]}: every caller needs"
                    f" a {what} of its own"
                )
            seen[shown] = name


def _shown(callers: Mapping[str, CallerSettings], field: str) -> Iterator[tuple[str, str]]:
    for name, caller in callers.items():
        shown: str = getattr(caller, field)
        if shown:
            yield name, shown


def add_caller_hooks(converter: cattrs.Converter) -> None:
    """Teach `converter` the values that only callers have."""
    converter.register_structure_hook(NanoUsd, lambda value, _: nano_usd(value))
    converter.register_structure_hook(datetime, lambda value, _: moment(value))


def moment(value: Any) -> datetime:
    """Return `value`, as TOML or a variable gives it, as a moment.

    Raises:
        ValueError: It is none, or does not say where on Earth it is meant.
    """
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_MOMENT) from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"has no offset from UTC: {_MOMENT}")
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ValueError(_MOMENT)


_MOMENT = "must be a date or a date-time with an offset: 2027-01-31, 2027-01-31T18:00:00Z"
