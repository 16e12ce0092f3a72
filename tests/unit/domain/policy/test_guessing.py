"""How long the answer to a failed authentication is held back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.policy.guessing import Guesses, GuessingPolicy, network_of

POLICY = GuessingPolicy()


def test_ten_failures_a_minute_are_answered_at_once_and_then_ever_later_up_to_a_bound() -> None:
    guesses = Guesses()
    waits = [guesses.failed("10.0.0.1:1", 100.0) for _ in range(30)]
    assert waits[:10] == [0.0] * 10
    assert waits[10:13] == [0.25, 0.5, 0.75]
    assert waits == sorted(waits)
    assert waits[-1] == POLICY.longest_s == 2.0


def test_a_peer_that_stops_is_forgiven_within_two_minutes() -> None:
    guesses = Guesses()
    for _ in range(1000):
        guesses.failed("10.0.0.1:1", 0.0)
    assert guesses.failed("10.0.0.1:1", 120.0) == 0.0


def test_one_peer_does_not_pay_for_another() -> None:
    guesses = Guesses()
    for _ in range(50):
        guesses.failed("10.0.0.1:1", 0.0)
    assert guesses.failed("10.0.0.2:1", 0.0) == 0.0


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 100, allow_nan=False)), max_size=200))
def test_memory_and_waits_are_bounded(failures: list[tuple[int, float]]) -> None:
    guesses = Guesses(GuessingPolicy(most_peers=8))
    now_s = 0.0
    for peer, later_s in failures:
        now_s += later_s
        assert 0.0 <= guesses.failed(f"10.0.0.{peer}:1", now_s) <= POLICY.longest_s
        assert len(guesses) <= 8


def test_the_peer_that_failed_longest_ago_is_forgotten_first() -> None:
    guesses = Guesses(GuessingPolicy(most_peers=2))
    for _ in range(20):
        guesses.failed("10.0.0.1:1", 0.0)
    guesses.failed("10.0.0.2:1", 0.0)
    assert guesses.failed("10.0.0.1:1", 0.0) > 0
    guesses.failed("10.0.0.3:1", 0.0)
    assert guesses.failed("10.0.0.1:1", 0.0) > 0
    for other in range(3, 6):
        guesses.failed(f"10.0.0.{other}:1", 0.0)
    assert guesses.failed("10.0.0.1:1", 0.0) == 0.0


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("10.0.0.1:55", "10.0.0.1"),
        ("[2001:db8:1:2:3:4:5:6]:55", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:1", "2001:db8:1:2::/64"),
        ("[fe80::1%eth0]:1", "fe80::/64"),
        ("[::ffff:10.0.0.1]:55", "10.0.0.1"),
        ("unix:/run/llmservice.sock", "unix:/run/llmservice.sock"),
        ("", ""),
    ],
)
def test_a_peer_is_its_host_or_its_ipv6_network(peer: str, network: str) -> None:
    assert network_of(peer) == network


def test_no_more_peers_are_remembered_than_may_be() -> None:
    guesses = Guesses(GuessingPolicy(most_peers=2))
    for peer in "123":
        guesses.failed(f"10.0.0.{peer}:1", 0.0)
    assert len(guesses) == 2
