"""Traces as the settings want them: what makes no sense is named, and what is secret is not shown."""

from collections.abc import Mapping

import pytest

from entrypoints.settings.loading import SettingsError, structure
from entrypoints.settings.traces import TraceSettings
from entrypoints.traces import TracesUnusable, _places, open_traces, trace_headers

NAMED = TraceSettings(enabled=True, headers_env="WHERE")


@pytest.mark.parametrize(
    ("traces", "said"),
    [
        ({"endpoint": "collector:4317"}, "traces.endpoint: must be http"),
        ({"endpoint": "http://me:word@collector"}, "traces.endpoint: must be http"),
        ({"endpoint": "http://collector:port"}, "traces.endpoint: must be http"),
        ({"endpoint": "http://collector/x?key=1"}, "traces.endpoint: must be http"),
        ({"headers_env": "a=b"}, "traces.headers_env: must be the name"),
        ({"sample_ratio": 1.5}, "traces.sample_ratio"),
        ({"timeout_s": 0}, "traces.timeout_s"),
        ({"max_queue": 1}, "traces.max_queue"),
    ],
)
def test_what_makes_no_sense_is_named(traces: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        structure({"traces": traces})
    assert "word" not in str(refused.value)


def test_there_are_none_unless_asked_for() -> None:
    for tree, environment in (
        ({}, {}),
        ({"traces": {"enabled": True}}, {"OTEL_SDK_DISABLED": "true"}),
    ):
        with open_traces(structure(tree), environment, print) as traces:
            assert traces is None


def test_headers_come_from_their_variable() -> None:
    environment = {"WHERE": "Authorization=Bearer a=b, x-team = red"}
    assert trace_headers(NAMED, environment) == {"authorization": "Bearer a=b", "x-team": "red"}
    assert trace_headers(TraceSettings(enabled=True), environment) == {}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "set WHERE, which"),
        ({"WHERE": "s3cret-word"}, "name=value"),
        ({"WHERE": "a=s3cret\nword"}, "name=value"),
    ],
)
def test_headers_that_make_no_sense_are_named_and_not_shown(
    environment: Mapping[str, str], said: str
) -> None:
    with pytest.raises(TracesUnusable, match=said) as refused:
        trace_headers(NAMED, environment)
    assert "s3cret" not in str(refused.value)


def test_each_provider_has_its_place() -> None:
    mine = {"kind": "compatible", "base_url": "http://127.0.0.1:8000/v1"}
    settings = structure({"providers": {"mine": mine, "second": {"kind": "gemini"}}})
    places = dict(_places(settings, {"OPENAI_BASE_URL": "https://gate.example:8443/v1"}))
    assert places["openai"] == ("openai", "gate.example", 8443)
    assert places["second"][0] == "gemini"
    assert places["second"][2] == 443
    assert places["mine"] == ("mine", "127.0.0.1", 8000)
    assert "local" not in places
