"""The providers' own stacks behind one model."""

import attrs
import pytest

from domain.model.call import ChatCall
from domain.model.errors import InvalidRequest, ModelUnknown
from domain.services.routes import Routes
from tests.support.core_model import ANSWER, Upstream, ask, drain, question


def to(provider: str) -> ChatCall:
    request = attrs.evolve(question(model="m"), provider=provider, top_k=3)
    return ask(request)


async def test_a_call_goes_to_the_provider_that_it_names_if_its_model_takes_it() -> None:
    able, unable = Upstream(name="able"), Upstream(name="unable", features=frozenset())
    routes = Routes({"able": able, "unable": unable})
    async with routes.stream(to("able")) as events:
        assert await drain(events) == list(ANSWER)
    with pytest.raises(InvalidRequest, match="top_k: is not supported by unable/m"):
        async with routes.stream(to("unable")):
            pass
    assert (able.opened, unable.opened) == (1, 0)


def test_a_model_that_is_not_there_any_more_is_said_to_be_unknown() -> None:
    routes = Routes({"able": Upstream(name="able", only_declared=True)})
    with pytest.raises(ModelUnknown, match="'able' has no model 'm'"):
        routes.stream(to("able"))
