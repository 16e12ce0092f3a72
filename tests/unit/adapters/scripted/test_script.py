"""Scripts as settings write them."""

import tomllib

import cattrs
import pytest

from adapters.scripted.script import (
    Called,
    CallTool,
    Chunks,
    Counts,
    Cut,
    Echo,
    Fail,
    Failure,
    Finish,
    Paced,
    Report,
    Say,
    Script,
    Stall,
    Think,
    Wait,
)
from domain.model.events import FinishReason


def script(text: str) -> Script:
    steps = tomllib.loads(f"steps = [{text}]")["steps"]
    structured: Script = cattrs.Converter(forbid_extra_keys=True).structure(steps, Script)
    return structured


def test_every_step_is_a_table_with_one_key() -> None:
    assert script(
        '{say="a"}, {think="b"}, {echo=true}, {wait_s=0.1}, {stall=true}, {cut=true},'
        ' {finish="max_tokens"}, {chunks={count=2, every_s=0.5, text="x"}},'
        ' {call_tool={name="f", arguments_json="{}", id="1"}}, {usage={input_tokens=0}},'
        ' {fail={reason="PROVIDER_OVERLOADED", retry_after_s=2}}'
    ) == (
        Say("a"),
        Think("b"),
        Echo(True),
        Wait(0.1),
        Stall(True),
        Cut(True),
        Finish(FinishReason.MAX_TOKENS),
        Chunks(Paced(count=2, every_s=0.5, text="x")),
        CallTool(Called(name="f", arguments_json="{}", id="1")),
        Report(Counts(input_tokens=0)),
        Fail(Failure(reason="PROVIDER_OVERLOADED", retry_after_s=2.0)),
    )


@pytest.mark.parametrize(
    "text",
    [
        '{sing="a"}',
        '{say="a", loud=true}',
        "{echo=false}",
        "{wait_s=-1}",
        "{chunks={count=-1}}",
        '{fail={reason="BAD_LUCK"}}',
        '{fail={reason="CALLER_CANCELLED"}}',
        '{finish="tired"}',
    ],
)
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(cattrs.BaseValidationError):
        script(text)
