"""Which provider and model a request means."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.model.errors import ModelUnknown
from domain.policy.catalogue import resolve

KNOWN = {"openai": ("gpt", "shared"), "local": ("tiny", "shared"), "router": ("openai/gpt", "x/y")}
names = st.text(alphabet="ab/", max_size=4)


@pytest.mark.parametrize(
    ("provider", "model", "meant"),
    [
        ("openai", "anything", ("openai", "anything")),
        ("openai", "local/tiny", ("openai", "local/tiny")),
        ("", "openai/new", ("openai", "new")),
        ("", "tiny", ("local", "tiny")),
        ("", "x/y", ("router", "x/y")),
        ("", "openai/gpt", ("openai", "gpt")),  # the prefix comes before the catalogue
    ],
)
def test_a_name_means_one_model(provider: str, model: str, meant: tuple[str, str]) -> None:
    assert resolve(provider, model, KNOWN) == meant


@pytest.mark.parametrize(
    ("provider", "model"),
    [("nobody", "gpt"), ("", "gone"), ("", "shared"), ("", "openai/"), ("", "")],
)
def test_a_name_that_means_none_or_several_is_unknown(provider: str, model: str) -> None:
    with pytest.raises(ModelUnknown):
        resolve(provider, model, KNOWN)


@settings(max_examples=150)
@given(
    st.sampled_from(["", "a", "b", "c"]),
    names,
    st.dictionaries(st.sampled_from(["a", "b", "ab"]), st.sets(names, max_size=3)),
)
def test_what_is_found_exists_and_any_name_has_an_answer(
    provider: str, model: str, known: dict[str, set[str]]
) -> None:
    try:
        name, upstream = resolve(provider, model, known)
    except ModelUnknown:
        return
    assert name in known
    if provider:
        assert (name, upstream) == (provider, model)
    else:
        assert model in (upstream, f"{name}/{upstream}")
