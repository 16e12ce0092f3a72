"""What makes two calls the same."""

import os
import subprocess
import sys
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.model.caching import CacheControl
from domain.model.call import ChatCall, Delivery
from domain.model.caller import Caller
from domain.model.chat import (
    ChatRequest,
    JsonSchemaFormat,
    Media,
    Message,
    Reasoning,
    ReasoningConfig,
    ReasoningEffort,
    Role,
    Text,
    Timeouts,
    ToolCall,
    ToolResult,
    UnsupportedParams,
)
from domain.model.response_cache import CacheMode, ResponseCachePolicy
from domain.model.target import Target
from domain.model.tools import Tool, ToolChoice, ToolMode
from domain.policy.fingerprint import ASIDE, digest, fingerprint
from entrypoints.settings.loading import structure
from entrypoints.settings.native import NativeSettings
from tests.support.core_source import ROOT

RICH = ChatRequest(
    provider="p",
    model="m",
    messages=(
        Message(role=Role.SYSTEM, parts=(Text(text="be", cache_control=CacheControl(300.0)),)),
        Message(
            role=Role.ASSISTANT,
            parts=(
                Reasoning(text="hm", signature=b"\x00\xff", provider="p"),
                ToolCall(id="c", name="f", arguments_json="{}"),
            ),
        ),
        Message(role=Role.TOOL, parts=(ToolResult(tool_call_id="c", content=(Text(text="1"),)),)),
        Message(role=Role.USER, parts=(Media(mime_type="image/png", data=b"png"),), name="u"),
    ),
    temperature=0.7,
    stop=("a", "b"),
    seed=0,
    tools=(Tool(name="f", parameters_json_schema="{}"),),
    tool_choice=ToolChoice(mode=ToolMode.REQUIRED, allowed_names=("f",)),
    response_format=JsonSchemaFormat(name="n", schema="{}", strict=False),
    reasoning=ReasoningConfig(effort=ReasoningEffort.LOW),
    end_user="u",
    provider_options={"p": {"a": [1, 1.5, True, None, {"b": "c"}]}, "q": {"x": 1}},
)
# Worked out once: a change of it makes every answer that is kept worthless, so it is a decision.
RICH_DIGEST = "b050c93596ed3d54c086628748e1eab68b7bbbad930a4a5ea600c9852c715611"


def of(request: ChatRequest, caller: str = "alice", maker: bytes = b"maker") -> bytes:
    return fingerprint(ChatCall(request=request, caller=Caller(caller)), maker)


CHANGES: dict[str, Any] = {
    "model": "n",
    "provider": "q",
    "messages": RICH.messages[1:],
    "temperature": 0.8,
    "top_p": 0.0,
    "top_k": 1,
    "max_tokens": 1,
    "stop": ("ab",),
    "seed": None,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "cache_control": CacheControl(),
    "tools": (),
    "tool_choice": None,
    "parallel_tool_calls": False,
    "response_format": None,
    "reasoning": None,
    "end_user": "v",
    # Who wants to know of it is not given what was dropped for another.
    "unsupported_params": UnsupportedParams.WARN_AND_DROP,
}


@pytest.mark.parametrize("field", CHANGES)
def test_what_reaches_the_provider_makes_another_call(field: str) -> None:
    assert of(attrs.evolve(RICH, **{field: CHANGES[field]})) != of(RICH)


def test_every_field_of_a_request_is_decided_about() -> None:
    assert {each.name for each in attrs.fields(ChatRequest)} - ASIDE == set(CHANGES)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": {"team": "a"}},
        {"timeouts": Timeouts(idle_s=1)},
        {"response_cache": ResponseCachePolicy(mode=CacheMode.READ_ONLY, max_age_s=3)},
        {"idempotency_key": "k"},
        {"provider_options": {"p": RICH.provider_options["p"]}},
    ],
)
def test_what_does_not_reach_the_provider_makes_no_other_call(changes: dict[str, Any]) -> None:
    assert of(attrs.evolve(RICH, **changes)) == of(RICH)


def test_where_else_a_call_may_be_answered_makes_another_call() -> None:
    first, other = Target("p", "m"), Target("q", "m")

    def planned(request: ChatRequest, *plan: Target) -> bytes:
        return fingerprint(ChatCall(request=request, plan=plan), b"maker")

    assert planned(RICH, first) == planned(RICH)
    plans = [(first,), (first, other), (first, Target("q", "n")), (first, other, other)]
    assert len({planned(RICH, *plan) for plan in plans}) == len(plans)
    plain = attrs.evolve(RICH, provider_options={"p": RICH.provider_options["p"]})
    assert planned(plain, first) == planned(RICH, first)
    assert planned(plain, first, other) != planned(RICH, first, other)


def test_another_caller_scope_or_configuration_makes_another_call() -> None:
    scoped = attrs.evolve(RICH, response_cache=ResponseCachePolicy(scope="b"))
    found = {of(RICH), of(RICH, caller="bob"), of(RICH, maker=b"other"), of(scoped)}
    assert len(found) == 4


def test_a_callers_name_cannot_be_taken_for_anothers_scope() -> None:
    one = attrs.evolve(RICH, response_cache=ResponseCachePolicy(scope="s1:c"))
    other = attrs.evolve(RICH, response_cache=ResponseCachePolicy(scope="c"))
    assert of(one, caller="a") != of(other, caller="as1:")


def test_the_options_of_the_provider_count_in_any_order() -> None:
    options = {"p": dict(reversed([("a", 1), ("b", 2)]))}
    one = attrs.evolve(RICH, provider_options=options)
    assert of(one) == of(attrs.evolve(RICH, provider_options={"p": {"a": 1, "b": 2}}))
    assert of(one) != of(attrs.evolve(RICH, provider_options={"p": {"a": 1, "b": True}}))


def test_how_the_answer_is_delivered_makes_no_other_call() -> None:
    call = ChatCall(request=RICH)
    assert fingerprint(call, b"") == fingerprint(
        attrs.evolve(call, delivery=Delivery.WHOLE, request_id="other"), b""
    )


def test_the_digest_is_the_same_in_every_process() -> None:
    program = (
        "from tests.unit.domain.policy.test_fingerprint import RICH, of; print(of(RICH).hex())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {of(RICH).hex()} == {RICH_DIGEST}


texts = st.text(st.characters(codec=None), max_size=3)
plain = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(allow_nan=False, width=16), texts
)
values: st.SearchStrategy[Any] = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
parts = st.one_of(
    st.builds(Text, text=texts),
    st.builds(Media, data=st.binary(max_size=2), uri=st.none() | texts),
    st.builds(Reasoning, text=texts, signature=st.binary(max_size=2), redacted=st.booleans()),
    st.builds(
        ToolResult,
        tool_call_id=texts,
        content=st.lists(st.builds(Text, text=texts), max_size=2).map(tuple),
    ),
)
requests = st.builds(
    ChatRequest,
    provider=st.sampled_from(["p", "q"]),
    model=texts,
    messages=st.lists(
        st.builds(
            Message, role=st.sampled_from(Role), parts=st.lists(parts, max_size=2).map(tuple)
        ),
        max_size=2,
    ).map(tuple),
    temperature=st.none() | st.sampled_from([0.0, 0.5]),
    stop=st.lists(texts, max_size=2).map(tuple),
    seed=st.none() | st.integers(0, 1),
    end_user=texts,
)


@settings(max_examples=100)
@given(requests, requests, st.sampled_from("ab"), st.sampled_from("ab"))
def test_two_calls_have_one_digest_if_and_only_if_they_are_the_same(
    one: ChatRequest, other: ChatRequest, caller: str, another: str
) -> None:
    assert (of(one, caller) == of(other, another)) is (one == other and caller == another)
    assert of(one, caller) == of(attrs.evolve(one), caller)


@settings(max_examples=100)
@given(values, values)
def test_two_values_have_one_digest_if_and_only_if_they_are_written_alike(
    one: Any, other: Any
) -> None:
    def written(value: Any) -> str:
        if isinstance(value, dict):
            return "m" + repr(sorted((repr(name), written(each)) for name, each in value.items()))
        return repr([written(each) for each in value]) if isinstance(value, list) else repr(value)

    assert (digest(one) == digest(other)) is (written(one) == written(other))


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no canonical form"):
        digest([object()])


def test_every_kind_of_provider_can_be_told_apart_by_its_settings() -> None:
    tree = {
        "providers": {
            "a": {
                "kind": "openai",
                "headers": {"x": "y"},
                "options": {"a": [1, {"b": 2}]},
                "models": {"gpt-*": {"context_tokens": 3}},
            },
            "b": {"kind": "openai", "headers": {"x": "z"}},
            "c": {"kind": "compatible", "base_url": "https://x.invalid/v1", "takes": ["images"]},
            "d": {"kind": "scripted", "models": {"m": [{"say": "x"}]}},
        }
    }
    found = structure(tree)
    kinds = [*found.providers.values(), found.local, NativeSettings(kind="openai")]
    assert len({digest(each) for each in kinds}) == len(kinds)


def test_what_has_no_canonical_form_has_no_digest() -> None:
    with pytest.raises(TypeError, match="complex has no canonical form"):
        digest(1j)


def test_a_mapping_is_a_mapping_of_whatever_kind() -> None:
    assert digest(MappingProxyType({"a": 1})) == digest({"a": 1})


def test_half_a_surrogate_pair_has_a_digest_of_its_own() -> None:
    assert len({digest("\ud83d"), digest("\ude00"), digest("?"), digest("\U0001f600")}) == 4
