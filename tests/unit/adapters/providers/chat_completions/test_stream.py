"""Streams of Chat Completions: what each shape that was ever seen means."""

from typing import Any

import pytest

from domain.model.chat import ReasoningConfig
from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.events import (
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from domain.model.usage import NO_USAGE, UsageSource
from tests.support.http_calls import (
    CODEC,
    DONE,
    HEAD,
    HELLO,
    USAGE,
    call,
    chunk,
    cuts,
    decoded,
    event,
    whole_body,
)

STOP = chunk({}, "stop")


def said(*chunks: bytes, **fields: Any) -> list[Any]:
    """Return the events of `chunks`, without the first, cut anywhere with the same result."""
    stream = b"".join(chunks)
    asked = call(**fields)
    whole = decoded([stream], asked=asked)
    assert decoded(cuts(stream, 1), asked=asked) == whole
    assert decoded(cuts(stream, 37), asked=asked) == whole
    return [each for each in whole if not isinstance(each, Started)]


def ending(*chunks: bytes) -> Finished:
    last = said(*chunks)[-1]
    assert isinstance(last, Finished), last
    return last


def test_an_answer_is_begun_said_counted_and_finished() -> None:
    started, hi, e, reported, finished = decoded([HELLO])
    assert started == Started(
        id="chatcmpl-1",
        provider="far",
        model="m-1",
        upstream_status=200,
        upstream_request_id="req-1",
    )
    assert (hi, e) == (TextDelta("Hi "), TextDelta("é"))
    assert isinstance(reported, UsageReported)
    assert isinstance(finished, Finished)
    assert reported.usage.source is UsageSource.PROVIDER_PARTIAL
    assert (finished.reason, finished.native_reason) == (FinishReason.STOP, "stop")
    assert (finished.usage.input_tokens, finished.usage.output_tokens) == (7, 3)
    assert finished.usage.source is UsageSource.PROVIDER_FINAL
    assert finished.usage.raw == USAGE


def test_an_answer_cut_at_every_byte_is_the_same() -> None:
    whole = decoded([HELLO])
    for size in (1, 2, 7, 4096):
        assert decoded(cuts(HELLO, size)) == whole
    for place in range(len(HELLO)):
        assert decoded([HELLO[:place], HELLO[place:]]) == whole


def test_an_answer_that_stops_anywhere_before_its_end_is_truncated() -> None:
    finish = HELLO.index(STOP) + len(STOP) - 2
    for length in range(len(HELLO)):
        last = decoded([HELLO[:length]])[-1:]
        if length >= finish:
            assert isinstance(last[0], Finished), length
        elif length >= HELLO.index(b"\n\n"):
            assert last == ["PROVIDER_STREAM_TRUNCATED"], length
        else:
            assert last == ["PROVIDER_PROTOCOL_ERROR"] or length == HELLO.index(b"\n\n"), length


def test_the_end_marker_finishes_at_once_and_nothing_follows_it() -> None:
    decoder = CODEC.decoder(call(), HEAD)
    events = list(decoder.feed(chunk({"content": "a"}) + STOP + DONE + chunk({"content": "b"})))
    assert isinstance(events[-1], Finished)
    assert list(decoder.feed(DONE + chunk({"content": "c"}))) == []
    assert list(decoder.end()) == []


def test_a_finish_reason_waits_for_the_usage_that_follows_it() -> None:
    decoder = CODEC.decoder(call(), HEAD)
    assert not any(isinstance(each, Finished) for each in decoder.feed(STOP))
    list(decoder.feed(chunk(usage=USAGE)))
    (finished,) = decoder.feed(DONE)
    assert isinstance(finished, Finished)
    assert finished.usage.input_tokens == 7


def test_a_clean_end_after_a_finish_reason_is_an_end() -> None:
    assert ending(chunk({"content": "a"}), STOP).reason is FinishReason.STOP


def test_the_end_marker_without_a_finish_reason_is_an_end_of_unknown_reason() -> None:
    assert ending(chunk({"content": "a"}), DONE).reason is FinishReason.OTHER
    assert ending(chunk({"content": "a"}, ""), DONE).reason is FinishReason.OTHER


def test_the_end_marker_alone_is_no_answer() -> None:
    assert said(DONE) == ["PROVIDER_PROTOCOL_ERROR"]


@pytest.mark.parametrize("body", [b"", b"<html>hello</html>", b": comment\n\n", b"{}"])
def test_what_is_no_stream_at_all_makes_no_sense(body: bytes) -> None:
    assert said(body) == ["PROVIDER_PROTOCOL_ERROR"]


def test_a_chunk_that_is_no_object_makes_no_sense() -> None:
    for data in (b"{", b"[]", b"7", b"null", b"hello"):
        assert said(chunk({"content": "a"}), b"data: " + data + b"\n\n", DONE) == [
            TextDelta("a"),
            "PROVIDER_PROTOCOL_ERROR",
        ]


def test_an_event_that_holds_nothing_means_nothing() -> None:
    finished = ending(chunk({"content": "x"}), b"data:\n\n", STOP, b"data: \n\n", DONE)
    assert finished.native_reason == "stop"


def test_a_finish_reason_may_repeat_and_the_last_one_counts() -> None:
    length = chunk({"content": ""}, "length")
    assert ending(length, length, STOP, DONE).native_reason == "stop"
    assert ending(length, length, DONE).reason is FinishReason.MAX_TOKENS


def test_choices_may_be_empty_null_or_missing_anywhere() -> None:
    strange = [chunk(), event({"id": "x", "choices": None}), event({"id": "x"}), event({})]
    assert said(*strange, chunk({"content": "a"}), *strange, STOP, DONE)[0] == TextDelta("a")


def test_an_answer_begins_with_its_first_name_not_with_a_chunk_about_the_prompt() -> None:
    azure = event({"id": "", "model": "", "choices": [], "prompt_filter_results": [{}]})
    (started, *_) = decoded([azure + chunk({"content": "a"}) + STOP])
    assert isinstance(started, Started)
    assert started.id == "chatcmpl-1"


def test_a_nameless_answer_is_named_after_its_request() -> None:
    nameless = event({"choices": [{"delta": {"content": "a"}}]})
    (started, *_) = decoded([nameless + DONE])
    assert isinstance(started, Started)
    assert (started.id, started.model) == ("", "m")


def test_only_the_first_choice_is_read() -> None:
    other = event({"id": "x", "choices": [{"index": 1, "delta": {"content": "no"}}]})
    assert said(other, chunk({"content": "a"}), STOP)[0] == TextDelta("a")


def test_unknown_fields_and_odd_shapes_mean_nothing() -> None:
    odd = [
        chunk({"content": None, "surprise": {"a": 1}}, obfuscation="x", usage=None),
        chunk({"content": 7}),
        chunk({"content": {"a": 1}}),
        chunk({"tool_calls": None}),
        chunk({"tool_calls": ["x", 1]}),
        chunk({"tool_calls": {"index": 0}}),
        chunk({"reasoning": {"a": 1}, "refusal": []}),
        chunk({}, {"stop": 1}),
        chunk({}, usage="none"),
        event({"id": "x", "choices": ["x", {"delta": "x"}, {}]}),
        b": keep-alive\n\n",
    ]
    finished = said(*odd, STOP, DONE)
    assert [type(each) for each in finished] == [Finished]
    assert finished[0].usage == NO_USAGE


def test_text_may_come_as_a_list_of_parts_or_as_a_fragment_beside_the_delta() -> None:
    parts = chunk({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]})
    legacy = event({"id": "x", "choices": [{"text": "c", "finish_reason": None}]})
    assert said(parts, legacy, STOP)[:2] == [TextDelta("ab"), TextDelta("c")]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_come_under_either_name(field: str) -> None:
    events = said(chunk({field: "hm"}), chunk({"content": "a", field: None}), STOP, DONE)
    assert events[:2] == [
        ReasoningDelta(text="hm", provider="far", part_index=0),
        TextDelta("a", 1),
    ]


def test_thoughts_under_both_names_are_told_once() -> None:
    both = chunk({"reasoning": "hm", "reasoning_content": "hm"})
    assert said(both, both, STOP)[:-1] == [
        ReasoningDelta(text="hm", provider="far"),
        ReasoningDelta(text="hm", provider="far"),
    ]


def test_thoughts_that_the_caller_does_not_want_are_not_shown() -> None:
    config = ReasoningConfig(include_content=False)
    events = said(chunk({"reasoning": "hm"}), chunk({"content": "a"}), STOP, reasoning=config)
    assert events[0] == TextDelta("a")


def test_a_refusal_is_a_part_of_its_own_and_the_reason_to_stop() -> None:
    events = said(chunk({"content": None, "refusal": "no"}), STOP, DONE)
    assert events[0] == RefusalDelta("no")
    assert events[-1].reason is FinishReason.REFUSAL


def test_parts_are_numbered_in_the_order_of_their_first_content() -> None:
    events = said(
        chunk({"content": "a"}),
        chunk({"tool_calls": [{"index": 3, "id": "c", "function": {"name": "f"}}]}),
        chunk({"reasoning": "hm"}),
        chunk({"content": "b"}),
        STOP,
    )
    assert [each.part_index for each in events[:-1]] == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.MAX_TOKENS),
        ("tool_calls", FinishReason.TOOL_CALLS),
        ("function_call", FinishReason.TOOL_CALLS),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("tired", FinishReason.OTHER),
    ],
)
def test_reasons_to_stop(native: str, reason: FinishReason) -> None:
    finished = ending(chunk({"content": "a"}), chunk({}, native), DONE)
    assert (finished.reason, finished.native_reason) == (reason, native)


def test_an_answer_that_ends_in_an_error_word_is_an_error() -> None:
    end = said(chunk({"content": "a"}), chunk({}, "error"), DONE)
    assert end == [TextDelta("a"), "PROVIDER_SERVER_ERROR"]
    assert said(chunk({"content": "a"}), chunk({}, "error"))[-1] == "PROVIDER_SERVER_ERROR"


# ------------------------------------------------------------------ tool calls


def tool(index: int | None = 0, id_: str | None = None, **function: Any) -> bytes:
    item = {"index": index, "id": id_, "function": function}
    return chunk({"tool_calls": [{key: each for key, each in item.items() if each is not None}]})


def calls(*chunks: bytes) -> list[tuple[str, str, str]]:
    """Return id, name and arguments of the calls in an answer."""
    events = said(*chunks, STOP, DONE)
    found: dict[int, tuple[str, str, str]] = {}
    for each in events:
        if isinstance(each, ToolCallDelta):
            id_, name, arguments = found.get(each.part_index, (each.id, each.name, ""))
            assert each.id == id_
            assert not (name and each.name) or found.get(each.part_index) is None
            joined = arguments + each.arguments_fragment
            found[each.part_index] = (id_, name or each.name, joined)
    assert events[-1].reason is FinishReason.TOOL_CALLS
    return list(found.values())


def test_fragments_of_calls_are_joined_by_their_index() -> None:
    assert calls(
        tool(0, "a", name="f", arguments=""),
        tool(0, arguments='{"x'),
        tool(1, "b", name="g", arguments=""),
        tool(0, arguments='":1}'),
        tool(1, arguments="{}"),
    ) == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_a_call_may_come_whole() -> None:
    assert calls(tool(0, "a", name="f", arguments='{"x":1}')) == [("a", "f", '{"x":1}')]


def test_an_id_and_a_name_that_repeat_are_the_same_call() -> None:
    assert calls(
        tool(0, "a", name="f", arguments="{"),
        tool(0, "a", name="f", arguments="}"),
    ) == [("a", "f", "{}")]


def test_a_new_id_without_a_name_is_the_same_call() -> None:
    assert calls(tool(0, "a", name="f", arguments="{"), tool(0, "zz", arguments="}")) == [
        ("a", "f", "{}")
    ]


def test_a_new_id_with_a_name_at_the_same_index_is_another_call() -> None:
    assert calls(
        tool(0, "a", name="f", arguments="{}"), tool(0, "b", name="g", arguments="{}")
    ) == [("a", "f", "{}"), ("b", "g", "{}")]


def test_calls_without_an_index_are_told_apart() -> None:
    assert calls(
        tool(None, "a", name="f", arguments="{}"), tool(None, "b", name="f", arguments="{}")
    ) == [("a", "f", "{}"), ("b", "f", "{}")]
    nameless = calls(
        tool(None, "", name="f", arguments="{}"), tool(None, "", name="g", arguments="{}")
    )
    assert [name for _, name, _ in nameless] == ["f", "g"]


def test_ids_that_are_missing_are_made_up_differently_and_the_same_each_time() -> None:
    twice = [tool(0, name="f", arguments="{}"), tool(1, "", name="f", arguments="{}")]
    (first, _, _), (second, _, _) = calls(*twice)
    assert first.startswith("call_")
    assert len(first) <= 40
    assert first != second
    assert [id_ for id_, _, _ in calls(*twice)] == [first, second]


def test_a_name_may_come_late_and_arguments_as_an_object() -> None:
    assert calls(tool(0, "a"), tool(0, name="f"), tool(0, arguments={"x": 1})) == [
        ("a", "f", '{"x":1}')
    ]


def test_the_old_single_function_call_is_a_tool_call() -> None:
    (made_up, name, arguments) = calls(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
    )[0]
    assert made_up.startswith("call_")
    assert (name, arguments) == ("f", "{}")


def test_a_cut_off_call_is_reported_as_cut_off() -> None:
    cut = [tool(0, "a", name="f", arguments='{"x'), chunk({}, "length"), DONE]
    assert ending(*cut).reason is FinishReason.MAX_TOKENS


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"message": "m", "code": 400}, "PROVIDER_REJECTED_REQUEST"),
        ({"message": "m", "code": "429"}, "PROVIDER_RATE_LIMITED"),
        ({"message": "m", "code": "rate_limit_exceeded"}, "PROVIDER_RATE_LIMITED"),
        ({"message": "m", "type": "server_error"}, "PROVIDER_SERVER_ERROR"),
        ({"message": "m", "type": "invalid_request_error"}, "PROVIDER_REJECTED_REQUEST"),
        ({"message": "m", "code": 502}, "PROVIDER_SERVER_ERROR"),
        ({"message": "m", "status_code": 503}, "PROVIDER_OVERLOADED"),
        ("just words", "PROVIDER_SERVER_ERROR"),
    ],
    ids=repr,
)
def test_an_error_inside_a_stream_ends_it(error: Any, reason: str) -> None:
    more = chunk({"content": "never"})
    assert said(chunk({"content": "a"}), event({"error": error}), more, DONE) == [
        TextDelta("a"),
        reason,
    ]
    assert said(event({"error": error}))[-1] == reason


def test_an_error_may_have_a_name_in_place_of_an_envelope() -> None:
    named = b'event: error\ndata: {"message":"m","code":503}\n\n'
    assert said(chunk({"content": "a"}), named)[-1] == "PROVIDER_OVERLOADED"
    old = event({"object": "error", "message": "m", "code": 400})
    assert said(chunk({"content": "a"}), old)[-1] == "PROVIDER_REJECTED_REQUEST"


def test_the_usage_beside_an_error_is_reported_before_it() -> None:
    events = said(chunk({"content": "a"}), chunk({}, error={"code": 400}, usage=USAGE), DONE)
    assert isinstance(events[1], UsageReported)
    assert events[2:] == ["PROVIDER_REJECTED_REQUEST"]


def test_an_error_in_the_choice_counts() -> None:
    broken = {"index": 0, "delta": {}, "finish_reason": "error", "error": {"code": 502}}
    assert said(event({"id": "x", "choices": [broken]}))[-1] == "PROVIDER_SERVER_ERROR"


def test_an_error_between_the_events_as_bare_json_counts_at_the_end() -> None:
    bare = b'{\n "error": {\n  "code": 503,\n  "message": "busy"\n }\n}\n'
    assert said(chunk({"content": "a"}), STOP, bare)[-1] == "PROVIDER_OVERLOADED"
    assert said(bare) == ["PROVIDER_OVERLOADED"]
    assert said(b"[" + bare + b"]") == ["PROVIDER_OVERLOADED"]


def test_a_server_that_answers_whole_although_asked_to_stream_is_understood() -> None:
    events = said(whole_body())
    assert [type(each) for each in events] == [TextDelta, Finished]


def test_usage_in_every_chunk_is_reported_and_the_last_one_is_final() -> None:
    events = said(
        chunk({"content": "a"}, usage={"prompt_tokens": 7, "completion_tokens": 1}),
        chunk({"content": "b"}, "stop", usage={"prompt_tokens": 7, "completion_tokens": 2}),
        DONE,
    )
    reported = [each.usage.output_tokens for each in events if isinstance(each, UsageReported)]
    assert reported == [1, 2]
    assert events[-1].usage.output_tokens == 2


def test_a_failure_carries_what_the_provider_calls_the_request() -> None:
    decoder = CODEC.decoder(call(), HEAD)
    with pytest.raises(ProviderFailure) as caught:
        list(decoder.feed(event({"error": {"message": "m"}})))
    assert caught.value.reason is ErrorReason.PROVIDER_SERVER_ERROR
    assert (caught.value.upstream_status, caught.value.upstream_request_id) == (200, "req-1")


def test_a_refusal_that_is_no_text_means_nothing() -> None:
    (ended,) = said(chunk({"refusal": {"why": "no"}}), STOP, DONE)
    assert isinstance(ended, Finished)
    assert ended.reason is FinishReason.STOP
