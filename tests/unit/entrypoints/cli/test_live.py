"""What `check --live` prints."""

import pytest

from entrypoints.cli.live import show
from entrypoints.live.verdict import Verdict


@pytest.mark.parametrize(
    ("count", "end"), [(1, "there: m0"), (5, "m3, m4"), (6, "m4 and 1 more"), (30, "and 25 more")]
)
def test_a_remark_names_a_few_models_and_counts_the_rest(
    count: int, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tuple(f"m{index}" for index in range(count))
    show([Verdict(provider="p", unavailable=names)])
    assert capsys.readouterr().out.rstrip().endswith(end)
