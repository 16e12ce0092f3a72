"""Settings of routes and keys that are left alone for a while, sections ``[breaker]`` and ``[cooldown]``."""

import attrs
from attrs.validators import ge, gt, le


@attrs.frozen(kw_only=True)
class BreakerSettings:
    """When a route (a model of a provider) that fails is left alone.

    Attributes:
        enabled: Where not, it never is.
        window_s: What is older does not count.
        min_calls: With fewer calls in the window nothing happens, however they ended.
        failure_share: Share of the provider's failures among them, from which on the route is left alone.
        open_s: For how long at first; twice as long each time that a probe fails.
        longest_open_s: At most.
        probes: Calls that are let through after that, at once, to see; so many must succeed.
    """

    enabled: bool = True
    window_s: float = attrs.field(default=30.0, validator=[gt(0), le(3_600)])
    min_calls: int = attrs.field(default=10, validator=ge(1))
    failure_share: float = attrs.field(default=0.5, validator=[gt(0), le(1)])
    open_s: float = attrs.field(default=10.0, validator=[gt(0), le(3_600)])
    longest_open_s: float = attrs.field(default=120.0, validator=[gt(0), le(86_400)])
    probes: int = attrs.field(default=1, validator=[ge(1), le(100)])

    def __attrs_post_init__(self) -> None:
        """Refuse a longest time that is shorter than the first.

        Raises:
            ValueError: It is.
        """
        if self.longest_open_s < self.open_s:
            raise ValueError(f"'longest_open_s' must be at least open_s, which is {self.open_s:g}")


@attrs.frozen(kw_only=True)
class CooldownSettings:
    """How long a key of a provider rests that was refused, in seconds.

    What the provider says counts. Where it says nothing, these do: then a key rests only while another works.

    Attributes:
        enabled: Where not, keys never rest.
        rate_limited_s: After "too many requests"; 0, here and below: not at all.
        auth_s: After the provider did not accept the key.
        billing_s: After its quota or credit was used up.
        longest_s: At most, whatever the provider says.
    """

    enabled: bool = True
    rate_limited_s: float = attrs.field(default=5.0, validator=[ge(0), le(86_400)])
    auth_s: float = attrs.field(default=60.0, validator=[ge(0), le(86_400)])
    billing_s: float = attrs.field(default=300.0, validator=[ge(0), le(86_400)])
    longest_s: float = attrs.field(default=3_600.0, validator=[gt(0), le(86_400)])
