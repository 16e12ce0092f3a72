"""The console's page: what it says, and that nothing strangers wrote is obeyed."""

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.telemetry.console.statistics import Statistics
from domain.model.usage import Attempt, AttemptOutcome, Usage
from entrypoints.http.console.charts import Chart, figure
from entrypoints.http.console.markup import Html, joined, tag
from entrypoints.http.console.page import Viewer, page, sign_in
from entrypoints.http.console.past import blame, past
from entrypoints.http.console.regions import REGIONS
from entrypoints.http.console.view import View
from entrypoints.http.console.words import name, number, seconds, usd

EVIL = "\"'><script>alert(1)</script><img src=x onerror=y>&amp;"


class Reader(HTMLParser):
    """Notes elements, their attributes, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


@given(st.text())
def test_text_comes_out_as_it_went_in(text: str) -> None:
    found = read(tag("p", text, title=text))
    assert found.tags == ["p"]
    assert found.text == text
    assert found.attributes == [("title", text)]


def test_markup_within_markup_stays_markup() -> None:
    assert tag("p", tag("b", "a<b"), " & ") == "<p><b>a&lt;b</b> &amp; </p>"
    assert joined("<", Html("<br>")) == "&lt;<br>"
    assert tag("input", required=True, class_=None, aria_label="x") == (
        '<input required aria-label="x">'
    )


def evil_snapshot() -> dict[str, Any]:
    statistics = Statistics()
    tried = Attempt(
        index=0,
        provider=EVIL,
        model=EVIL,
        outcome=AttemptOutcome.SERVED,
        usage=Usage(output_tokens=3),
    )
    statistics.attempt(100.0, EVIL, tried, streamed=True)
    statistics.call(100.0, EVIL, 0.1)
    call = {
        "number": 1, "request_id": EVIL, "caller": EVIL, "method": EVIL, "provider": EVIL,
        "model": EVIL,
    }  # fmt: skip
    attempt = {
        "provider": EVIL, "model": EVIL, "key": EVIL, "outcome": "failed", "reason": EVIL,
        "upstream_status": 0, "queued_s": 0.0, "first_token_s": None, "total_s": 1.0,
        "input_tokens": None, "output_tokens": None, "cost_usd": None, "source": None,
    }  # fmt: skip
    return {
        "server": {"version": "1", "unready": EVIL, "time": 0.0},
        "window_s": 300,
        "step_s": 10,
        "by": "caller",
        **past(statistics, 105.0, View(by="caller")),
        "output_tokens_per_s": None,
        "in_flight_total": 3,
        "in_flight": [
            {**call, "age_s": 1.0, "output_tokens": 2, "first_token_s": None, "attempts": 1},
            {**call, "provider": "", "model": "", "age_s": 1.0, "output_tokens": 2,
             "first_token_s": None, "attempts": 1},
        ],
        "routes": [
            {"provider": EVIL, "model": EVIL, "key": EVIL, "state": "open", "reason": EVIL,
             "wait_s": 2.0, "failing": 0.5, "in_flight": 1, "first_s": None},
        ],
        "limits": [{"subject": EVIL, "kind": "parallel calls", "most": 2, "taken": 3, "waiting": 1}],
        "account": {
            "lost": 1, "waiting": 2, "away": True, "journal_bytes": 3, "written": 4,
            "last_commit_s": 0.1, "journaled": 0,
        },
        "drains": {"reading_on": 0, "refused": 0},
        "workers": [{"worker": 1, "state": "silent", "why": EVIL, "in_flight": 1}],
        "last": [
            {**call, "began": 0.0, "duration_s": 1.0, "code": "CANCELLED", "reason": EVIL,
             "blame": blame(EVIL), "stopped": True, "cache": EVIL, "attempts": [attempt]},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("region", REGIONS)
def test_nothing_that_strangers_wrote_is_obeyed(region: str) -> None:
    made = read(REGIONS[region](evil_snapshot()))
    assert not {"script", "img"} & set(made.tags)
    assert not [key for key, _ in made.attributes if key.startswith("on") or key == "style"]


def test_the_whole_page_has_no_script_or_style_of_its_own() -> None:
    now = evil_snapshot()
    regions = {key: make(now) for key, make in REGIONS.items()}
    viewer = Viewer(name=EVIL, may_cancel=True, csrf="abc", session=True)
    made = read(page(regions, View(), viewer))
    assert made.tags.count("script") == 1
    assert ("src", "/console/console.js") in made.attributes
    assert "style" not in made.tags
    assert not [key for key, _ in made.attributes if key.startswith("on") or key == "style"]
    ids = [value for key, value in made.attributes if key == "id"]
    assert len(ids) == len(set(ids))
    assert "silent" in made.text


def test_who_may_not_cancel_has_no_form_to_do_it_with() -> None:
    regions = dict.fromkeys(REGIONS, Html())
    looks = page(regions, View(), Viewer())
    assert "/console/cancel" not in looks
    assert "/console/sign-in" in looks
    assert EVIL not in sign_in(EVIL)


def test_a_chart_says_in_a_table_what_it_draws() -> None:
    chart = Chart(key="k", title="T", lines={"a": [None, 2.0, None, 0.5]}, step_s=10, said=number)
    made = read(figure(chart))
    assert "circle" in made.tags
    assert "Largest value: 2." in made.text
    assert made.tags.count("td") == 2
    assert ("aria-labelledby", "title-k desc-k") in made.attributes
    # Nothing to draw.
    assert "Largest value: none." in figure(
        Chart(key="k", title="T", lines={}, step_s=10, said=number)
    )


def test_a_step_that_is_not_over_is_no_dip() -> None:
    statistics = Statistics()
    for tenth in range(2_000):
        statistics.call(1_000 + tenth / 10, "", 0.1)
    found = past(statistics, 1_195.0, View())["series"]["calls_per_s"]
    assert found[-2] == 10
    assert 9 < found[-1] < 21
    early = past(statistics, 1_191.0, View())["series"]["calls_per_s"]
    assert early[-1] is None


def test_a_view_that_makes_no_sense_is_the_usual_one() -> None:
    assert View.of({"window": "<1h>", "by": "nobody"}) == View()
    assert View.of({"window": "1h", "by": "caller"}) == View("1h", "caller")


def test_numbers_are_said_as_people_read_them() -> None:
    assert [seconds(None), usd(None), number(None)] == ["-"] * 3
    assert [seconds(each) for each in (0.0123, 3.44, 125, 7_260)] == [
        "12.3 ms",
        "3.4 s",
        "2 min 5 s",
        "2 h 1 min",
    ]
    assert [usd(each) for each in (0, 0.00125, 1234.5)] == ["$0", "$0.00125", "$1,234.50"]
    assert [number(each) for each in (1234, 0.5, 2.0)] == ["1,234", "0.5", "2"]
    assert name("x" * 200) == "x" * 79 + "…"
