"""Settings of providers: facts of models, options of each kind, headers whose values are secret."""

import tomllib

import pytest

from adapters.http.endpoint import Credential, Endpoint
from adapters.providers.anthropic.models import Thinking
from adapters.providers.openai.models import ToolRule
from adapters.wire.codec import ResponseHead, WireRequest
from domain.model.chat import ReasoningEffort
from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.model_info import Feature
from entrypoints.cli.in_force import in_force
from entrypoints.credentials import KeyMissing, header_values
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.headers import Header
from entrypoints.settings.loading import SettingsError, structure
from entrypoints.settings.native import NativeSettings
from entrypoints.settings.tree import Settings

HOUSE = '[providers.house]\nkind = "compatible"\nbase_url = "https://house.test/v1"\n'


def loaded(text: str) -> Settings:
    return structure(tomllib.loads(text))


def native(text: str) -> NativeSettings:
    (found,) = loaded(text).providers.values()
    assert isinstance(found, NativeSettings)
    return found


def test_facts_of_models_are_called_as_each_codec_calls_them() -> None:
    (anthropic,) = native(
        '[providers.anthropic]\nkind = "anthropic"\n[providers.anthropic.models."claude-next*"]\n'
        'like = "claude-opus-5"\nthinking = ["adaptive"]\nefforts = ["low", "max"]\n'
        "sampling = true\ncache_minimum_tokens = 256\n"
    ).models
    assert (anthropic.pattern, anthropic.like) == ("claude-next*", "claude-opus-5")
    assert anthropic.facts == {
        "thinking": frozenset({Thinking.ADAPTIVE}),
        "efforts": frozenset({"low", "max"}),
        "sampling": True,
        "cache_minimum_tokens": 256,
    }
    (openai,) = native(
        '[providers.openai]\nkind = "openai"\n[providers.openai.models."gpt-7"]\n'
        'tools = "resting"\nefforts = {low = "low", high = "max"}\ncache_ttls_s = [1800]\n'
        'refuses = ["temperature"]\n'
    ).models
    assert openai.refuses == {Feature.TEMPERATURE}
    assert openai.facts == {
        "tools": ToolRule.RESTING,
        "efforts": {ReasoningEffort.LOW: "low", ReasoningEffort.HIGH: "max"},
        "cache_ttls_s": frozenset({1800.0}),
    }
    (gemini,) = native(
        '[providers.gemini]\nkind = "gemini"\n[providers.gemini.models."gemini-4"]\n'
        "thinking = {efforts = {low = {thinkingLevel = 'LOW'}}, budgets = [[0, 5]]}\n"
    ).models
    assert gemini.facts["thinking"].efforts == {ReasoningEffort.LOW: {"thinkingLevel": "LOW"}}
    assert list(gemini.facts["thinking"].budgets) == [(0, 5)]


def test_a_compatible_endpoint_says_what_it_and_its_models_take() -> None:
    (house,) = loaded(
        HOUSE + 'only_listed = true\ntakes = ["tools", "seed"]\nrefuses = ["seed"]\n'
        'stream_usage = false\ndeveloper_role = true\n[providers.house.models."m"]\n'
        'context_tokens = 8\nmax_output_tokens = 4\ntakes = ["images"]\n'
    ).providers.values()
    assert isinstance(house, CompatibleSettings)
    assert house.takes == {Feature.TOOLS, Feature.SEED}
    assert house.refuses == {Feature.SEED}
    (model,) = house.models
    assert model.facts == {"context_tokens": 8, "max_output_tokens": 4}
    assert model.takes == {Feature.IMAGES}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '[providers.g]\nkind = "gemini"\norganization = "x"',
            "providers.g.organization: is an option of kind openai, not of gemini",
        ),
        (
            '[providers.o]\nkind = "openai"\napi_version = "x"',
            "providers.o.api_version: is an option of kind anthropic and gemini, not of openai",
        ),
        (
            f'{HOUSE}betas = ["x"]',
            "providers.house.betas: is an option of kind anthropic, not of compatible",
        ),
        (
            '[providers.a]\nkind = "anthropic"\nbetas = ["a b"]',
            "providers.a.betas: must be names of letters, digits, . _ and -",
        ),
        (
            '[providers.a]\nkind = "anthropic"\n[providers.a.models."x.y"]\nsampling = "perhaps"',
            "providers.a.models.x.y.sampling: must be true or false",
        ),
        (
            '[providers.a]\nkind = "anthropic"\n[providers.a.models.x]\nthinking = ["deep"]',
            "providers.a.models.x.thinking: must be one of: adaptive, enabled",
        ),
        (
            '[providers.a]\nkind = "anthropic"\n[providers.a.models]\nx = 5',
            "providers.a.models.x: must be a table",
        ),
        (
            f'{HOUSE}headers = {{Host = "x"}}',
            "providers.house.headers.Host: is set by the service itself",
        ),
        (
            f'{HOUSE}headers = {{x = "a\\nb"}}',
            'providers.house.headers.x: must be visible ASCII, or { env = "VARIABLE" }',
        ),
        (
            f'{HOUSE}options = {{model = "x"}}',
            "providers.house.options.model: is set by the service itself",
        ),
        (f'{HOUSE}options = "x"', "providers.house.options: must be a table"),
        (f'{HOUSE}headers = "x"', "providers.house.headers: must be a table"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("nope = 1", "providers.o.models.m.nope: is not known; there are "),
        ('like = "gpt-0"', "providers.o.models.m.like: must be a model that is known: gpt-"),
        ('takes = ["x"]', "providers.o.models.m.takes: must be one of: tools, "),
        ("takes = 5", "providers.o.models.m.takes: must be a list"),
        ("efforts = {deep = 'x'}", "providers.o.models.m.efforts.deep: must be one of"),
    ],
)
def test_what_cannot_be_said_of_a_model_is_named_by_its_path(text: str, beginning: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(f'[providers.o]\nkind = "openai"\n[providers.o.models.m]\n{text}')
    assert str(caught.value).startswith(beginning)


def test_a_headers_value_may_come_from_the_environment_and_is_hidden_like_any_other() -> None:
    headers = {"x-team": Header("red"), "cf-auth": Header(env="CF_TOKEN")}
    values, secrets = header_values(headers, {"CF_TOKEN": "s3cret\n"})
    assert values == {"x-team": "red", "cf-auth": "s3cret"}
    assert set(secrets) == {"red", "s3cret"}
    with pytest.raises(KeyMissing, match="set CF_TOKEN, which holds the header cf-auth"):
        header_values(headers, {})
    with pytest.raises(KeyMissing, match="name of a variable") as caught:
        header_values({"x": Header(env="sk-live s3cret")}, {})
    assert "s3cret" not in str(caught.value)
    with pytest.raises(KeyMissing, match="visible ASCII") as caught:
        header_values(headers, {"CF_TOKEN": "s3\r\ncret"})
    assert "cret" not in str(caught.value)


def test_a_secret_header_is_sent_and_shown_nowhere_else() -> None:
    endpoint = Endpoint(
        base_url="https://house.test/v1",
        credential=Credential("k#1", "sk-the-key"),
        headers={"cf-auth": "a-s3cret"},
        secrets=("a-s3cret",),
    )
    asked = endpoint.asked(WireRequest(path="/x", body=b"{}"), wait_s=1.0, due_s=60.0)
    assert (b"cf-auth", b"a-s3cret") in asked.headers.pairs
    assert "s3cret" not in repr(endpoint) + repr(asked) + repr(asked.headers)
    head, body = endpoint.scrubbed(
        ResponseHead(401, {"x": "a a-s3cret"}), b"sk-the-key and a-s3cret"
    )
    assert (head.headers["x"], body) == ("a [hidden]", b"[hidden] and [hidden]")
    error = ProviderFailure("sk-the-key, a-s3cret", ErrorReason.PROVIDER_AUTH_FAILED)
    assert endpoint.discreet(error).message == "[hidden], [hidden]"


def test_what_is_in_force_shows_facts_and_hides_headers() -> None:
    settings = loaded(
        '[providers.anthropic]\nkind = "anthropic"\nbetas = ["b-1"]\n'
        'options = {service_tier = "auto"}\nheaders = {x-key = "s3cret", y = {env = "Y_KEY"}}\n'
        '[providers.anthropic.models."claude-*"]\nthinking = ["adaptive"]\nlike = "claude-opus-5"\n'
        + HOUSE
        + '[providers.house.models.m]\ncontext_tokens = 5\ntakes = ["images"]\n'
        + '[providers.play]\nkind = "scripted"\nmodels = {m = [{say = "x"}]}\n'
    )
    lines = "\n".join(in_force(settings))
    assert "s3cret" not in lines
    for line in (
        'headers.x-key = "(hidden)"',
        'headers.y = { env = "Y_KEY" }',
        'betas = ["b-1"]',
        'options = {"service_tier": "auto"}',
        '[providers.anthropic.models."claude-*"]',
        'thinking = ["adaptive"]',
        'like = "claude-opus-5"',
        "[providers.house.models.m]",
        'takes = ["images"]',
        "context_tokens = 5",
        "models = { m = ... }",
    ):
        assert line in lines.splitlines(), line
    assert "organization" not in lines.partition("[providers.house]")[0]
    assert "referer" not in lines


@pytest.mark.parametrize(
    "provider",
    [
        '[providers.openai]\nkind = "openai"\n',
        HOUSE,
        '[providers.demo]\nkind = "scripted"\nmodels.hello = [{ say = "Hello" }]\n',
    ],
    ids=["native", "compatible", "scripted"],
)
def test_each_kind_says_what_becomes_of_an_answer_whose_caller_leaves(provider: str) -> None:
    for line, policy in (("", "cancel"), ('on_disconnect = "drain"\n', "drain")):
        (found,) = loaded(provider + line).providers.values()
        assert found.on_disconnect == policy
    with pytest.raises(SettingsError, match="on_disconnect: must be cancel or drain"):
        loaded(provider + 'on_disconnect = "wait"\n')
