"""Which models a caller may use."""

import pytest

from domain.model.caller import ANONYMOUS, Caller
from domain.model.errors import AccessDenied, ErrorReason
from domain.policy.access import READ_ALL_USAGE, demand_use, may_reach, may_use, usage_readable


def alice(*allow: str) -> Caller:
    return Caller("alice", allow=allow)


@pytest.mark.parametrize(
    ("globs", "name", "allowed"),
    [
        ((), "openai/gpt-5", True),
        (("*",), "openai/gpt-5", True),
        (("openai/*",), "openai/gpt-5", True),
        (("openai/*",), "openai/ft:gpt-5/mine", True),
        (("openrouter/anthropic/*",), "openrouter/anthropic/claude", True),
        (("*/*-mini",), "openai/gpt-5-mini", True),
        (("local/*", "openai/gpt-5"), "openai/gpt-5", True),
        (("openai/*",), "anthropic/claude", False),
        (("openai/*",), "openai2/gpt-5", False),
        (("openai/gpt-5",), "openai/gpt-5-mini", False),
        (("OpenAI/*",), "openai/gpt-5", False),
        (("*/*-mini",), "openai/gpt-5", False),
    ],
)
def test_a_glob_is_matched_against_the_whole_resolved_name(
    globs: tuple[str, ...], name: str, allowed: bool
) -> None:
    provider, _, model = name.partition("/")
    assert may_use(alice(*globs), provider, model) is allowed
    if allowed:
        demand_use(alice(*globs), provider, model)
        assert may_reach(alice(*globs), provider)
    else:
        with pytest.raises(AccessDenied, match=name) as caught:
            demand_use(alice(*globs), provider, model)
        assert caught.value.reason is ErrorReason.POLICY_ACCESS_DENIED
        assert "alice" in caught.value.message


def test_a_caller_hears_only_of_providers_it_might_use() -> None:
    caller = alice("openai/*", "*l/tiny")
    assert [each for each in ("openai", "local", "anthropic") if may_reach(caller, each)] == [
        "openai",
        "local",
    ]
    assert may_reach(ANONYMOUS, "anthropic")


def test_callers_read_their_own_records_and_everybodys_with_the_scope() -> None:
    assert usage_readable(alice()) == "alice"
    assert usage_readable(ANONYMOUS) == ANONYMOUS.name
    assert usage_readable(Caller("ops", frozenset({"usage.write"}))) == "ops"
    assert usage_readable(Caller("ops", frozenset({READ_ALL_USAGE}))) is None
