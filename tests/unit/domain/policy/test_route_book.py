"""What is known of routes, and of the keys that lead there."""

from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model.errors import ErrorReason
from domain.model.usage import Attempt, AttemptOutcome
from domain.policy.breaker import BreakerRules
from domain.policy.cooldown import CooldownRules
from domain.policy.route_book import RouteBook, Visit
from domain.policy.route_state import FREE, RESTING, Standing

LIMITED = ErrorReason.PROVIDER_RATE_LIMITED
AUTH = ErrorReason.PROVIDER_AUTH_FAILED
BROKEN = ErrorReason.PROVIDER_SERVER_ERROR
ONE, TWO, THREE = "KEY#1", "KEY#2", "KEY#3"


def book(*keys: str, max_routes: int = 100) -> RouteBook:
    return RouteBook(
        breaker=BreakerRules(min_calls=2, open_s=10.0),
        cooldown=CooldownRules(rate_limited_s=5.0, auth_s=60.0),
        keys={"p": keys},
        max_routes=max_routes,
    )


def attempt(reason: ErrorReason | None = None, first_s: float | None = None) -> Attempt:
    outcome = AttemptOutcome.SERVED if reason is None else AttemptOutcome.FAILED
    return Attempt(
        index=0,
        provider="p",
        model="m",
        outcome=outcome,
        first_token_s=first_s,
        error_reason=reason,
    )


def visit(
    it: RouteBook,
    now_s: float,
    reason: ErrorReason | None = None,
    *,
    told_s: float | None = None,
    model: str = "m",
    first_s: float | None = None,
    only: Sequence[str] = (),
) -> str:
    begun = it.begin("p", model, now_s, only)
    it.end(begun, now_s, attempt(reason, first_s), told_s)
    return begun.key


def test_keys_take_turns() -> None:
    it = book(ONE, TWO, THREE)
    assert [visit(it, 0.0) for _ in range(5)] == [ONE, TWO, THREE, ONE, TWO]


def test_a_provider_that_wants_no_key_has_one_nameless_lane() -> None:
    it = book()
    assert visit(it, 0.0) == ""
    assert it.standing("p", "m", 0.0) is FREE


def test_a_key_that_was_told_to_wait_rests_while_others_serve_and_is_back_after_that() -> None:
    it = book(ONE, TWO)
    assert visit(it, 0.0, LIMITED, told_s=7.0) == ONE
    assert {visit(it, 6.0) for _ in range(4)} == {TWO}
    assert it.standing("p", "m", 6.0) is FREE
    assert {visit(it, 7.0) for _ in range(2)} == {ONE, TWO}


def test_a_rate_limit_is_of_one_model_and_a_bad_key_is_of_all() -> None:
    it = book(ONE, TWO)
    visit(it, 0.0, LIMITED, model="m")
    assert visit(it, 0.0, model="other") == TWO
    assert visit(it, 0.0, model="other") == ONE
    visit(it, 0.0, AUTH, model="other", only=[ONE])
    assert {visit(it, 1.0, model="third") for _ in range(4)} == {TWO}
    assert {visit(it, 61.0, model="third") for _ in range(4)} == {ONE, TWO}


def test_when_all_keys_were_told_to_wait_the_first_to_be_back_is_known() -> None:
    it = book(ONE, TWO)
    visit(it, 0.0, LIMITED, told_s=9.0)
    visit(it, 0.0, LIMITED, told_s=4.0)
    assert it.standing("p", "m", 1.0) == Standing(3.0, LIMITED, sure=True)
    assert it.standing("p", "m", 4.0) is FREE


def test_a_lone_key_is_tried_all_the_same_unless_its_provider_said_when_to_come_back() -> None:
    it = book(ONE)
    visit(it, 0.0, LIMITED)
    assert it.standing("p", "m", 1.0) == Standing(4.0, LIMITED, sure=False)
    assert visit(it, 1.0) == ONE
    assert it.standing("p", "m", 1.0) is FREE
    visit(it, 1.0, LIMITED, told_s=3.0)
    assert it.standing("p", "m", 1.0) == Standing(3.0, LIMITED, sure=True)


def test_of_keys_that_all_rest_the_one_that_is_a_guess_is_tried() -> None:
    it = book(ONE, TWO)
    visit(it, 0.0, LIMITED, told_s=1.5)
    visit(it, 0.0, LIMITED)
    assert it.standing("p", "m", 1.0) == Standing(4.0, LIMITED, sure=False)
    assert visit(it, 1.0) == TWO
    assert visit(it, 1.0) == TWO


def test_a_bad_key_that_works_after_all_rests_no_longer() -> None:
    it = book(ONE)
    visit(it, 0.0, AUTH)
    assert not it.standing("p", "other", 0.0).free
    visit(it, 1.0, model="other")
    assert it.standing("p", "m", 1.0) is FREE


def test_a_route_is_untroubled_while_neither_it_nor_any_key_has_failed() -> None:
    it = book(ONE)
    assert it.untroubled("p", "m")
    visit(it, 0.0)
    assert it.untroubled("p", "m")
    visit(it, 0.0, AUTH, model="other")
    assert not it.untroubled("p", "m")
    for _ in range(2):
        visit(it, 0.0, BROKEN)
    assert it.state("p", "m") == "open"


def test_a_second_refusal_never_shortens_what_was_told() -> None:
    it = book(ONE)
    visits = [it.begin("p", "m", 0.0) for _ in range(4)]
    for begun, told_s in zip(visits, (None, 50.0, 3.0, None), strict=True):
        it.end(begun, 0.0, attempt(LIMITED), told_s)
    assert it.standing("p", "m", 0.0) == Standing(50.0, LIMITED, sure=True)


def test_no_header_makes_a_bad_key_one_that_was_told_to_wait() -> None:
    it = book(ONE)
    visit(it, 0.0, AUTH, told_s=500.0)
    assert it.standing("p", "m", 0.0) == Standing(60.0, AUTH, sure=False)


def test_a_route_that_fails_is_left_alone_by_all_its_keys_and_other_routes_are_not() -> None:
    it = book(ONE, TWO)
    for _ in range(2):
        visit(it, 0.0, BROKEN)
    assert it.standing("p", "m", 1.0) == Standing(9.0, BROKEN, sure=True, broken=True)
    assert it.standing("p", "other", 1.0) is FREE
    assert it.standing("p", "m", 10.0) is FREE
    probe = it.begin("p", "m", 10.0)
    assert it.standing("p", "m", 10.0).sure
    it.end(probe, 11.0, None, None)
    assert it.standing("p", "m", 11.0) is FREE


@pytest.mark.parametrize(
    ("reason", "first_s", "state"),
    [
        (None, None, "closed"),
        (ErrorReason.PROVIDER_REJECTED_REQUEST, None, "closed"),
        (ErrorReason.CALLER_CANCELLED, 0.5, "closed"),
        (ErrorReason.CALLER_CANCELLED, None, "half_open"),
        (LIMITED, None, "half_open"),
        (BROKEN, 0.5, "open"),
    ],
)
def test_a_probe_ends_as_its_answer_says(
    reason: ErrorReason | None, first_s: float | None, state: str
) -> None:
    it = book(ONE)
    it.cooldown = None
    for _ in range(2):
        visit(it, 0.0, BROKEN)
    assert it.standing("p", "m", 10.0).free
    visit(it, 10.0, reason, first_s=first_s)
    (shown,) = it.routes(10.0)
    assert shown.state == state


def test_without_rules_nothing_is_ever_left_alone() -> None:
    it = RouteBook(breaker=None, cooldown=None, keys={"p": (ONE,)})
    for reason in (BROKEN, LIMITED, AUTH, ErrorReason.CALLER_CANCELLED):
        for _ in range(30):
            visit(it, 0.0, reason, told_s=100.0)
    it.end(it.begin("p", "m", 0.0), 0.0, None, None)
    visit(it, 0.0)
    assert it.standing("p", "m", 0.0) is FREE
    (shown,) = it.routes(0.0)
    assert (shown.state, shown.wait_s, shown.in_flight) == ("closed", 0.0, 0)


def test_each_lane_of_each_route_is_shown_with_what_is_wrong() -> None:
    it = book(ONE, TWO)
    visit(it, 0.0, LIMITED, told_s=7.0)
    visit(it, 0.0, first_s=0.25)
    for _ in range(2):
        visit(it, 0.0, BROKEN, model="broken")
    begun = it.begin("p", "busy", 0.0)
    shown = {(each.model, each.key): each for each in it.routes(1.0)}
    resting, works = shown["m", ONE], shown["m", TWO]
    assert (resting.state, resting.wait_s, resting.reason) == (RESTING, 6.0, LIMITED)
    assert (works.state, works.reason, works.first_s) == ("closed", None, 0.25)
    broken = shown["broken", TWO]
    assert (broken.state, broken.wait_s, broken.reason) == ("open", 9.0, BROKEN)
    assert broken.failing > 0.3
    assert shown["busy", ONE].in_flight == 1
    it.end(begun, 2.0, None, None)
    assert all(each.in_flight == 0 for each in it.routes(2.0))


def test_a_call_that_names_its_keys_uses_no_other() -> None:
    it = book(ONE, TWO, THREE)
    assert {visit(it, 0.0, only=[TWO, THREE]) for _ in range(6)} == {TWO, THREE}
    visit(it, 0.0, LIMITED, told_s=7.0, only=[TWO])
    assert it.standing("p", "m", 1.0, [TWO]).sure
    assert it.standing("p", "m", 1.0) is FREE


def test_names_that_callers_make_up_do_not_fill_the_memory() -> None:
    it = book(ONE, max_routes=3)
    for _ in range(2):
        visit(it, 0.0, BROKEN, model="kept")
    early = it.begin("p", "early", 0.0)
    for number in range(10):
        visit(it, 0.0, model=f"made-up-{number}")
        it.end(it.begin("p", "kept", 0.0), 0.0, None, None)
    it.end(early, 1.0, attempt(), None)
    assert len(list(it.routes(0.0))) == 3
    assert it.standing("p", "kept", 0.0).sure


def test_a_faster_route_scores_less_and_one_that_is_not_known_costs_nothing() -> None:
    it = book(ONE)
    visit(it, 0.0, first_s=0.2)
    visit(it, 0.0, first_s=2.0, model="slow")
    assert it.score("p", "new", 0.0) == 0.0
    assert 0.0 < it.score("p", "m", 0.0) < it.score("p", "slow", 0.0)


steps = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from([None, LIMITED, AUTH, BROKEN, ErrorReason.CALLER_CANCELLED]),
        st.none() | st.floats(0, 20),
        st.floats(0, 10),
        st.booleans(),
    ),
    max_size=40,
)


@given(steps, st.integers(1, 3))
def test_whatever_happens_every_visit_has_a_key_and_every_wait_ends(
    steps: list[tuple[str, ErrorReason | None, float | None, float, bool]], many: int
) -> None:
    it, now_s = book(*(ONE, TWO, THREE)[:many]), 0.0
    open_visits: list[Visit] = []
    for model, reason, told_s, passed_s, ends in steps:
        now_s += passed_s
        standing = it.standing("p", model, now_s)
        assert standing.free or standing.reason is not None
        if not standing.sure:
            begun = it.begin("p", model, now_s)
            assert begun.key in (ONE, TWO, THREE)
            open_visits.append(begun)
        if ends and open_visits:
            it.end(open_visits.pop(), now_s, attempt(reason), told_s)
    for each in open_visits:
        it.end(each, now_s, None, None)
    later_s = now_s + 10_000.0
    assert it.standing("p", "a", later_s).free
    assert it.standing("p", "b", later_s).free
    assert all(each.in_flight == 0 for each in it.routes(later_s))


def test_a_book_shows_copies() -> None:
    it = book(ONE)
    visit(it, 0.0)
    (before,) = it.routes(0.0)
    visit(it, 0.0, BROKEN)
    assert before.failing == 0.0
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        before.failing = 1.0  # type: ignore[misc]
