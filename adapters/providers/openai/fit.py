"""A request fitted to the model that it is for: what may not be combined, and OpenAI's words for the rest.

Laws: what a model does not take is refused, or dropped with a warning where the caller allows it; what is
said differently than asked is told; a cache breakpoint is sent as it was asked for or refused. Where only
some parts are marked, those alone are cached, since writing costs more than reading; the request's own
switch adds OpenAI's choice of a place.

Source: https://developers.openai.com/api/docs/guides/deployment-checklist (effort, tools, sampling),
.../guides/prompt-caching
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import attrs

from adapters.providers.chat_completions.dialect import CachePlace, Dialect
from adapters.providers.chat_completions.draft import Draft
from adapters.providers.openai.models import ModelFacts, ToolRule, features_of
from domain.model.caching import CacheControl
from domain.model.chat import ChatRequest, ReasoningEffort
from domain.model.json_value import Json, JsonObject
from domain.policy.breakpoints import breakpoints

_TTLS: Mapping[float, str] = {1_800.0: "30m", 43_200.0: "12h"}
_SWITCH_TTL_S = 1_800.0
"""The only one that the request's own switch takes."""
_SAMPLING: Sequence[tuple[str, Callable[[ChatRequest], float | None]]] = (
    ("temperature", lambda r: r.temperature),
    ("top_p", lambda r: r.top_p),
)


def dialect_of(name: str, facts: ModelFacts) -> Dialect:
    """Return how a model with `facts` is spoken to."""
    return Dialect(
        name=name,
        features=features_of(facts),
        roles=facts.roles,
        end_user_field="safety_identifier",
        cache_mark=partial(_mark, facts.cache_ttls_s) if facts.cache_ttls_s else None,
        cache_places=frozenset({CachePlace.PART}),
    )


def fit(request: ChatRequest, facts: ModelFacts, draft: Draft) -> tuple[ChatRequest, JsonObject]:
    """Return what is left of `request` for the dialect to say, and the fields that say the rest."""
    effort = _beside_tools(request, _effort(request, facts, draft), facts, draft)
    fields: dict[str, Json] = {} if effort is None else {"reasoning_effort": effort}
    fields.update(_caching(request, facts, draft))
    rest = attrs.evolve(request, reasoning=None, cache_control=None)
    if facts.samples_resting and not _rests(effort, facts):
        rest = _unsampled(rest, draft)
    return rest, fields


def _effort(request: ChatRequest, facts: ModelFacts, draft: Draft) -> str | None:
    """Return the model's word for the effort that is asked for; None: nothing is to be said."""
    config, model = request.reasoning, request.model
    if config is None:
        return None
    if config.include_content:
        draft.lack(
            "reasoning.include_content", "cannot be asked of OpenAI, which shows no thoughts"
        )
    if config.budget_tokens is not None:
        draft.lack(
            "reasoning.budget_tokens", f"cannot be asked of {model}: set reasoning.effort instead"
        )
    if config.effort is None:
        return None
    asked, word = config.effort.value, facts.efforts.get(config.effort)
    if word is None:
        known = ", ".join(dict.fromkeys(facts.efforts.values())) or "no effort at all"
        draft.lack("reasoning.effort", f"cannot be {asked!r} for {model}, which takes {known}")
    elif word != asked:
        draft.adjust("reasoning.effort", f"is {asked!r}, which is {word!r} to {model}")
    return word


def _beside_tools(
    request: ChatRequest, effort: str | None, facts: ModelFacts, draft: Draft
) -> str | None:
    """Return the effort that `request` can have with its tools."""
    if not request.tools or facts.tools is ToolRule.ALWAYS or effort == _resting(facts):
        return effort
    if effort is not None:
        draft.lack(
            "reasoning.effort",
            f"cannot be {effort!r} where {request.model} is given tools over Chat Completions: "
            "set it to none, or leave the tools out",
        )
    if facts.tools is ToolRule.UNSAID:
        return None
    draft.adjust(
        "reasoning.effort",
        f"is none: {request.model} takes tools over Chat Completions only so",
    )
    return _resting(facts)


def _resting(facts: ModelFacts) -> str | None:
    return facts.efforts.get(ReasoningEffort.NONE)


def _rests(effort: str | None, facts: ModelFacts) -> bool:
    return facts.rests if effort is None else effort == _resting(facts)


def _unsampled(request: ChatRequest, draft: Draft) -> ChatRequest:
    for field, value_of in _SAMPLING:
        if value_of(request) is not None:
            draft.lack(field, f"is taken by {request.model} only with reasoning.effort none")
    return attrs.evolve(request, temperature=None, top_p=None)


def _caching(request: ChatRequest, facts: ModelFacts, draft: Draft) -> JsonObject:
    switch = request.cache_control
    if switch is None:
        marked = facts.cache_ttls_s and next(breakpoints(request), None) is not None
        return {"prompt_cache_options": {"mode": "explicit"}} if marked else {}
    if not facts.cache_ttls_s:
        draft.lack("cache_control", f"cannot be asked of {request.model}, which caches by itself")
        return {}
    if switch.ttl_s is None:
        return {"prompt_cache_options": {"mode": "implicit"}}
    if switch.ttl_s != _SWITCH_TTL_S:
        draft.refuse(
            "cache_control.ttl",
            f"is {switch.ttl_s:g} s; OpenAI takes {_SWITCH_TTL_S:g} s here: leave it out, or mark "
            "single parts, which may be kept for longer",
        )
    return {"prompt_cache_options": {"mode": "implicit", "ttl": _TTLS[_SWITCH_TTL_S]}}


def _mark(ttls_s: frozenset[float], control: CacheControl) -> JsonObject:
    breakpoint_: dict[str, Json] = {"mode": "explicit"}
    if control.ttl_s is not None:
        if control.ttl_s not in ttls_s:
            allowed = " or ".join(f"{ttl_s:g} s" for ttl_s in sorted(ttls_s))
            raise ValueError(f"keeps a prefix for {control.ttl_s:g} s; the model takes {allowed}")
        breakpoint_["ttl"] = _TTLS[control.ttl_s]
    return {"prompt_cache_breakpoint": breakpoint_}
