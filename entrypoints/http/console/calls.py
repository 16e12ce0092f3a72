"""The calls on the page: those in flight, and the last ones with what was tried for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from entrypoints.http.console.markup import Html, joined, tag
from entrypoints.http.console.tables import Column, of_workers, table
from entrypoints.http.console.words import clock, name, number, route, seconds, usd

CANCEL_FORM = "cancel"
"""The form of the page that the buttons belong to, which holds what protects it."""


def in_flight(now: Mapping[str, Any]) -> Html:
    """Return the calls in flight, oldest first."""
    columns: Sequence[Column] = (
        Column("call", _called, head=True),
        *of_workers(now["in_flight"]),
        Column("caller", lambda each: name(each["caller"])),
        Column("provider/model", _asked),
        Column("tokens", lambda each: number(each["output_tokens"]), number=True),
        Column("first token", lambda each: seconds(each["first_token_s"]), number=True),
        Column("age", lambda each: seconds(each["age_s"]), number=True),
        Column("attempts", lambda each: number(each["attempts"]), number=True),
        Column("", _button, label="cancel"),
    )
    listed = now["in_flight"]
    more = now["in_flight_total"] - len(listed)
    return joined(
        table("Calls in flight", columns, listed, none="No call is in flight."),
        tag("p", f"and {number(more)} more, which began later", class_="none") if more > 0 else "",
    )


def _called(each: Mapping[str, Any]) -> Html:
    request_id = each["request_id"]
    return tag("code", name(request_id)[:16], title=name(request_id))


def _asked(each: Mapping[str, Any]) -> object:
    if each["provider"] or each["model"]:
        return route(each["provider"], each["model"])
    return tag("span", name(each["method"].rpartition("/")[2]), class_="method")


def _button(each: Mapping[str, Any]) -> Html:
    return tag(
        "button",
        "Cancel",
        type="submit",
        form=CANCEL_FORM,
        name="call",
        value=each["number"],
        class_="cancel",
        aria_label=f"Cancel call {name(each['request_id'])}",
    )


def last(now: Mapping[str, Any]) -> Html:
    """Return the last calls, newest first; each opens to what was tried for it."""
    if not now["last"]:
        return tag("p", "No call has ended yet.", class_="none")
    return tag("ol", *map(_call, now["last"]), class_="last")


def _call(each: Mapping[str, Any]) -> Html:
    good = not each["reason"]
    return tag(
        "li",
        tag(
            "details",
            tag(
                "summary",
                tag("time", clock(each["began"])),
                " ",
                tag("span", each["code"], class_=f"tag {'good' if good else 'bad'}"),
                " ",
                tag("strong", _asked(each)),
                " ",
                tag("span", name(each["caller"]), class_="who"),
                " ",
                tag("span", seconds(each["duration_s"]), class_="took"),
                " ",
                _why(each),
            ),
            tag(
                "p",
                "request ",
                tag("code", name(each["request_id"])),
                f", {name(each['method'])}",
                f", cache: {each['cache']}" if each["cache"] else "",
                f", worker {each['worker']}" if each.get("worker") else "",
            ),
            _ledger(each["attempts"]),
            data_key="details",
        ),
        data_key=each["number"],
    )


def _why(each: Mapping[str, Any]) -> Html:
    said = tag("code", name(each["reason"])) if each["reason"] else Html()
    return joined(said, " by an operator") if each["stopped"] else said


def _ledger(attempts: Sequence[Mapping[str, Any]]) -> Html:
    columns: Sequence[Column] = (
        Column("attempt", lambda each: route(each["provider"], each["model"]), head=True),
        Column("key", lambda each: name(each["key"]) or "-"),
        Column("outcome", lambda each: tag("span", each["outcome"], class_="tag")),
        Column("reason", lambda each: tag("code", each["reason"]) if each["reason"] else "-"),
        Column("status", lambda each: each["upstream_status"] or "-", number=True),
        Column("waited", lambda each: seconds(each["queued_s"]), number=True),
        Column("first token", lambda each: seconds(each["first_token_s"]), number=True),
        Column("took", lambda each: seconds(each["total_s"]), number=True),
        Column("in", lambda each: number(each["input_tokens"]), number=True),
        Column("out", lambda each: number(each["output_tokens"]), number=True),
        Column("cost", lambda each: usd(each["cost_usd"]), number=True),
    )
    return table("Attempts", columns, attempts, none="No provider was asked.")
