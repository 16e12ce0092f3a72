"""What is kept of an answer that several hear."""

from hypothesis import given
from hypothesis import strategies as st

from domain.model.events import ChatEvent, TextDelta
from domain.policy.keeping import weight
from domain.policy.replay_buffer import ReplayBuffer

EVENT = TextDelta("x")
SIZE = weight(EVENT)


def filled(count: int, *, bound: int, heard: int) -> ReplayBuffer:
    kept = ReplayBuffer(bound)
    for number in range(count):
        kept.add(EVENT)
        kept.furthest = min(number + 1, heard)
    return kept


def test_what_is_short_is_kept_whole() -> None:
    kept = filled(10, bound=10 * SIZE, heard=10)
    assert (kept.first, kept.count, kept.whole, kept.overfull) == (0, 10, True, False)


def test_of_what_is_long_the_oldest_goes_first_and_several_at_once() -> None:
    kept = filled(11, bound=10 * SIZE, heard=11)
    assert (kept.first, kept.count, kept.whole) == (4, 11, False)
    assert kept.size == len(kept.events) * SIZE == 7 * SIZE


def test_what_nobody_has_heard_stays_whatever_it_takes() -> None:
    kept = filled(30, bound=10 * SIZE, heard=2)
    assert (kept.first, kept.count) == (2, 30)
    assert kept.overfull


@given(
    st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=80),
    st.integers(0, 5_000),
)
def test_what_is_kept_is_the_end_and_its_size_is_known(
    steps: list[tuple[int, bool]], bound: int
) -> None:
    kept, said = ReplayBuffer(bound), list[ChatEvent]()
    for length, heard in steps:
        said.append(TextDelta("x" * length))
        kept.add(said[-1])
        assert kept.events == said[kept.first :]
        assert kept.count == len(said)
        assert kept.size == sum(map(weight, kept.events))
        assert kept.first <= kept.furthest
        assert kept.size <= bound or kept.first == kept.furthest
        kept.furthest = len(said) if heard else kept.furthest
