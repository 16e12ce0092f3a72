"""Limits, and how they are told."""

import attrs
import pytest

from domain.model.caller import Caller, CallerLimits
from domain.model.chat import (
    ChatRequest,
    Media,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.errors import ErrorReason
from domain.model.model_info import ModelInfo
from domain.model.tools import Tool
from domain.policy.admission import (
    MOST_FOUND,
    UNKNOWN_OUTPUT_TOKENS,
    LimitTable,
    unbounded_output_tokens,
)
from domain.policy.limits import Limit, LimitKind, Need, Shortage, amount, limits_of, refusal
from domain.policy.token_estimate import PER_MEDIA, PER_PIECE, input_tokens, text_tokens

ALL = CallerLimits(
    requests_per_minute=1,
    tokens_per_minute=2,
    parallel_calls=3,
    budget_nano_usd_per_day=4,
    budget_nano_usd_per_month=5,
)


def test_a_callers_limits_are_its_own() -> None:
    assert limits_of(Caller("alice")) == ()
    assert [(each.subject, each.most) for each in limits_of(Caller("alice", limits=ALL))] == [
        ("caller:alice", most) for most in (1, 2, 3, 4, 5)
    ]


def test_a_call_is_under_every_limit_that_fits_it() -> None:
    kind = LimitKind.PARALLEL_CALLS
    table = LimitTable(
        service=[Limit("service", kind, 9)],
        providers={"openai": [Limit("provider:openai", kind, 8)]},
        models={
            "openai/gpt-*": [Limit("model:openai/gpt-*", kind, 7)],
            "*/gpt-9": [Limit("model:*/gpt-9", kind, 6)],
        },
    )
    subjects = [each.subject for each in table.of(Caller("alice"), "openai", "gpt-9").all]
    assert subjects == ["provider:openai", "service", "model:openai/gpt-*", "model:*/gpt-9"]
    assert [each.subject for each in table.of(Caller("alice"), "local", "x").all] == ["service"]


def test_a_call_that_is_tried_again_is_not_counted_again_for_its_caller() -> None:
    rate = Limit("provider:p", LimitKind.REQUESTS_PER_MINUTE, 9)
    found = LimitTable(providers={"p": [rate]}).of(Caller("alice", limits=ALL), "p", "m")
    assert found.budget == Limit("caller:alice", LimitKind.BUDGET_PER_DAY, 4)
    assert found.again is not None
    assert found.again.all == found.all[1:]
    assert found.again.budget is found.budget
    assert rate in found.again.all
    assert LimitTable(providers={"p": [rate]}).of(Caller("alice"), "p", "m").again is None


def test_what_is_found_is_remembered_and_names_made_up_do_not_fill_the_memory() -> None:
    table = LimitTable(service=[Limit("service", LimitKind.PARALLEL_CALLS, 9)])
    caller = Caller("alice", limits=ALL)
    assert table.of(caller, "p", "m") is table.of(caller, "p", "m")
    for number in range(MOST_FOUND + 1):
        table.of(caller, "p", f"m{number}")
    assert len(table._found) <= MOST_FOUND
    assert len(table.of(caller, "p", "m").all) == 6


def test_nothing_reserves_more_than_there_can_be() -> None:
    limit = Limit("caller:a", LimitKind.TOKENS_PER_MINUTE, 50)
    assert amount(limit, Need(tokens=49)) == 49
    assert amount(limit, Need(tokens=5_000)) == 50


def info(most: int | None) -> ModelInfo:
    return ModelInfo(provider="p", model="m", features=frozenset(), max_output_tokens=most)


@pytest.mark.parametrize(
    ("known", "assumed", "expected"),
    [
        (info(100), 50, 50),
        (info(100), 4_096, 100),
        (None, 50, 50),
        (info(100), None, 100),
        (info(None), None, UNKNOWN_OUTPUT_TOKENS),
        (None, None, UNKNOWN_OUTPUT_TOKENS),
    ],
)
def test_an_answer_is_taken_to_be_as_long_as_it_may_be(
    known: ModelInfo | None, assumed: int | None, expected: int
) -> None:
    assert unbounded_output_tokens(known, assumed) == expected


def test_tokens_are_estimated_by_the_stated_rule() -> None:
    assert text_tokens("") == 0
    assert text_tokens("abcde") == 2
    assert text_tokens("日本語") == 3
    assert text_tokens("half \ud800") > 0
    parts = (
        Text(text="abcd"),
        Refusal(text="abcd"),
        Reasoning(text="abcd", signature=b"12345678"),
        ToolCall(id="1", name="ab", arguments_json="{}"),
        ToolResult(tool_call_id="1", name="abcd", content=(Text(text="abcd"),)),
        Media(mime_type="image/png", data=b"x"),
    )
    request = ChatRequest(
        model="m",
        messages=(Message(role=Role.USER, parts=parts),),
        tools=(Tool(name="ab", description="cd", parameters_json_schema="{}"),),
    )
    pieces = 1 + 1 + len(parts) + 1 + 1
    assert input_tokens(request) == pieces * PER_PIECE + (1 + 1 + 3 + 1 + 2) + PER_MEDIA + 2


def shortage(kind: LimitKind, *, hopeless: bool = False, subject: str = "caller:a") -> Shortage:
    return Shortage(
        limit=Limit(subject, kind, 1_500_000_000),
        amount=250_000_000,
        hopeless=hopeless,
        retry_after_s=None if hopeless else 2.5,
    )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (LimitKind.REQUESTS_PER_MINUTE, ErrorReason.POLICY_RATE_LIMITED),
        (LimitKind.TOKENS_PER_MINUTE, ErrorReason.POLICY_RATE_LIMITED),
        (LimitKind.PARALLEL_CALLS, ErrorReason.POLICY_CONCURRENCY_LIMITED),
        (LimitKind.BUDGET_PER_DAY, ErrorReason.POLICY_BUDGET_EXCEEDED),
        (LimitKind.BUDGET_PER_MONTH, ErrorReason.POLICY_BUDGET_EXCEEDED),
    ],
)
def test_each_limit_has_its_reason_and_is_named(kind: LimitKind, reason: ErrorReason) -> None:
    error = refusal([shortage(kind)])
    assert error.reason is reason
    assert kind.value in error.message
    assert (error.retryable, error.retry_after_s) == (True, 2.5)


def test_what_all_callers_share_is_the_services_fault() -> None:
    error = refusal([shortage(LimitKind.PARALLEL_CALLS, subject="service")])
    assert error.reason is ErrorReason.SERVICE_OVERLOADED


def test_an_empty_purse_is_not_worth_another_try_and_says_what_is_missing() -> None:
    error = refusal(
        [shortage(LimitKind.PARALLEL_CALLS), shortage(LimitKind.BUDGET_PER_DAY, hopeless=True)]
    )
    assert error.reason is ErrorReason.POLICY_BUDGET_EXCEEDED
    assert (error.retryable, error.retry_after_s) == (False, None), "nobody knows when"
    assert "1.5 US dollars a day (UTC)" in error.message
    assert "0.25" in error.message
    assert len(error.violations) == 2


def test_an_empty_purse_says_when_it_is_filled_and_a_second_one_waits_for_both() -> None:
    day = attrs.evolve(shortage(LimitKind.BUDGET_PER_DAY, hopeless=True), retry_after_s=60.0)
    month = attrs.evolve(shortage(LimitKind.BUDGET_PER_MONTH, hopeless=True), retry_after_s=90.0)
    rate = shortage(LimitKind.TOKENS_PER_MINUTE)
    waits = [refusal(each).retry_after_s for each in ([day], [rate, day], [day, month])]
    assert waits == [60.0, 60.0, 90.0]
    assert not refusal([rate, day]).retryable, "not in this call"
    never = attrs.evolve(month, retry_after_s=None)
    assert refusal([day, never]).retry_after_s is None
