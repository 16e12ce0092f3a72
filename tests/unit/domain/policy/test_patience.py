"""How long a provider may be silent."""

import attrs
import pytest

from domain.model.chat import Timeouts
from domain.model.errors import ErrorReason
from domain.policy.patience import Patience
from tests.support.core_model import ask, question

PATIENCE = Patience(first_token_s=10.0, idle_s=4.0)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (Timeouts(), PATIENCE),
        (Timeouts(first_token_s=1.0), Patience(first_token_s=1.0, idle_s=4.0)),
        (Timeouts(idle_s=1.0), Patience(first_token_s=10.0, idle_s=1.0)),
        (Timeouts(first_token_s=1.0, idle_s=2.0), Patience(first_token_s=1.0, idle_s=2.0)),
    ],
)
def test_what_a_call_asks_for_wins(asked: Timeouts, given: Patience) -> None:
    assert PATIENCE.of(ask(attrs.evolve(question(), timeouts=asked))) == given


def test_each_silence_has_its_reason_and_can_be_tried_again() -> None:
    first, idle = PATIENCE.no_first_token(), PATIENCE.idle()
    assert first.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
    assert idle.reason is ErrorReason.PROVIDER_TIMEOUT_IDLE
    assert first.retryable
    assert idle.retryable
    assert "10 s" in first.message
    assert "4 s" in idle.message
