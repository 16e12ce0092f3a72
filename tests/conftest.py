"""Fixtures that tests of several folders share: real servers, each started once, when the first test asks."""

import os
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.planted import leaks, planted
from tests.support.postgres import postgres_server, postgres_url
from tests.support.redis import redis_server, redis_url

# loguru's own handler, which tests log to unless they set up another, would show the values of variables.
os.environ["LOGURU_DIAGNOSE"] = "0"

# How fast a machine is, is not what a property says.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

__all__ = ["postgres_server", "postgres_url", "redis_server", "redis_url"]


@pytest.fixture(scope="session", autouse=True)
def state_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the state of the person who runs the tests out of them, and theirs out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        # In the environment of every server that is started.
        patch.setenv("SOMEBODYS_API_KEY", planted("sk"))
        patch.setenv("SOMEBODYS_DATABASE", f"postgresql://me:{planted('word')}@db/x")
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test where it, or what it runs, has written a secret: into the log, at DEBUG, too."""
    report = yield
    leaked = leaks("\n".join(text for _, text in report.sections))
    if leaked and report.outcome == "passed":
        report.outcome = "failed"
        report.longrepr = "a secret was written:\n" + "\n".join(leaked)
    return report
