"""Settings of media that are fetched for callers, section ``[media]``."""

import attrs
from attrs.validators import deep_iterable, ge, gt, in_, le


@attrs.frozen(kw_only=True)
class MediaSettings:
    """Media that a call names by address, and that its provider does not fetch by itself.

    Attributes:
        fetch: ``when_needed``: they are fetched from the public internet and sent along; ``off``: never.
        item_bytes: Longest medium.
        call_bytes: Most for one call.
        timeout_s: For one medium, redirects included; the call's own deadline counts too.
        parallel: Fetches at once for one call.
        ports: That may be asked.
        allow_loopback: Ask this machine too, over plain http and at any port: for tests only.
    """

    fetch: str = attrs.field(default="when_needed", validator=in_(("when_needed", "off")))
    item_bytes: int = attrs.field(default=20 * 1024 * 1024, validator=ge(1))
    call_bytes: int = attrs.field(default=50 * 1024 * 1024, validator=ge(1))
    timeout_s: float = attrs.field(default=20.0, validator=gt(0))
    parallel: int = attrs.field(default=4, validator=[ge(1), le(32)])
    ports: tuple[int, ...] = attrs.field(
        default=(443,), validator=deep_iterable([ge(1), le(65535)])
    )
    allow_loopback: bool = False
